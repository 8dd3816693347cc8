// The code field: fills it from the link, groups it while it is typed, and tells typing errors before anything is sent.
// The page does all of this without the script too, except for the link: a fragment never reaches a server.
"use strict";
(() => {
  // The code in a claim link, as redemption_site/links.py reads it; null in any other text.
  function codeInLink(text) {
    const found = /#c=([^&\s]*)/.exec(text);
    if (!found) return null;
    try {
      return decodeURIComponent(found[1]);
    } catch {
      return found[1]; // Not encoded, then: as it stands.
    }
  }

  // The code of this page's own address. It leaves the address bar and the history.
  function takeFromAddress() {
    const code = codeInLink(location.hash);
    if (code !== null) history.replaceState(history.state, "", location.pathname + location.search);
    return code;
  }

  const form = document.getElementById("code-form");
  if (!form) {
    takeFromAddress();
    window.addEventListener("hashchange", takeFromAddress);
    return;
  }
  const input = document.getElementById("code");
  const parts = Object.fromEntries(
    ["field", "summary", "summary-text", "summary-advice", "code-error", "code-error-text", "code-status", "code-count"].map((id) => [
      id,
      document.getElementById(id),
    ]),
  );
  const DIGITS = 16;
  const MAX_TYPED = 64;
  const plainTitle = document.title.replace(form.dataset.error + " ", "");

  // What giftcodes/codec.py drops; tests/browser compares the two.
  const DROPPED =
    /[ \t\n\v\f\r\u0085\u1680\u2028\u2029\-\u2010\u2012-\u2015\u2212\u30fc\u00ad\u180e\u200b-\u200d\u2060\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  // The quasigroup of H. M. Damm (2004), as in giftcodes/codec.py.
  const DAMM = [
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
  ];

  const bare = (text) => text.normalize("NFKC").replace(DROPPED, "");
  const isDigits = (text) => /^[0-9]*$/.test(text);
  const grouped = (digits) => digits.replace(/(.{4})(?=.)/g, "$1-");
  const say = (reason) => form.getAttribute("data-" + reason);

  function damm(digits) {
    let state = 0;
    for (const digit of digits) state = Number(DAMM[state][digit]);
    return state;
  }

  function reasonAgainst(text) {
    if (!text.trim()) return "empty";
    if ([...text].length > MAX_TYPED) return "too_long";
    const code = bare(text);
    if (!isDigits(code)) return "characters";
    if (code.length !== DIGITS) return "length";
    if (code[0] === "0") return "first_digit";
    return damm(code) === 0 ? "" : "check_digit";
  }

  function show(reason) {
    const wrong = Boolean(reason);
    const text = wrong ? say(reason) : "";
    if (parts["code-error-text"].textContent !== text) parts["code-error-text"].textContent = text;
    parts["code-error"].hidden = !wrong;
    parts.field.classList.toggle("field-wrong", wrong);
    input.setAttribute("aria-describedby", wrong ? "code-hint code-error" : "code-hint");
    if (wrong) input.setAttribute("aria-invalid", "true");
    else {
      input.removeAttribute("aria-invalid");
      parts.summary.hidden = true;
      document.title = plainTitle;
    }
  }

  // Digits only are grouped; anything else stays as typed, so that its writer can see it.
  function regroup() {
    const code = bare(input.value);
    if (!isDigits(code) || code.length > DIGITS) return;
    const before = bare(input.value.slice(0, input.selectionStart)).length;
    const atEnd = input.selectionStart === input.value.length;
    const text = grouped(code);
    if (text === input.value) return;
    input.value = text;
    const caret = atEnd ? text.length : before + Math.max(0, Math.floor((before - 1) / 4));
    input.setSelectionRange(caret, caret);
  }

  function count() {
    const code = bare(input.value);
    parts["code-count"].textContent = code && isDigits(code) ? code.length + " / " + DIGITS : "";
  }

  function put(text) {
    input.value = text.slice(0, MAX_TYPED + 1);
  }

  function unlink() {
    const code = codeInLink(input.value);
    if (code !== null) put(code);
  }

  let wasWhole = false;
  function typed(event) {
    if (event && event.isComposing) return;
    unlink();
    regroup();
    count();
    parts["code-status"].textContent = "";
    const isWhole = bare(input.value).length === DIGITS;
    // A whole code is judged at once; a part of one only when it is sent, or once it was found wrong.
    if (isWhole || wasWhole || !parts["code-error"].hidden) {
      const reason = reasonAgainst(input.value);
      show(isWhole ? reason : "");
      if (isWhole && reason) parts["code-status"].textContent = say(reason);
    }
    wasWhole = isWhole;
  }

  function fillFromLink() {
    const code = takeFromAddress();
    if (code === null) return;
    put(code);
    typed();
    const reason = reasonAgainst(input.value);
    show(reason);
    parts["code-status"].textContent = say(reason || "filled");
    input.focus();
  }

  // The switch of the language loads the page anew. What was typed waits for that in this tab: not in the form of the
  // switch, which answers with an address.
  const KEPT = "typed-before-the-language-switch";
  const SECONDS_KEPT = 60;

  function keepForSwitch() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ text: input.value.slice(0, MAX_TYPED + 1), at: Date.now() }));
    } catch {
      // The browser keeps nothing for this site; the code has to be typed again.
    }
  }

  function fillFromSwitch() {
    try {
      const entry = sessionStorage.getItem(KEPT);
      sessionStorage.removeItem(KEPT);
      const kept = JSON.parse(entry);
      if (!kept || !kept.text || Date.now() - kept.at > SECONDS_KEPT * 1000) return;
      put(kept.text);
    } catch {
      return;
    }
    typed();
  }

  document.getElementById("language-form")?.addEventListener("submit", keepForSwitch);
  form.addEventListener("submit", (event) => {
    unlink();
    const reason = reasonAgainst(input.value);
    if (!reason) return;
    event.preventDefault();
    show(reason);
    document.title = form.dataset.error + " " + plainTitle;
    parts["code-status"].textContent = "";
    if (parts["summary-advice"]) parts["summary-advice"].hidden = true;
    parts["summary-text"].textContent = say(reason);
    parts.summary.hidden = false;
    parts.summary.focus();
  });
  parts["summary-text"].addEventListener("click", (event) => {
    event.preventDefault();
    input.focus();
  });
  input.addEventListener("input", typed);
  input.addEventListener("compositionend", () => typed());
  window.addEventListener("hashchange", fillFromLink);

  regroup();
  count();
  if (!parts.summary.hidden) parts.summary.focus();
  fillFromSwitch();
  fillFromLink();
})();
