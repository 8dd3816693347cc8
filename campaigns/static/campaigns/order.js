// A download does not leave the page, so the button that worked once is put away by hand.
"use strict";
document.addEventListener("submit", (event) => {
  const done = event.target.dataset.once;
  const button = event.target.querySelector("button");
  if (!done || !button) return;
  setTimeout(() => {
    button.disabled = true;
    button.textContent = done;
  }, 0);
});
