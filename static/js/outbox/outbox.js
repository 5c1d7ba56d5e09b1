// Events wait here until the server has answered for each of them. Stored before they leave, kept through every
// answer that is not surely ours, sent only under the account that made them. They are locked with a key that only its
// signed-in pages have: after the sign-out nobody reads them, and nothing is lost.

import "../../vendor/idb@8.0.4/umd.js"; // half of what the module weighs, which comes with its comments
import { clockNow, learn, onto } from "../lib/device-clock.js";

const EVENTS = "/events";
const BATCH = 100;
const TIMEOUT = 15_000;
const PATIENCE = 3_000;
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB in flight
const { account, phoneKey } = document.documentElement.dataset;
// An older version of this page, in another tab, would not know what to do with what is locked: it does not find it.
const locked = `${account} locked`;

/** Fires "change" (detail {count, trouble}), "answer" (the server's answer) as things move. */
export const outbox = new EventTarget();
const channel = "BroadcastChannel" in window ? new BroadcastChannel("rung-outbox") : null;
const spare = new Map(); // for browsers that refuse storage: better sent from memory than not at all
let opening = null;

/** The database, or null where there is none or it does not open in time. */
function open() {
  opening ??= connect().catch(() => (opening = null));
  return Promise.race([opening, new Promise((resolve) => setTimeout(resolve, PATIENCE, null))]);
}

async function connect() {
  const database = await idb.openDB("rung", 1, {
    upgrade(db) {
      db.createObjectStore("outbox", { keyPath: "id" }).createIndex("account", "account");
    },
    blocking: forget,
    terminated: forget,
  });
  // What had to stay in memory until now moves in.
  if (spare.size) await keep(database, [...spare.values()]).catch(() => {});
  return database;
}

let key;

function unlock() {
  const bytes = Uint8Array.from(phoneKey.match(/../g), (two) => parseInt(two, 16));
  key ??= crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  return key;
}

async function seal(event) {
  const { id } = event;
  try {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const text = new TextEncoder().encode(JSON.stringify(event));
    return { id, account: locked, iv, box: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await unlock(), text) };
  } catch {
    return { id, account, event }; // without https there is no cryptography: better readable than lost
  }
}

