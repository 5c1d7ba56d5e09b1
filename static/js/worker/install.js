// The files of this version: fetched whole when the worker is installed, served from the cache, cleared by the next one.

import { KEPT_PAGES } from "../lib/store.js";

/** The cache of this version's files. */
export const CACHE = `rung-${VERSION}`;

/** All or nothing: what a café's network answers instead must not take the place of what works. */
export async function fill() {
  // Without cookies, so that the offline page knows nobody.
  const offline = await fetch(new Request(OFFLINE, { cache: "reload", credentials: "omit" }));
  if (!offline.headers.has("Rung-Page")) throw new TypeError(OFFLINE);
  const files = await Promise.all(SHELL.map(file));
  const bundle = await (await file(BUNDLE)).json();
  const cache = await caches.open(CACHE);
  await cache.put(OFFLINE, offline);
  await Promise.all(SHELL.map((url, number) => cache.put(url, files[number])));
  for (const path in bundle) {
    const headers = { "Content-Type": path.endsWith(".css") ? "text/css" : "text/javascript" };
    await cache.put(`${ASSETS}${VERSION}/${path}`, new Response(bundle[path], { headers }));
  }
}

async function file(url) {
  for (const cache of /** @type {RequestCache[]} */ (["default", "reload"])) {
    const answer = await fetch(url, { cache });
    if (isAsset(answer)) return answer;
  }
  throw new TypeError(url);
}

export const isHtml = (answer) => (answer.headers.get("Content-Type") ?? "text/html").startsWith("text/html");
export const isAsset = (answer) =>
  answer.status === 200 && !answer.redirected && answer.type === "basic" && !isHtml(answer);

/** The files of other versions go, but for those that kept pages still need. */
export async function takeOver() {
  const needed = new Set([CACHE]);
  const names = await caches.keys();
  for (const name of names.filter((one) => one.startsWith(KEPT_PAGES))) {
    const cache = await caches.open(name);
    for (const answer of await cache.matchAll()) needed.add(`rung-${answer.headers.get("Rung-Assets")}`);
  }
  for (const name of names) {
    if (name.startsWith("rung-") && !name.startsWith(KEPT_PAGES) && !needed.has(name)) await caches.delete(name);
  }
  await registration.navigationPreload?.enable();
  await clients.claim();
}

export async function asset(request) {
  const known = await caches.match(request);
  if (known) return known;
  const answer = await fetch(request);
  const keeping = async () => (await caches.open(CACHE)).put(request, answer.clone());
  if (isAsset(answer)) await keeping().catch(() => {}); // a full phone shows the page all the same
  return answer;
}
