// The code field: fills it from the link, groups it while it is typed, and tells typing errors before anything is sent.
// The page does all of this without the script too, except for the link: a fragment never reaches a server.
"use strict";
(() => {
  const { DIGITS, MAX_TYPED, bare, codeInLink, isDigits, isSeparator, reasonAgainst, suspect } = TokutenCode;

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
  const tick = document.getElementById("accept");
  const tickParts = tick && ["accept-field", "accept-error", "summary-tick"].map((id) => document.getElementById(id));
  const plainTitle = document.title.replace(form.dataset.error + " ", "");

  const grouped = (digits) => digits.replace(/(.{4})(?=.)/g, "$1-");
  const say = (reason) => form.getAttribute("data-" + reason);

  const filled = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);

  // The text for a fault, with the group to look at first where one can be named.
  function told(reason) {
    const found = suspect(input.value);
    return say(reason) + (found ? " " + filled(say("hint-" + found.kind), found) : "");
  }

  function show(reason) {
    const wrong = Boolean(reason);
    const text = wrong ? told(reason) : "";
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

  // The tick that accepts the conditions, where the page asks for it.
  function showTick(isMissing) {
    if (!tick) return;
    const [field, error, summary] = tickParts;
    error.hidden = summary.hidden = !isMissing;
    field.classList.toggle("field-wrong", isMissing);
    if (isMissing) {
      tick.setAttribute("aria-invalid", "true");
      tick.setAttribute("aria-describedby", "accept-error");
    } else {
      tick.removeAttribute("aria-invalid");
      tick.removeAttribute("aria-describedby");
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

  // The hyphens are the script's: a key that deletes goes past them to the digit that its writer means.
  function stepOverHyphen(event) {
    const at = input.selectionStart;
    if (at !== input.selectionEnd) return;
    if (event.inputType === "deleteContentBackward" && input.value[at - 1] === "-") input.setSelectionRange(at - 1, at - 1);
    if (event.inputType === "deleteContentForward" && input.value[at] === "-") input.setSelectionRange(at + 1, at + 1);
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

  // Pasted groups of another size are left as they were written: they show where a digit is missing.
  function isOddPaste(event) {
    return /^insertFrom(Paste|Drop)$/.test(event?.inputType) && suspect(input.value)?.kind === "size";
  }

  // A hyphen after three digits: the fourth was left out just now.
  function shortGroup(event) {
    const typedSoFar = bare(input.value).length;
    const isAtEnd = input.selectionStart === input.value.length;
    return isSeparator(event?.data ?? "") && isAtEnd && typedSoFar % 4 === 3 ? Math.ceil(typedSoFar / 4) : 0;
  }

  let wasWhole = false;
  function typed(event) {
    if (event && event.isComposing) return;
    unlink();
    const isOdd = isOddPaste(event);
    const short = shortGroup(event);
    if (!isOdd) regroup();
    count();
    parts["code-status"].textContent = short ? filled(say("hint-short"), { group: short }) : "";
    const isWhole = isOdd || bare(input.value).length === DIGITS;
    // A whole code is judged at once; a part of one only when it is sent, or once it was found wrong.
    if (isWhole || wasWhole || !parts["code-error"].hidden) {
      const reason = reasonAgainst(input.value);
      show(isWhole ? reason : "");
      if (isWhole && reason) parts["code-status"].textContent = told(reason);
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
    parts["code-status"].textContent = reason ? told(reason) : say("filled");
    input.focus();
  }

  // So that typing the group once more replaces it.
  function selectSuspect() {
    const found = suspect(input.value);
    if (!found || input.value !== grouped(bare(input.value))) return;
    const at = (found.group - 1) * 5;
    input.setSelectionRange(at, at + 4);
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
    const isUnticked = tick !== null && !tick.checked;
    if (!reason && !isUnticked) return;
    event.preventDefault();
    show(reason);
    showTick(isUnticked);
    parts["summary-text"].parentElement.hidden = !reason;
    document.title = form.dataset.error + " " + plainTitle;
    parts["code-status"].textContent = "";
    if (parts["summary-advice"]) parts["summary-advice"].hidden = true;
    if (reason) parts["summary-text"].textContent = told(reason);
    parts.summary.hidden = false;
    parts.summary.focus();
  });
  parts["summary-text"].addEventListener("click", (event) => {
    event.preventDefault();
    input.focus();
    selectSuspect();
  });
  tick?.addEventListener("change", () => {
    if (tick.checked) showTick(false);
    if (tick.checked && !reasonAgainst(input.value)) show("");
  });
  // From scan.js: taken, by preventing the default, if it is a code or a link with one. It is not sent.
  form.addEventListener("scanned", (event) => {
    const code = codeInLink(event.detail) ?? event.detail;
    if (reasonAgainst(code)) return;
    event.preventDefault();
    put(code);
    typed();
    // After the dialog has closed: what changes behind an open one is not read out.
    setTimeout(() => (parts["code-status"].textContent = say("scanned")), 200);
  });
  input.addEventListener("beforeinput", stepOverHyphen);
  input.addEventListener("input", typed);
  input.addEventListener("compositionend", () => typed());
  window.addEventListener("hashchange", fillFromLink);

  regroup();
  count();
  if (!parts.summary.hidden) parts.summary.focus();
  fillFromSwitch();
  fillFromLink();
})();
