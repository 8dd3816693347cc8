// Searches travel in the address, and addresses are logged: something as long as a code must not get into one.
"use strict";
document.addEventListener("submit", (event) => {
  if (event.target.method !== "get") return;
  const texts = [...new FormData(event.target).values()].filter((value) => typeof value === "string");
  const looksLikeCode = texts.some((text) => text.normalize("NFKC").replace(/\D/g, "").length >= 15);
  if (!looksLikeCode) return;
  event.preventDefault();
  const words = {
    ja: "コードは検索できません。シリアル番号（10桁）で検索してください。",
    en: "Codes can't be searched for. Use the serial number (10 digits).",
  };
  window.alert(words[document.documentElement.lang] || words.en);
});
