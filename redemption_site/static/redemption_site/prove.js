// Solves the challenge of the page (ALTCHA, version 2, PBKDF2) and puts the proof into its form. Our own solver, because
// ALTCHA's widget weighs as much as a page here may; it needs the browser's own SubtleCrypto alone.
"use strict";
(() => {
  const form = document.getElementById("prove-form");
  const status = document.getElementById("prove-status");
  const button = document.getElementById("prove-button");
  const bar = document.getElementById("prove-progress");
  const challenge = JSON.parse(form.dataset.challenge);
  const { parameters } = challenge;
  const MOST_COUNTERS = Number(form.dataset.most);

  const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

  async function derived(counter) {
    const nonce = bytesOf(parameters.nonce);
    const password = new Uint8Array(nonce.length + 4);
    password.set(nonce);
    new DataView(password.buffer).setUint32(nonce.length, counter);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    const how = { name: "PBKDF2", hash: "SHA-256", salt: bytesOf(parameters.salt), iterations: parameters.cost };
    return hexOf(new Uint8Array(await crypto.subtle.deriveBits(how, key, parameters.keyLength * 8)));
  }

  async function solve() {
    for (let counter = 0; counter <= MOST_COUNTERS; counter += 1) {
      bar.value = counter;
      const derivedKey = await derived(counter);
      if (derivedKey.startsWith(parameters.keyPrefix)) return { counter, derivedKey };
    }
    throw new Error("no counter fits");
  }

  document.getElementById("prove-needs-script").hidden = true;
  form.hidden = false;
  solve().then(
    (solution) => {
      form.elements.proof.value = btoa(JSON.stringify({ challenge, solution }));
      bar.value = bar.max;
      status.textContent = form.dataset.done;
      button.disabled = false;
    },
    () => {
      status.textContent = form.dataset.failed;
    },
  );
})();
