// A download does not leave the page, so the button that worked once is put away by hand, and its row told.
"use strict";
document.addEventListener("submit", (event) => {
  const done = event.target.dataset.once;
  const button = event.target.querySelector("button");
  if (!done || !button) return;
  setTimeout(() => {
    button.disabled = true;
    button.textContent = done;
    const row = event.target.closest("section").querySelector("#downloaded, [data-downloaded]");
    row.textContent = done;
  }, 0);
});
