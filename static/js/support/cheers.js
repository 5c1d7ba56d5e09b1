// What reaches a running exposure from outside: the newest cheer as a quiet bar, with a heart that answers, and the word
// of the service worker.

import { DEVICE, load } from "../lib/store.js";

const MINUTE = 60_000;
const LONG = 80; // characters, from which on the text is set smaller
const CALM = 5_000; // ms between two looks at the record
const CLOSE = 1_500; // the same where a cheer would else come too late

/** Whether this account gets its notifications on this device. js/notification/push.js keeps what this reads. */
export function pushed(account) {
  const known = load(() => localStorage, DEVICE);
  return window.Notification?.permission === "granted" && Boolean(known?.id) && known.account === account;
}

/** Whether quiet hours hold now; `hours` are their ends as minutes after midnight, like "1260 480". */
function quiet(hours) {
  const [from, until] = hours.split(" ").map(Number);
  const now = new Date().getHours() * 60 + new Date().getMinutes();
  return from > until ? now >= from || now < until : from <= now && now < until;
}

export class Cheers {
  #newest = null;
  #told = "";

  /** `bar` shows the newest one; `say` tells those who listen. */
  constructor(page, bar, say) {
    this.page = page;
    this.bar = bar;
    this.say = say;
    this.text = bar.querySelector("bdi");
    this.from = bar.querySelector(".second");
    this.button = bar.querySelector("button");
    bar.addEventListener("submit", (event) => this.heart(event));
    // The ring gives the bar the room that it needs.
    new ResizeObserver(() => page.style.setProperty("--cheer", `${bar.offsetHeight}px`)).observe(bar);
  }

  /** How often to ask for news while an exposure runs, in ms: a push brings it too, but not in quiet hours. */
  get pause() {
    const { supporters } = this.page.dataset;
    return supporters && (quiet(supporters) || !pushed(document.documentElement.dataset.account)) ? CLOSE : CALM;
  }

  /** All cheers of the exposure so far, first to last; only those that come while somebody is here are said aloud. */
  heard(cheers, aloud) {
    const newest = cheers.at(-1);
    if (!newest) return;
    const known = this.#newest?.id === newest.id;
    if (known && this.#newest.hearted) newest.hearted = true;
    this.#newest = newest;
    this.text.textContent = newest.text;
    this.bar.toggleAttribute("data-long", newest.text.length > LONG);
    this.#told = "";
    this.look();
    this.mark(newest.hearted);
    this.bar.hidden = false;
    if (aloud && !known) this.say(`${newest.text} ${this.from.textContent}`);
  }

  /** Who sent it and how long ago, anew with each minute. */
  look() {
    if (!this.#newest) return;
    const { name, at } = this.#newest;
    const ago = Math.max(Math.floor((Date.now() - at) / MINUTE), 0);
    const words = new Intl.RelativeTimeFormat(document.documentElement.lang);
    const time = ago ? words.format(-ago, "minute") : this.bar.dataset.textNow;
    const told = this.bar.dataset.textFrom.replace("{name}", () => `\u2068${name}\u2069`).replace("{time}", time);
    if (told === this.#told) return;
    this.#told = this.from.textContent = told;
  }

  mark(hearted) {
    this.button.setAttribute("aria-pressed", Boolean(hearted));
  }

  async heart(event) {
    event.preventDefault();
    event.stopPropagation();
    const cheer = this.#newest;
    if (cheer.hearted) return;
    cheer.hearted = true;
    this.mark(true);
    try {
      const url = `${this.bar.dataset.cheers}${cheer.id}/heart`;
      const answer = await fetch(url, { method: "POST", headers: { "HX-Request": "true" } });
      cheer.hearted = answer.ok;
    } catch {
      cheer.hearted = false;
    }
    if (cheer === this.#newest) this.mark(cheer.hearted);
  }

  /**
   * Listen to the service worker. `news` is called when something about this exposure was pushed; a tapped notification
   * leads away from the page only while no exposure runs on it.
   */
  listen(news) {
    navigator.serviceWorker?.addEventListener("message", ({ data, ports: [port] }) => {
      const running = this.page.dataset.phase === "running";
      if (data?.type === "push" && running && data.exposure === this.page.exposure) {
        if (!document.hidden) port?.postMessage("seen");
        news();
      } else if (data?.type === "open" && !running) {
        location.assign(data.url);
      }
    });
  }
}
