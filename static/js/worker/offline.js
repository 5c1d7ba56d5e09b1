// What is kept for when there is no network: pages of the person who is signed in, and of nobody else. It comes as one
// answer, /kit, and with each page that is looked at.

import { KEPT_PAGES, NOBODY } from "../lib/store.js";
import { isHtml } from "./install.js";

const FRESH = 300_000; // ms for which nobody asks for the offline pages again
const KEEP_EXPOSURES_FOR = 86_400_000; // ms
const MAX_KEPT_BESIDE = 50; // pages and exposures beside those of the kit
const KIT_TIMEOUT = 15_000; // ms

let owner = null; // whose pages may be kept, as the server said last
let changed = false; // something was sent since the offline pages were fetched
let fetching = null;

/** What was asked for in an era that is over is not kept any more: something was forgotten meanwhile. */
export let era = 0;

/** The next look asks the server for the offline pages, however fresh they are. */
export function markChanged() {
  changed = true;
}

/** Only one person's pages are on this phone. */
export async function forgetAllBut(account) {
  if (owner !== account || account === NOBODY) era += 1;
  owner = account;
  for (const name of await caches.keys()) {
    if (name.startsWith(KEPT_PAGES) && name !== KEPT_PAGES + account) await caches.delete(name);
  }
}

/** Where this account's pages are kept, or null: somebody may have signed out while it was opened. */
async function shelf(account) {
  const cache = await caches.open(KEPT_PAGES + account);
  if (owner === account) return cache;
  await caches.delete(KEPT_PAGES + account);
  return null;
}

export async function keep(account, path, answer, began) {
  const text = await answer.text();
  const [, version] = text.match(/\/static\/([0-9a-f]{12})\//) ?? [];
  if (began !== era || !(await caches.has(`rung-${version}`))) return;
  const cache = await shelf(account);
  if (cache) await put(cache, path, text, answer, version);
}

async function put(cache, path, text, answer, version) {
  const headers = new Headers(answer.headers);
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  if (path !== "/kit") headers.set("Content-Type", "text/html; charset=utf-8");
  headers.set("Rung-Assets", version);
  headers.set("Rung-Kept", new Date().toISOString());
  await cache.put(path, new Response(text, { headers }));
}

export async function keepAll(wanted) {
  // Only the server knows who is signed in; a page may have stood here for long.
  if (wanted.account === NOBODY) return forgetAllBut(NOBODY);
  fetching ??= bring(wanted).finally(() => (fetching = null));
  await fetching;
}

/** Bring the kit, all that can be kept in one answer, unless it is here and nothing changed; tell the pages. */
async function bring({ account, version, asked, calm }) {
  if (!(await caches.has(`rung-${version}`))) return;
  const known = await caches.match("/kit", { cacheName: KEPT_PAGES + account });
  if (known && calm) return;
  if (known && !asked && !changed && version === known.headers.get("Rung-Assets") && isFresh(known)) return;
  const began = era;
  changed = false;
  try {
    const signal = AbortSignal.timeout?.(KIT_TIMEOUT);
    const headers = { Accept: "application/json" };
    const answer = await fetch("/kit", { headers, signal, cache: "no-store", redirect: "error" });
    if (isHtml(answer)) return;
    if (answer.status === 401) return await forgetAllBut(NOBODY);
    if (answer.status !== 200) return;
    const { pages: kit, ...rest } = await answer.json();
    if (rest.account !== account || began !== era) return;
    await forgetAllBut(account);
    // A newer server's pages need files that this phone does not have yet: they come with the next page that opens.
    const whole = Object.values(kit).every((text) => text.includes(`${ASSETS}${version}/`));
    const cache = whole && (await shelf(account));
    if (cache) await keepKit(cache, kit, rest, answer, version);
    for (const one of await openPages()) one.postMessage({ type: "kept" });
  } catch {
    changed = true; // No network: the next page tries again.
  }
}

async function keepKit(cache, kit, rest, answer, version) {
  for (const path in kit) await put(cache, path, kit[path], answer, version);
  await put(cache, "/kit", JSON.stringify(rest), answer, version);
  // What js/exposure/offline.js keeps of exposures stays for a while.
  for (const { url } of await cache.keys()) {
    const age = Date.now() - Date.parse((await cache.match(url)).headers.get("Rung-Kept"));
    if (age > KEEP_EXPOSURES_FOR) await cache.delete(url);
  }
  // In the order in which they came, /kit as the last: what was looked at long ago goes first.
  const beside = (await cache.keys()).filter(({ url }) => !Object.hasOwn(kit, new URL(url).pathname));
  for (const { url } of beside.slice(0, -MAX_KEPT_BESIDE)) await cache.delete(url);
}

function isFresh(answer) {
  const then = new Date(answer.headers.get("Rung-Kept"));
  const age = Date.now() - then.getTime();
  return age >= 0 && age < FRESH && then.getDate() === new Date().getDate();
}

/** Our pages that are open in this browser. */
export const openPages = () => clients.matchAll({ type: "window", includeUncontrolled: true });
