// Copies examples, and shows them in the language that was chosen. Without it all of them are shown.
"use strict";
const handbook = document.querySelector(".handbook");
const said = document.getElementById("copied");
const KEPT = "tokuten-api-examples";

function kept() {
  try { return window.localStorage.getItem(KEPT) || "curl"; } catch { return "curl"; }
}

function keep(label) {
  try { window.localStorage.setItem(KEPT, label); } catch { /* for this page alone, then */ }
}

function show(label) {
  for (const sample of handbook.querySelectorAll(".sample[data-label]")) sample.hidden = sample.dataset.label !== label;
}

function select(code) {
  const range = document.createRange();
  range.selectNodeContents(code);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(button) {
  const code = button.closest(".sample").querySelector("code");
  let told = handbook.dataset.copied;
  try {
    await navigator.clipboard.writeText(code.textContent.trimEnd());
  } catch { // no permission, or plain http
    select(code);
    if (!document.execCommand("copy")) told = handbook.dataset.notCopied;
  }
  said.textContent = "";
  window.setTimeout(() => { said.textContent = told; }, 50); // the same words twice are heard twice
  const name = button.firstChild;
  const usual = button.dataset.usual || (button.dataset.usual = name.textContent);
  name.textContent = told;
  window.setTimeout(() => { name.textContent = usual; }, 2000);
}

for (const hidden of handbook.querySelectorAll(".copy, .choose")) hidden.hidden = false;
for (const name of handbook.querySelectorAll(".sample-name")) name.hidden = true;
show(kept());
if (window.location.hash) { // what was hidden above has moved it
  const target = document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
  if (target) target.scrollIntoView();
}

handbook.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("copy")) { copy(button); return; }
  const label = button.dataset.choose;
  const samples = button.closest(".samples");
  const before = samples.getBoundingClientRect().top;
  keep(label);
  show(label);
  window.scrollBy(0, samples.getBoundingClientRect().top - before); // the same place stays under the eye
  samples.querySelector(`.sample[data-label="${label}"] [data-choose="${label}"]`).focus({ preventScroll: true });
});
