// What this page told and the server has not answered for yet. Whoever clears the browser's storage under an open page
// loses none of it: what the outbox does not hold any more goes back into it.

import { flush, outbox, put, waiting } from "../outbox/outbox.js";

const LOOK_AFTER = 10_000; // ms

/** @typedef {import("./fold.js").PracticeEvent} PracticeEvent */

export class Unsent {
  /** @type {Map<string, PracticeEvent>} */
  #events = new Map();
  /** @type {number | undefined} */
  #timer;

  constructor() {
    outbox.addEventListener("answer", (event) => {
      const { accepted = [], refused = [] } = /** @type {CustomEvent} */ (event).detail;
      for (const id of [...accepted, ...refused.map((one) => one.id)]) this.#events.delete(id);
    });
    for (const name of ["online", "pagehide"]) addEventListener(name, () => this.restore());
    document.addEventListener("visibilitychange", () => this.restore());
  }

  /**
   * Keep an event; resolves when it will survive the page.
   * @param {PracticeEvent} event
   */
  async keep(event) {
    await put(event);
    this.#events.set(event.id, event);
    this.#lookLater();
  }

  /** Put back what is neither answered nor in the outbox. What another tab has sent goes once more and changes nothing. */
  async restore() {
    if (!this.#events.size) return;
    const kept = new Set((await waiting()).map((event) => event.id));
    const lost = [...this.#events.values()].filter((event) => !kept.has(event.id));
    await Promise.all(lost.map(put));
    if (lost.length) flush();
    this.#lookLater();
  }

  #lookLater() {
    clearTimeout(this.#timer);
    this.#timer = this.#events.size ? setTimeout(() => this.restore(), LOOK_AFTER) : undefined;
  }
}
