// Events wait here until the server has answered for each of them. Stored before they leave, kept through every
// answer that is not surely ours, sent only under the account that made them.

import { openDB } from "../vendor/idb@8.0.4/index.js";

const EVENTS = "/events";
const BATCH = 100;
const TIMEOUT = 15_000;
const PATIENCE = 3_000;
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB in flight
const account = document.documentElement.dataset.account;

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
  const database = await openDB("rung", 1, {
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

function forget() {
  opening?.then((database) => database?.close());
  opening = null;
}

async function keep(database, entries) {
  const transaction = database.transaction("outbox", "readwrite", { durability: "strict" });
  await Promise.all([...entries.map((entry) => transaction.store.put(entry)), transaction.done]);
  for (const entry of entries) spare.delete(entry.id);
}

/** Store one event; resolves when it will survive the page. */
export async function put(event) {
  const entry = { id: event.id, account, event };
  const store = async () => keep(await open(), [entry]);
  try {
    await store().catch(() => {
      forget(); // a connection may have died unseen: a new one may do
      return store();
    });
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
    entries = await (await open()).getAllFromIndex("outbox", "account", account);
  } catch {
    // No storage: what is in memory is all there is.
  }
  return [...entries, ...spare.values()].map((entry) => entry.event).sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function remove(ids) {
  for (const id of ids) spare.delete(id);
  try {
    const transaction = (await open()).transaction("outbox", "readwrite");
    await Promise.all([...ids.map((id) => transaction.store.delete(id)), transaction.done]);
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
  while (again) {
    again = false;
    await alone(send);
  }
}

/** Under the lock that all tabs share. A frozen tab may hold it for ever: then rather twice than never. */
async function alone(task) {
  if (!navigator.locks) return task();
  let begun = false;
  try {
    await navigator.locks.request("rung-outbox", { signal: AbortSignal.timeout(TIMEOUT) }, () => {
      begun = true;
      return task();
    });
  } catch {
    if (!begun) await task();
  }
}

async function send() {
  clearTimeout(timer);
  let size = BATCH;
  for (;;) {
    const batch = (await waiting()).slice(0, size);
    const was = trouble;
    const answer = batch.length ? await post(batch) : null;
    if (answer === "too-large" && batch.length > 1) {
      size = Math.ceil(batch.length / 2);
      continue;
    }
    trouble = typeof answer === "string" ? answer : null;
    if (!answer) return was && tell();
    const done = trouble ? [] : [...answer.accepted, ...answer.refused.map((one) => one.id)];
    if (!done.length) {
      tell();
      // Only the person can change who is signed in; until then there is nobody to try for.
      return trouble === "other-account" || later();
    }
    failures = 0;
    await remove(done);
    outbox.dispatchEvent(new CustomEvent("answer", { detail: answer }));
  }
}

/** The server's answer for this batch, or in one word why there is none. */
async function post(events) {
  const body = JSON.stringify({ sent_at: new Date().toISOString(), account, events });
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
    if (response.status === 401) return "signed-out";
    if (response.status === 409) return "other-account";
    if (response.status === 413) return "too-large";
    if (response.status !== 200 || !isJson(response)) return "unreachable";
    const answer = await response.json();
    const ours = answer.account === account && Array.isArray(answer.accepted) && Array.isArray(answer.refused);
    return ours ? answer : "unreachable";
  } catch {
    return "unreachable";
  } finally {
    clearTimeout(limit);
  }
}

export const isJson = (response) => (response.headers.get("Content-Type") ?? "").startsWith("application/json");

function later() {
  const pause = Math.min(60_000, 2_000 * 2 ** failures++);
  timer = setTimeout(flush, pause * (0.75 + Math.random() / 2));
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
    this.button?.addEventListener("click", now);
    outbox.addEventListener("change", this);
    tell();
  }

  disconnectedCallback() {
    outbox.removeEventListener("change", this);
  }

  handleEvent({ detail: { count, trouble: why } }) {
    clearTimeout(this.patience);
    const show = () => {
      this.text.textContent = this.dataset.text.replace("{n}", count);
      if (this.signIn) this.signIn.search = `?next=${encodeURIComponent(location.pathname + location.search)}`;
      this.signIn?.toggleAttribute("hidden", why !== "signed-out");
      this.other?.toggleAttribute("hidden", why !== "other-account");
      this.button?.toggleAttribute("hidden", why === "signed-out" || why === "other-account");
      this.hidden = false;
    };
    if (!count) this.hidden = true;
    else if (why || !this.hidden) show();
    else this.patience = setTimeout(show, 2_500);
  }
});
