// What reaches a person whose eyes are elsewhere: a voice, a soft bell, a short buzz, a screen that stays on.
// All best effort: a locked phone may stay silent, and a refused wake lock is normal.

import { minutes } from "./timer.js";

const FRESH = 15_000; // ms after which a missed signal is shown, not sounded

let context;

/** Browsers allow sound only after a touch: call this from one. */
export function allowSound() {
  try {
    context ??= new AudioContext();
    if (context.state !== "running") context.resume();
  } catch {
    context = null;
  }
}

function chime() {
  if (context?.state !== "running") return;
  note(587.33, 0);
  note(880, 0.28);
}

function note(frequency, delay) {
  const at = context.currentTime + delay;
  const tone = new OscillatorNode(context, { frequency });
  const volume = new GainNode(context, { gain: 0 });
  const { gain } = volume;
  gain.setValueAtTime(0, at);
  gain.linearRampToValueAtTime(0.16, at + 0.04);
  gain.exponentialRampToValueAtTime(0.001, at + 1.6);
  tone.connect(volume).connect(context.destination);
  tone.start(at);
  tone.stop(at + 1.7);
}

function buzz() {
  navigator.vibrate?.([140, 90, 140]);
}

let wanted = false;
let asking = false;
let lock = null;

export function keepAwake(on) {
  if (on === wanted) return;
  wanted = on;
  if (on) hold();
  else drop();
}

async function hold() {
  if (asking || lock || !navigator.wakeLock || document.hidden) return;
  asking = true;
  try {
    const held = await navigator.wakeLock.request("screen");
    held.onrelease = () => {
      if (lock === held) lock = null;
    };
    lock = held;
  } catch {
    lock = null;
  }
  asking = false;
  if (!wanted) drop();
}

function drop() {
  lock?.release();
  lock = null;
}

// The lock is lost whenever the page is hidden.
document.addEventListener("visibilitychange", () => wanted && hold());

/** Speaks to those who listen, through the live region that is there at the time. */
export class Voice {
  #texts = [];
  #timer;
  #minute;

  /** `settings`: how the time that is left is said, and whether sound and vibration are wanted. */
  constructor(region, settings) {
    Object.assign(this, { region, settings });
  }

  say(text) {
    this.#texts.push(text.trim());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.region().textContent = this.#texts.splice(0).join(". ");
    }, 50);
  }

  /** A check-in or the end has come: said always, heard and felt when it is not long ago. */
  signal(text, ago) {
    this.say(text);
    if (ago > FRESH) return;
    if (this.settings.sound === "on") chime();
    if (this.settings.vibration === "on") buzz();
  }

  /** Aloud every five minutes, near the end every minute. */
  sayMinutes(left) {
    const minute = Math.ceil(left / 60);
    if (minute < this.#minute && (minute < 5 || minute % 5 === 0)) this.sayLeft(left);
    this.#minute = minute;
  }

  sayLeft(left) {
    if (left > 0) this.say(this.settings.textLeft.replace("{time}", minutes(Math.ceil(left / 60) * 60)));
  }
}
