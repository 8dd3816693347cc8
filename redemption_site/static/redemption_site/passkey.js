// Passkeys: one form per page, data-passkey "get" (to sign in) or "create" (to add one). The browser asks its
// person; what it answers goes with the form. Without this script, or in a browser that knows no passkeys,
// the form stays hidden.
(() => {
  "use strict";
  const form = document.querySelector("form[data-passkey]");
  const isUsable = form && window.PublicKeyCredential && location.origin === form.dataset.origin;
  if (!isUsable) return;
  form.hidden = false;
  form.closest("[data-passkey-only]")?.removeAttribute("hidden");
  document.getElementById("passkey-unusable")?.setAttribute("hidden", "");

  const bytesOf = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
  const textOf = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  // The JSON forms of Web Authentication Level 3, written out: not every browser has them yet.
  const optionsOf = (json) => {
    const options = JSON.parse(json).publicKey;
    options.challenge = bytesOf(options.challenge);
    if (options.user) options.user.id = bytesOf(options.user.id);
    for (const known of [...(options.excludeCredentials ?? []), ...(options.allowCredentials ?? [])]) known.id = bytesOf(known.id);
    return options;
  };
  const jsonOf = (credential) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = textOf(credential.response[name]);
    }
    const { id, type } = credential;
    return JSON.stringify({ id, rawId: textOf(credential.rawId), type, response, clientExtensionResults: {} });
  };

  const said = form.querySelector("[data-said]");
  const button = form.querySelector("button[type=submit]");
  form.addEventListener("submit", async (event) => {
    // Without its name no passkey is made: the server says what is missing.
    if (form.elements.name?.value.trim() === "") return;
    event.preventDefault();
    said.textContent = "";
    button.disabled = true;
    try {
      const publicKey = optionsOf(form.dataset.options);
      const credential = await navigator.credentials[form.dataset.passkey]({ publicKey });
      form.elements.credential.value = jsonOf(credential);
      form.submit();
    } catch (reason) {
      said.textContent =
        reason.name === "InvalidStateError" && form.dataset.known ? form.dataset.known : form.dataset.failed;
      button.disabled = false;
      button.focus();
    }
  });
  // Back from the next page: the button works again.
  addEventListener("pageshow", () => (button.disabled = false));
})();
