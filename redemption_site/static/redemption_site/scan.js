// Reads a QR code with the camera and hands its text to the code field (code.js), which takes it or not. Nothing is sent.
// The button is there only where a camera may be. Pictures stay in this page.
"use strict";
(() => {
  const form = document.getElementById("code-form");
  const dialog = document.getElementById("scan-dialog");
  // Without https a browser has no mediaDevices.
  if (!form || !dialog.showModal || !navigator.mediaDevices?.getUserMedia) return;
  const opener = document.getElementById("scan");
  const video = document.getElementById("scan-video");
  const view = document.getElementById("scan-view");
  const status = document.getElementById("scan-status");
  const LONGEST_SIDE = 720; // pixels that are searched; more takes longer and finds hardly more
  const MS_BETWEEN_LOOKS = 80;
  const FAULTS = {
    NotAllowedError: "denied",
    SecurityError: "denied",
    NotFoundError: "none",
    OverconstrainedError: "none",
    NotReadableError: "busy",
    AbortError: "busy",
  };
  const canvas = document.createElement("canvas");
  let turn = 0; // each opening of the dialog; what belongs to an earlier one stops
  let stream = null;
  let reading = null; // the script that reads pictures, once it was asked for

  function say(what) {
    const text = dialog.getAttribute("data-" + what);
    if (status.textContent !== text) status.textContent = text;
  }

  const stop = (running) => running.getTracks().forEach((track) => track.stop());
  const pause = () => new Promise((resume) => setTimeout(resume, MS_BETWEEN_LOOKS));

  function release() {
    turn++;
    if (stream) stop(stream);
    stream = null;
    video.srcObject = null;
  }

  function fail(error) {
    release();
    view.hidden = true;
    say(FAULTS[error.name] || "failed");
  }

  async function nativeReader() {
    try {
      const formats = await BarcodeDetector.getSupportedFormats();
      if (!formats.includes("qr_code")) return null;
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      return async () => (await detector.detect(video)).map((found) => found.rawValue);
    } catch {
      return null; // Most browsers have none.
    }
  }

  function ownReader() {
    reading ??= new Promise((loaded, failed) => {
      const script = document.createElement("script");
      script.src = dialog.dataset.reader;
      script.onload = () => loaded(readPicture);
      script.onerror = () => {
        reading = null; // so that the next opening tries again
        failed(new Error("the reader did not load"));
      };
      document.head.append(script);
    });
    return reading;
  }

  let isInverted = false; // light on dark is looked for in every second picture
  function readPicture() {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    brush.drawImage(video, 0, 0, canvas.width, canvas.height);
    const picture = brush.getImageData(0, 0, canvas.width, canvas.height);
    isInverted = !isInverted;
    const inversionAttempts = isInverted ? "dontInvert" : "invertFirst"; // "onlyInvert" is broken in jsQR 1.4.0
    const found = jsQR(picture.data, picture.width, picture.height, { inversionAttempts });
    return found ? [found.data] : [];
  }

  const isTaken = (text) => !form.dispatchEvent(new CustomEvent("scanned", { detail: text, cancelable: true }));

  async function look(mine) {
    let read = (await nativeReader()) || (await ownReader());
    say("looking");
    while (mine === turn) {
      let texts = [];
      try {
        if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) texts = await read();
      } catch (error) {
        if (read === readPicture) throw error;
        read = await ownReader(); // The browser's own is there, and does not work.
      }
      if (mine !== turn) return;
      if (texts.some(isTaken)) {
        dialog.close();
        form.querySelector("[type=submit]").focus();
        return;
      }
      if (texts.some(Boolean)) say("other");
      await pause();
    }
  }

  async function open() {
    const mine = ++turn;
    view.hidden = false;
    say("asking");
    dialog.showModal();
    try {
      const wish = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
      const running = await navigator.mediaDevices.getUserMedia({ audio: false, video: wish });
      if (mine !== turn) {
        stop(running);
        return;
      }
      stream = running;
      running.getVideoTracks()[0].addEventListener("ended", () => mine === turn && fail({ name: "NotReadableError" }));
      video.srcObject = running;
      await video.play();
      await look(mine);
    } catch (error) {
      if (mine === turn) fail(error);
    }
  }

  async function offer() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    opener.hidden = !devices.some((device) => device.kind === "videoinput");
  }

  opener.addEventListener("click", open);
  document.getElementById("scan-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", release);
  document.addEventListener("visibilitychange", () => document.hidden && stream && dialog.close());
  navigator.mediaDevices.addEventListener?.("devicechange", offer);
  offer().catch(() => {});
})();
