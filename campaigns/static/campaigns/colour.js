// Shows below the colour what members will see of it, in the very colours that their pages get.
(() => {
  "use strict";
  const input = document.getElementById("id_colour");
  const sample = document.getElementById("colour-sample");
  if (!input || !sample) return;
  input.closest("div").append(sample);
  const line = sample.querySelector("[data-line]");
  const pale = sample.querySelector("[data-pale]");
  let asked = "";

  const luminance = colour => [1, 3, 5]
    .map(at => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const contrast = (one, other) => {
    const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
  };

  const show = async () => {
    const colour = input.value.toLowerCase();
    if (!/^#[0-9a-f]{6}$/.test(colour)) return;
    asked = colour;
    const css = await (await fetch(sample.dataset.theme.replace("000000", colour.slice(1)))).text();
    if (asked !== colour) return;
    const found = Object.fromEntries([...css.matchAll(/--([a-z-]+):(#[0-9a-f]{6})/g)].map(match => match.slice(1)));
    for (const [name, value] of Object.entries(found)) sample.style.setProperty(`--${name}`, value);
    const ratio = contrast(found.brand, found["on-brand"]);
    line.textContent = line.dataset.line.replace("{ratio}", (Math.floor(ratio * 10) / 10).toFixed(1));
    pale.hidden = contrast(found.brand, "#ffffff") >= Number(pale.dataset.pale);
    sample.hidden = false;
  };
  input.addEventListener("input", show);
  show();
})();
