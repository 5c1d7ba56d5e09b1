// The server's record of one exposure: read, brought onto this device's clock, polled while somebody looks.

import { ahead, clockNow, learn } from "../lib/device-clock.js";
import { isJson, waiting } from "../outbox/outbox.js";

/** What js/exposure/offline.js and js/worker/worker.js keep for this account under a path, as a value; null for nothing. */
export async function kept(account, path) {
  try {
    return await (await caches.match(path, { cacheName: `rung-kept-${account}` })).json();
  } catch {
    return null;
  }
}

/** All events of an exposure that this phone knows without the network: those kept, then those that wait. */
export async function known(account, id) {
  const { events = [] } = (await kept(account, `/exposures/${id}`)) ?? {};
  return [...events, ...(await waiting()).filter((event) => event.exposure === id)];
}

/** The record's events as this device's clock would have stamped them; those that this device stamped keep their clock. */
export function eventsOf({ events }) {
  const by = ahead();
  const clock = clockNow();
  const ours = (event) => ({ ...event, at: new Date(Date.parse(event.at) - by).toISOString(), clock });
  return events.map((event) => (event.clock ? event : ours(event)));
}

/** The record's cheers, first to last, with their time on this device's clock, in ms. */
export function cheersOf(record) {
  return (record.cheers ?? []).map((cheer) => ({ ...cheer, at: Date.parse(cheer.at) - ahead() }));
}

/** The record that came with the page tells the server's time as well; one that the phone put together does not. */
export function learnFrom({ now }) {
  const [navigation] = performance.getEntriesByType("navigation");
  if (now && navigation) learn(now, navigation.requestStart, navigation.responseStart);
}

export class Record {
  #etag = null;
  #timer;
  #pause = 0;

  /** `url` is the exposure's; `heard` takes its events and its cheers. */
  constructor(url, account, heard) {
    Object.assign(this, { url, account, heard });
  }

  /**
   * Ask once; tells `heard`, unless nothing changed or nobody answered as we would.
   * Says whether all that the server knows is known here now.
   */
  async ask(patience = 10_000) {
    const headers = { Accept: "application/json" };
    if (this.#etag) headers["If-None-Match"] = this.#etag;
    try {
      const signal = AbortSignal.timeout?.(patience);
      const asked = performance.now();
      const response = await fetch(`${this.url}/record`, { headers, signal, cache: "no-store", redirect: "error" });
      if (response.status === 304 && this.#etag) return true;
      if (response.status !== 200 || !isJson(response)) return false;
      const record = await response.json();
      if (record.account !== this.account) return false;
      this.#etag = response.headers.get("ETag");
      learn(record.now, asked);
      this.heard(eventsOf(record), cheersOf(record));
      return true;
    } catch {
      return false; // No network: the next round tries again.
    }
  }

  /** Ask every so many ms, 0 for never. */
  poll(pause) {
    if (pause === this.#pause) return;
    this.#pause = pause;
    clearInterval(this.#timer);
    let asking = false;
    const look = async () => {
      if (document.hidden || asking) return;
      asking = true;
      await this.ask();
      asking = false;
    };
    if (pause) this.#timer = setInterval(look, pause);
  }

  /** The phone is put away, or taken up again. Whether the server heard it changes nothing here. */
  away(gone) {
    const body = new URLSearchParams({ away: gone ? "1" : "0" });
    fetch(`${this.url}/away`, { method: "POST", body, keepalive: true }).catch(() => {});
  }
}
