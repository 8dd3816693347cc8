// Shows of the legal inputs those that the stated form asks for. Without it all are shown, and the rest is ignored.
(() => {
  "use strict";
  const form = document.getElementById("id_legal_form");
  if (!form || !form.dataset.askedOf) return;
  const askedOf = JSON.parse(form.dataset.askedOf);
  const askedWith = JSON.parse(form.dataset.askedWith);
  const input = name => document.getElementById(`id_${name}`);
  const rowOf = field => field.closest(".field-row, .form-row") || field.closest("div[class*='field-']") || field.parentElement;
  const says = (name, wanted) => {
    const other = input(name);
    return other.type === "checkbox" ? other.checked === (wanted === "on") : other.value === wanted;
  };
  const show = () => {
    for (const [name, forms] of Object.entries(askedOf)) {
      const field = input(name);
      if (!field) continue;
      const other = askedWith[name];
      rowOf(field).hidden = !(forms.includes(form.value) && (!other || says(...other)));
    }
  };
  const watched = new Set(Object.values(askedWith).map(([name]) => name));
  [form, ...[...watched].map(input)].forEach(field => field && field.addEventListener("change", show));
  show();
})();
