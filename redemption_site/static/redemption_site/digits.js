// Reads what people type as a code, word for word as the server does (giftcodes/codec.py, redemption_site/links.py,
// redemption_site/typos.py); tests/browser compares the two. Pure: it touches no page.
"use strict";
const TokutenCode = (() => {
  const DIGITS = 16;
  const GROUPS = 4;
  const PLACES = 4;
  const MAX_TYPED = 64;
  const SEPARATORS = /[ \t\n\v\f\r\u0085\u1680\u2028\u2029\-\u2010\u2012-\u2015\u2212\u30fc]+/;
  const UNSEEN = /[\u00ad\u180e\u200b-\u200d\u2060\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  // The quasigroup of H. M. Damm (2004).
  const DAMM = [
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
  ];
  const LOOKALIKES = Object.fromEntries(
    [["OoDQ", "0"], ["Iil|", "1"], ["Zz", "2"], ["Ss", "5"], ["B", "8"], ["bG", "6"], ["gq", "9"]].flatMap(
      ([signs, digit]) => [...signs].map((sign) => [sign, digit]),
    ),
  );
  const CONFUSED = new Set("12 23 45 56 78 89 14 47 25 58 36 69 08 17 38 68 06".split(" "));
  const WEIGHT_CONFUSED = 3;
  const WEIGHT_OTHER = 1;
  const WEIGHT_SWAP = 2;

  const partsOf = (text) => text.normalize("NFKC").replace(UNSEEN, "").split(SEPARATORS).filter(Boolean);
  const bare = (text) => partsOf(text).join("");
  const isSeparator = (text) => text !== "" && !text.normalize("NFKC").replace(SEPARATORS, "");
  const isDigits = (text) => /^[0-9]*$/.test(text);

  // The code in a claim link; null in any other text.
  function codeInLink(text) {
    const found = /#c=([^&\s]*)/.exec(text);
    if (!found) return null;
    try {
      return decodeURIComponent(found[1]);
    } catch {
      return found[1]; // Not encoded, then: as it stands.
    }
  }

  function damm(digits) {
    let state = 0;
    for (const digit of digits) state = Number(DAMM[state][digit]);
    return state;
  }

  // Why a text is not a code, by the words of NotACodeReason; "" for a well-formed one.
  function reasonAgainst(text) {
    if (!text.trim()) return "empty";
    if ([...text].length > MAX_TYPED) return "too_long";
    const code = bare(text);
    if (!isDigits(code)) return "characters";
    if (code.length !== DIGITS) return "length";
    if (code[0] === "0") return "first_digit";
    return damm(code) === 0 ? "" : "check_digit";
  }

  const isCode = (digits) => digits[0] !== "0" && damm(digits) === 0;

  // The group to compare first, as typos.suspect names it; null where nothing points at any.
  function suspect(text) {
    const reason = reasonAgainst(text);
    const parts = partsOf(text);
    const code = parts.join("");
    if (reason === "characters") return letter(parts, [...code]);
    if (reason === "length") return size(parts) || double(code);
    return reason === "check_digit" ? likeliest(code) : null;
  }

  function letter(parts, signs) {
    const split = [0, 1, 2, 3].map((at) => signs.slice(at * PLACES, (at + 1) * PLACES));
    const groups = parts.length === GROUPS ? parts.map((part) => [...part]) : split;
    for (const [at, group] of groups.entries()) {
      for (const sign of group) {
        if (sign in LOOKALIKES) return { kind: "letter", group: at + 1, digits: group.join(""), sign, digit: LOOKALIKES[sign] };
        if (!/^[0-9]$/.test(sign)) return null;
      }
    }
    return null;
  }

  // Four, four, four and what is left is how the page itself groups, and tells nothing.
  function size(parts) {
    const odd = parts.flatMap((part, at) => (part.length === PLACES ? [] : [at]));
    if (parts.length !== GROUPS || odd.length !== 1 || odd[0] === GROUPS - 1) return null;
    return { kind: "size", group: odd[0] + 1, digits: parts[odd[0]] };
  }

  const groupOf = (at) => Math.min(Math.floor(at / PLACES), GROUPS - 1);
  const named = (kind, code, at) => ({ kind, group: at + 1, digits: code.slice(at * PLACES, (at + 1) * PLACES) });

  // A doubled digit is easily typed once, or three times.
  function double(code) {
    const groups = new Set();
    for (const { 0: run, 1: digit, index } of code.matchAll(/(.)\1*/g)) {
      let repaired = "";
      if (code.length === DIGITS - 1) repaired = code.slice(0, index) + digit + code.slice(index);
      else if (code.length === DIGITS + 1 && run.length > 1) repaired = code.slice(0, index) + code.slice(index + 1);
      if (repaired && isCode(repaired)) groups.add(groupOf(index));
    }
    return groups.size === 1 ? named("double", code, [...groups][0]) : null;
  }

  // By the weight of the repairs that one slip explains: a wrong digit, or two neighbours swapped.
  function likeliest(code) {
    const weights = [0, 0, 0, 0];
    for (let at = 0; at < DIGITS; at++) {
      const own = code[at];
      for (const digit of "0123456789") {
        if (digit === own || !isCode(code.slice(0, at) + digit + code.slice(at + 1))) continue;
        weights[groupOf(at)] += CONFUSED.has([own, digit].sort().join("")) ? WEIGHT_CONFUSED : WEIGHT_OTHER;
      }
      if (isCode(code.slice(0, at) + code.slice(at + 1, at + 2) + own + code.slice(at + 2))) weights[groupOf(at)] += WEIGHT_SWAP;
    }
    return named("begin", code, weights.indexOf(Math.max(...weights)));
  }

  return { DIGITS, MAX_TYPED, bare, codeInLink, isDigits, isSeparator, reasonAgainst, suspect };
})();