/** The event of an entry, or null: what another key locked is not for this page. */
async function unseal({ event, iv, box }) {
  if (event) return event;
  try {
    const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await unlock(), box);
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function forget() {
  opening?.then((database) => database?.close());
  opening = null;
}

/** What a task makes of the database. A connection may have died unseen: then a new one is tried. */
async function stored(task) {
  const database = await open();
  try {
    return await task(database);
  } catch (error) {
    if (!database) throw error;
    forget();
    return task(await open());
  }
}

async function keep(database, entries) {
  const transaction = database.transaction("outbox", "readwrite", { durability: "strict" });
  await Promise.all([...entries.map((entry) => transaction.store.put(entry)), transaction.done]);
  for (const entry of entries) spare.delete(entry.id);
}

/** Store one event; resolves when it will survive the page. */
export async function put(event) {
  const entry = await seal(event);
  try {
    await stored((database) => keep(database, [entry]));
  } catch {
    forget();
    spare.set(entry.id, entry);
  }
  moved();
}

/** The events of this account that still wait, oldest first. */
export async function waiting() {
  if (!account) return [];
  let entries = [];
  try {
    const own = (database) => [account, locked].map((whose) => database.getAllFromIndex("outbox", "account", whose));
    entries = (await stored((database) => Promise.all(own(database)))).flat();
  } catch {
    // No storage: what is in memory is all there is.
  }
  const events = await Promise.all([...entries, ...spare.values()].map(unseal));
  return events.filter(Boolean).sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function remove(ids) {
  for (const id of ids) spare.delete(id);
  try {
    await stored((database) => {
      const transaction = database.transaction("outbox", "readwrite");
      return Promise.all([...ids.map((id) => transaction.store.delete(id)), transaction.done]);
    });
  } catch {
    // They stay, are sent again and change nothing there.
  }
  moved();
}

let trouble = null; // null, "unreachable", "too-large", "signed-out" or "other-account"

async function tell() {
  const count = (await waiting()).length;
  outbox.dispatchEvent(new CustomEvent("change", { detail: { count, trouble } }));
}

function moved() {
  channel?.postMessage(null);
  return tell();
}

let flight = null;
let again = false;
let failures = 0;
let timer;

/** Send what waits. One flight at a time, over all tabs where the browser has locks. */
export function flush() {
  if (!account) return Promise.resolve();
  again = true;
  flight ??= fly().finally(() => {
    flight = null;
    if (again) flush();
  });
  return flight;
}

async function fly() {
  clearTimeout(timer);
  while (again) {
    again = false;
    let size = BATCH;
    while (size) size = await alone(() => send(size));
  }
}

/** Under the lock that all tabs share. A frozen tab may hold it for ever: then rather twice than never. */
async function alone(task) {
  if (!navigator.locks) return task();
  let begun = false;
  const signal = AbortSignal.timeout?.(2 * TIMEOUT + PATIENCE); // longer than a tab that lives holds it
  const first = () => {
    begun = true;
    return task();
  };
  try {
    return await navigator.locks.request("rung-outbox", { signal }, first);
  } catch {
    return begun ? 0 : task();
  }
}

/** Send one batch of at most so many events; says how many the next may have, 0 for none now. */
async function send(size) {
  const batch = (await waiting()).slice(0, size);
  const was = trouble;
  // What this clock is worth is asked first: the events are too precious to be measured with.
  const first = batch.length && clockNow().skew === null ? await post([]) : null;
  const answer = typeof first === "string" ? first : batch.length ? await post(batch) : null;
  if (answer === "too-large" && batch.length > 1) return Math.ceil(batch.length / 2);
  trouble = typeof answer === "string" ? answer : null;
  if (!answer) {
    if (was) tell();
    return 0;
  }
  const settled = trouble ? [] : [...answer.accepted, ...answer.refused.map((one) => one.id)];
  const done = batch.map((event) => event.id).filter((id) => settled.includes(id));
  if (!done.length) {
    tell();
    // Only the person can change who is signed in; until then there is nobody to try for.
    if (trouble !== "other-account") later();
    return 0;
  }
  failures = 0;
  await remove(done);
  outbox.dispatchEvent(new CustomEvent("answer", { detail: answer }));
  return size;
}

/** The server's answer for this batch, or in one word why there is none. */
async function post(events) {
  const { skew } = clockNow();
  const told = onto(events).map(({ clock, ...event }) => event);
  const sent = { sent_at: new Date().toISOString(), skew: skew === null ? null : Math.round(skew), account };
  const body = JSON.stringify({ ...sent, events: told });
  const asked = performance.now();
  const abort = new AbortController();
  const limit = setTimeout(() => abort.abort(), TIMEOUT);
  try {
    const response = await fetch(EVENTS, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body,
      cache: "no-store",
      redirect: "error",
      keepalive: new Blob([body]).size < KEEPALIVE_BYTES,
      signal: abort.signal,
    });
    if (response.status === 401 && isJson(response)) return "signed-out";
    if (response.status === 409 && isJson(response)) return "other-account";
    if (response.status === 413) return "too-large";
    if (response.status !== 200 || !isJson(response)) return "unreachable";
    const answer = await response.json();
    const ours = answer.account === account && Array.isArray(answer.accepted) && Array.isArray(answer.refused);
    if (ours) learn(answer.now, asked);
    return ours ? answer : "unreachable";
  } catch {
    return "unreachable";
  } finally {
    clearTimeout(limit);
  }
}

export const isJson = (response) => (response.headers.get("Content-Type") ?? "").startsWith("application/json");

/** Try again later. Only its own tries make the pauses longer: whoever taps in a tunnel waits no minute after it. */
function later() {
  clearTimeout(timer);
  const pause = Math.min(60_000, 2_000 * 2 ** failures);
  timer = setTimeout(() => {
    failures += 1;
    flush();
  }, pause * (0.75 + Math.random() / 2));
}

function now() {
  failures = 0;
  flush();
}

addEventListener("online", now);
addEventListener("pageshow", now);
document.addEventListener("visibilitychange", now); // hidden: the last chance; visible: the next one
channel?.addEventListener("message", tell);

/** "2 waiting to be sent" with a button to try now. Shown once sending takes longer than a moment. */
customElements.define("outbox-status", class extends HTMLElement {
  connectedCallback() {
    this.text = this.querySelector("[data-count]");
    this.signIn = this.querySelector("[data-sign-in]");
    this.other = this.querySelector("[data-other]");
    this.button = this.querySelector("button");
    this.button?.addEventListener("click", () => {
      this.tried = true;
      now();
    });
    outbox.addEventListener("change", this);
    tell();
  }

  disconnectedCallback() {
    outbox.removeEventListener("change", this);
  }

  handleEvent({ detail: { count, trouble: why } }) {
    clearTimeout(this.patience);
    const show = () => {
      const failed = this.tried && why === "unreachable" ? document.getElementById("trouble")?.dataset.network : "";
      this.text.textContent = [this.dataset.text.replace("{n}", count), failed].filter(Boolean).join(". ");
      if (this.signIn) this.signIn.search = `?next=${encodeURIComponent(location.pathname + location.search)}`;
      this.signIn?.toggleAttribute("hidden", why !== "signed-out");
      this.other?.toggleAttribute("hidden", why !== "other-account");
      this.button?.toggleAttribute("hidden", why === "signed-out" || why === "other-account");
      this.hidden = false;
    };
    if (!count) {
      this.hidden = true;
      this.tried = false;
    } else if (why || !this.hidden) show();
    else this.patience = setTimeout(show, 2_500);
  }
});
