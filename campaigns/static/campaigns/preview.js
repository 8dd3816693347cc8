// The member's page on a telephone beside the form, as it would be with what has been typed. It asks the same preview
// that the button opens, and puts its telephone here; nothing is saved, and the frame can run and send nothing.
(() => {
  "use strict";
  const pane = document.getElementById("live-preview");
  if (!pane) return;
  const form = pane.closest("form");
  const frame = pane.querySelector("iframe");
  const hint = pane.querySelector("[data-hint]");
  const toggle = pane.querySelector("[data-toggle]");
  const languages = [...pane.querySelectorAll("[data-lang]")];
  let waiting, asked;

  const typed = () => {
    const data = new FormData(form);
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
    data.set("lang", languages.find(button => button.getAttribute("aria-pressed") === "true").dataset.lang);
    return data;
  };
  const show = async () => {
    if (!pane.classList.contains("is-open")) return;
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(pane.dataset.preview, { method: "POST", body: typed(), signal: asked.signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const phone = answer.ok ? page.querySelector(".preview-phone iframe") : null;
      hint.hidden = Boolean(phone);
      if (phone && frame.srcdoc !== phone.srcdoc) frame.srcdoc = phone.srcdoc;
    } catch (error) {
      if (error.name !== "AbortError") hint.hidden = false;
    }
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 400);
  };
  const open = isOpen => {
    pane.classList.toggle("is-open", isOpen);
    toggle.setAttribute("aria-expanded", String(isOpen));
    show();
  };

  pane.hidden = false;
  toggle.addEventListener("click", () => open(!pane.classList.contains("is-open")));
  for (const button of languages) {
    button.addEventListener("click", () => {
      for (const other of languages) other.setAttribute("aria-pressed", String(other === button));
      show();
    });
  }
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  open(matchMedia("(min-width: 1280px)").matches);
})();
