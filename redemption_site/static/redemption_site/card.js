// Keeps the membership card fresh: a new code every half minute while somebody looks at it. Without the script the page
// shows until when its code is good, and a button that brings a new one.
"use strict";
(() => {
  const card = document.getElementById("card");
  const code = document.getElementById("card-code");
  const status = document.getElementById("card-status");
  const bar = document.getElementById("card-time");
  const RENEW_AFTER = 30; // seconds: whatever a till reads is good for half a minute more
  const GOOD_FOR = 55; // of the 60 that the server allows; the rest is for the way
  const REST_AFTER = 300; // then the card is covered until somebody wants it again
  const RETRY_AFTER = 5;

  let shownAt = Date.now(); // by this device's clock, which need not be right: only differences count
  let triedAt = 0;
  let wantedAt = Date.now();
  let isResting = false;
  let isAsking = false;
  let lock = null;

  const since = (moment) => (Date.now() - moment) / 1000;

  // The status is read out. It changes when something is wrong or was asked for, never with each new code.
  function say(what) {
    const text = what ? card.getAttribute("data-" + what) : "";
    if (status.textContent !== text) status.textContent = text;
  }

  async function stayAwake() {
    try {
      lock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      lock = null; // Saving power, or not allowed here: the screen goes dark as it always does.
    }
  }

  async function renew(wasAsked) {
    if (isAsking) return;
    isAsking = true;
    triedAt = Date.now();
    try {
      const answer = await fetch(card.dataset.code, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
      if (answer.redirected || answer.status === 404) {
        location.reload(); // signed out meanwhile
        return;
      }
      if (!answer.ok) throw new Error("no code");
      const part = new DOMParser().parseFromString(await answer.text(), "text/html");
      code.replaceChildren(...part.body.childNodes);
      shownAt = triedAt;
      code.hidden = false;
      say(wasAsked ? "shown" : "");
    } catch {
      say("away");
    } finally {
      isAsking = false;
    }
  }

  function rest() {
    isResting = true;
    code.hidden = true;
    say("resting");
    lock?.release().catch(() => {});
  }

  function tick() {
    if (document.hidden || isResting) return;
    const age = since(shownAt);
    if (age >= GOOD_FOR) code.hidden = true;
    bar.value = Math.max(0, RENEW_AFTER - age);
    if (since(wantedAt) >= REST_AFTER) rest();
    else if (age >= RENEW_AFTER && since(triedAt) >= RETRY_AFTER) renew(false);
  }

  function lookAgain(wasAsked) {
    wantedAt = Date.now();
    isResting = false;
    renew(wasAsked);
    stayAwake();
  }

  document.getElementById("card-again").addEventListener("submit", (event) => {
    event.preventDefault();
    lookAgain(true);
  });
  document.addEventListener("visibilitychange", () => document.hidden || lookAgain(false));
  window.addEventListener("pageshow", (event) => event.persisted && lookAgain(false));

  card.classList.add("card-live");
  bar.hidden = false;
  document.getElementById("card-hint").hidden = false;
  setInterval(tick, 1000);
  stayAwake();
})();
