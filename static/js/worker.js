// The service worker's body. /sw.js declares VERSION, SHELL (URLs), OFFLINE (URL) and ASSETS (path prefix), then
// imports this file. Only the shell and hashed assets are ever cached: a private page never is. And it shows what is
// pushed: always something, since browsers take the permission back from who stays silent.
/* global VERSION, SHELL, OFFLINE, ASSETS */

const CACHE = `rung-${VERSION}`;
const ICON = `${ASSETS}${VERSION}/icons/icon-192.png`;
const BADGE = `${ASSETS}${VERSION}/icons/badge-96.png`;
const PRACTICE = /^\/(exposures|steps)\/./; // where an exposure may run
const SEEN = 1_500; // ms for which a notification stays whose news the page shows anyway
const ANSWERING = 300; // ms that a page has to say so

addEventListener("install", (event) => event.waitUntil(fill()));

addEventListener("activate", (event) => event.waitUntil(takeOver()));

addEventListener("message", (event) => {
  if (event.data === "skip-waiting") skipWaiting();
});

addEventListener("push", (event) => event.waitUntil(show(read(event))));

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(tapped(event));
});

addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain(event)));

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

/** The declarative message, parsed by the browser or by us; what cannot be read is an empty one. */
function read({ data, notification, appBadge }) {
  if (notification) return { notification, app_badge: appBadge };
  try {
    return data.json() ?? {};
  } catch {
    return {};
  }
}

async function show(message) {
  try {
    await announce(message);
  } catch {
    await registration.showNotification("Rung", { icon: ICON });
  }
}

async function announce({ notification, app_badge: badge }) {
  const { title, body, tag, lang, silent, actions = [], navigate, data } = notification;
  const ways = Object.fromEntries(actions.map((one) => [one.action, one.navigate]));
  const seen = await tellPages({ type: "push", ...data });
  const quiet = seen || Boolean(silent);
  await registration.showNotification(title, {
    body, tag, lang, actions, silent: quiet, renotify: Boolean(tag) && !quiet,
    icon: ICON, badge: BADGE, data: { ...data, navigate, ways },
  });
  if (!(await pages()).some((page) => page.visibilityState === "visible")) await navigator.setAppBadge?.(badge);
  if (!seen) return;
  await new Promise((resolve) => setTimeout(resolve, SEEN));
  for (const shown of await registration.getNotifications({ tag })) if (shown.tag === tag) shown.close();
}

const pages = () => clients.matchAll({ type: "window", includeUncontrolled: true });

/** Hand it to our pages; whether one of them shows to somebody what it is about. */
async function tellPages(message) {
  const asked = (await pages()).map((page) => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data === "seen");
    if (message.exposure) setTimeout(resolve, ANSWERING, false);
    else resolve(false);
    page.postMessage(message, [port2]);
  }));
  return (await Promise.all(asked)).includes(true);
}

async function tapped({ action, notification: { data, tag, title } }) {
  const { cheer, ways, navigate } = data ?? {};
  if (action !== "cheer" || !cheer) return open(ways?.[action] ?? navigate);
  const went = await send(cheer);
  const body = cheer[went ? "sent" : "failed"];
  await registration.showNotification(title, { body, tag, silent: true, icon: ICON, badge: BADGE, data: { navigate } });
  if (!went) await open(navigate);
}

async function send({ url, phrase }) {
  try {
    const body = new URLSearchParams({ phrase });
    const answer = await fetch(own(url), { method: "POST", headers: { Accept: "application/json" }, body });
    return answer.ok;
  } catch {
    return false;
  }
}

/** An address on this origin, wherever a message points to. */
function own(address) {
  const { pathname, search } = new URL(address ?? "/", location.origin);
  return location.origin + pathname + search;
}

/**
 * Show an address in a window that there is, else in a new one. Where an exposure may run, the page itself decides:
 * it stays while one does.
 */
async function open(address) {
  const url = own(address);
  const practice = (to) => PRACTICE.test(new URL(to).pathname);
  const windows = await pages();
  const alike = windows.filter((page) => practice(page.url) === practice(url));
  const [page] = [...alike, ...windows];
  if (!page) return clients.openWindow(url);
  await page.focus().catch(() => {});
  if (practice(page.url)) return page.postMessage({ type: "open", url });
  return page.navigate(url).catch(() => clients.openWindow(url));
}

/** The browser gave the subscription up by itself. The next page that opens brings the rest in order. */
async function subscribeAgain({ newSubscription, oldSubscription }) {
  const subscription = newSubscription ?? (await registration.pushManager.subscribe(oldSubscription.options));
  await fetch("/devices", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ subscription }),
  });
}
