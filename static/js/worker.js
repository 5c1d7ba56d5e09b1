// The service worker's body. /sw.js declares VERSION, SHELL (URLs), OFFLINE (URL) and ASSETS (path prefix), then
// imports this file. Only the shell and hashed assets are ever cached: a private page never is.
/* global VERSION, SHELL, OFFLINE, ASSETS */

const CACHE = `rung-${VERSION}`;

addEventListener("install", (event) => event.waitUntil(fill()));

addEventListener("activate", (event) => event.waitUntil(takeOver()));

addEventListener("message", (event) => {
  if (event.data === "skip-waiting") skipWaiting();
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith(ASSETS)) event.respondWith(asset(request));
  // Going back, htmx fetches the page itself: only its header tells.
  else if (request.mode === "navigate" || request.headers.has("HX-History-Restore-Request")) {
    event.respondWith(page(event));
  }
});

async function fill() {
  const cache = await caches.open(CACHE);
  // Without cookies, so that the offline page knows nobody.
  await cache.add(new Request(OFFLINE, { cache: "reload", credentials: "omit" }));
  await cache.addAll(SHELL);
}

async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith("rung-") && name !== CACHE) await caches.delete(name);
  }
  await registration.navigationPreload?.enable();
  await clients.claim();
}

async function asset(request) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request);
  if (known) return known;
  const response = await fetch(request);
  if (response.ok && response.type === "basic") await cache.put(request, response.clone());
  return response;
}

async function page(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return (await caches.match(OFFLINE)) ?? Response.error();
  }
}
