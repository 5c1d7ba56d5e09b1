// The server's record of one exposure: read, brought onto this device's clock, polled while somebody looks.

import { isJson } from "./outbox.js";

const SKEW = 120_000; // below this the server takes the device's clock as it is, and so does the page
const PAUSE = 5_000;

/** The record's events with times as this device's clock would have stamped them. */
export function eventsOf(record, arrived) {
  const ahead = arrived - Date.parse(record.now);
  if (Math.abs(ahead) <= SKEW) return record.events;
  return record.events.map((event) => ({ ...event, at: new Date(Date.parse(event.at) + ahead).toISOString() }));
}

/** When the page itself came from the server, in this device's time. */
export function pageArrived() {
  const [navigation] = performance.getEntriesByType("navigation");
  return navigation ? performance.timeOrigin + navigation.responseEnd : Date.now();
}

export class Record {
  #etag = null;
  #timer;

  constructor(url, account, heard) {
    Object.assign(this, { url, account, heard });
  }

  /**
   * Ask once; tells `heard` about the events, unless nothing changed or nobody answered as we would.
   * Says whether all that the server knows is known here now.
   */
  async ask(patience = 10_000) {
    const headers = { Accept: "application/json" };
    if (this.#etag) headers["If-None-Match"] = this.#etag;
    try {
      const signal = AbortSignal.timeout(patience);
      const response = await fetch(this.url, { headers, signal, cache: "no-store", redirect: "error" });
      if (response.status === 304 && this.#etag) return true;
      if (response.status !== 200 || !isJson(response)) return false;
      const record = await response.json();
      if (record.account !== this.account) return false;
      this.#etag = response.headers.get("ETag");
      this.heard(eventsOf(record, Date.now()));
      return true;
    } catch {
      return false; // No network: the next round tries again.
    }
  }

  poll(on) {
    if (on === Boolean(this.#timer)) return;
    clearInterval(this.#timer);
    this.#timer = on ? setInterval(() => document.hidden || this.ask(), PAUSE) : undefined;
  }
}
