// Events wait here until the server has answered for each of them. Stored before they leave, kept through every
// answer that is not surely ours, sent only under the account that made them. They are locked with a key that only its
// signed-in pages have: after the sign-out nobody reads them, and nothing is lost.

import { clockNow, learn, onto } from "../lib/device-clock.js";
import {
  BATCH,
  isJson,
  isOurs,
  MAX_FAILED,
  mayOutlive,
  mayTryAgain,
  pauseAfter,
  settledIds,
  smaller,
  whyNot,
} from "./rules.js";
import { defineStatus } from "./status.js";
import { account, all, drop, keep, release } from "./store.js";

const EVENTS = "/events";
const SENDING_TIMEOUT = 15_000; // ms
const LOCK_TIMEOUT = 2 * SENDING_TIMEOUT + 3_000; // longer than a tab that lives holds it

/** Fires "change" (detail {count, trouble}), "answer" (the server's answer) as things move. */
export const outbox = new EventTarget();
const channel = "BroadcastChannel" in window ? new BroadcastChannel("rung-outbox") : null;

export { isJson };

/** Store one event; resolves when it will survive the page. */
export async function put(event) {
  await keep(event);
  moved();
}

/** The events of this account that still wait, oldest first. */
export const waiting = () => all();

let trouble = null; // null, "unreachable", "signed-out" or "other-account"

async function tell() {
  const count = (await waiting()).length;
  outbox.dispatchEvent(new CustomEvent("change", { detail: { count, trouble } }));
}

function moved(settled = []) {
  channel?.postMessage(settled);
  return tell();
}

let flight = null;
let again = false;
let failures = 0;
let most = BATCH; // sent at once; fewer while more fail or take too long, at the next try as well
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
  do {
    again = false;
  } while ((await alone(send)) || again);
}

/** Under the lock that all tabs share. A frozen tab may hold it for ever: then rather twice than never. */
async function alone(task) {
  if (!navigator.locks) return task();
  let begun = false;
  const signal = AbortSignal.timeout?.(LOCK_TIMEOUT);
  const first = () => {
    begun = true;
    return task();
  };
  try {
    return await navigator.locks.request("rung-outbox", { signal }, first);
  } catch {
    return begun ? false : task();
  }
}

// The ids of those at which the server failed one by one: the others go first. And how many of them in a row.
const failed = new Set();
let inARow = 0;

/** The next that are sent; those at which the server failed come again after all others. */
async function next() {
  const all = await waiting();
  const fresh = all.filter(({ id }) => !failed.has(id));
  if (all.length && !fresh.length) {
    failed.clear();
    later();
  }
  return fresh.slice(0, most);
}

/** Pass over an event for now; whether the others may go on. */
function passOver({ id }) {
  failed.add(id);
  inARow = (inARow + 1) % MAX_FAILED;
  return inARow;
}

/** What this clock is worth is asked first: the events are too precious to be measured with. */
async function answerFor(batch) {
  const first = clockNow().skew === null ? await post([]) : null;
  return typeof first === "string" ? first : post(batch);
}

/** There was no answer for a batch, and why; says whether to go on at once, with fewer or with others. */
function hindered(why, batch) {
  if (/too|failed/.test(why)) {
    most = smaller(batch.length) || most;
    // A network that is too slow rests first, as one does that is not there.
    if (why !== "too-slow" && (batch.length > 1 || (why === "failed" && passOver(batch[0])))) return true;
    why = "unreachable";
  }
  trouble = why;
  tell();
  if (mayTryAgain(why)) later();
  return false;
}

/** Send one batch; says whether to go on at once. */
async function send() {
  const batch = await next();
  const was = trouble;
  if (!batch.length) {
    trouble = null;
    if (was) tell();
    return false;
  }
  const answer = await answerFor(batch);
  if (typeof answer === "string") return hindered(answer, batch);
  trouble = null;
  const done = settledIds(batch, answer);
  if (!done.length) return hindered("failed", batch);
  failures = inARow = 0;
  // What the server took into neither list it could not keep now.
  for (const { id } of batch) if (!done.includes(id)) failed.add(id);
  await drop(done);
  moved(done);
  outbox.dispatchEvent(new CustomEvent("answer", { detail: answer }));
  most = Math.min(BATCH, 2 * most);
  return true;
}

/** The server's answer for this batch, or in one word why there is none. */
async function post(events) {
  const { skew } = clockNow();
  const told = onto(events).map(({ clock, ...event }) => event);
  const sent = { sent_at: new Date().toISOString(), skew: skew === null ? null : Math.round(skew), account };
  const body = JSON.stringify({ ...sent, events: told });
  const asked = performance.now();
  const abort = new AbortController();
  const limit = setTimeout(() => abort.abort(), SENDING_TIMEOUT);
  try {
    const response = await fetch(EVENTS, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body,
      cache: "no-store",
      redirect: "error",
      keepalive: mayOutlive(body),
      signal: abort.signal,
    });
    const why = whyNot(response);
    if (why) return why;
    const answer = await response.json();
    if (!isOurs(answer, account)) return "unreachable";
    learn(answer.now, asked);
    return answer;
  } catch {
    return events.length && abort.signal.aborted ? "too-slow" : "unreachable";
  } finally {
    clearTimeout(limit);
  }
}

/** Try again later. Only its own tries make the pauses longer: whoever taps in a tunnel waits no minute after it. */
function later() {
  clearTimeout(timer);
  timer = setTimeout(
    () => {
      failures += 1;
      flush();
    },
    pauseAfter(failures, Math.random()),
  );
}

function now() {
  failures = 0;
  flush();
}

addEventListener("online", now);
addEventListener("pageshow", now);
document.addEventListener("visibilitychange", now); // hidden: the last chance; visible: the next one
channel?.addEventListener("message", ({ data }) => {
  release(data ?? []); // a page of the version before names none
  tell();
});

defineStatus(outbox, tell, now);
