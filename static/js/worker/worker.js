// The service worker's body. /sw.js declares VERSION, SHELL and BUNDLE (URLs), OFFLINE (URL) and ASSETS (path prefix),
// then imports this file. It keeps three things: the shell with the hashed assets; for whoever is signed in, and for
// nobody else, the few pages that the server allows to keep, for when there is no network; and no other page. And it
// shows what is pushed: always something, since browsers take the permission back from who stays silent.
/* global VERSION, SHELL, BUNDLE, OFFLINE, ASSETS */

const CACHE = `rung-${VERSION}`;
const KEPT = "rung-kept-"; // and the account
const NOBODY = "nobody";
const ICON = `${ASSETS}${VERSION}/icons/icon-192.png`;
const BADGE = `${ASSETS}${VERSION}/icons/badge-96.png`;
const PRACTICE = /^\/(exposures|steps)\/./; // where an exposure may run
const STARTING =
  /^\/((?<next>practice)$|steps\/(?<step>[^/]+)(\/practice|(?<smaller>\/smaller))?$|exposures\/(?<exposure>[^/]+)$)/;
const PATIENCE = 5_000; // ms for which the network is waited for while something is kept
const FRESH = 300_000; // ms for which nobody asks for the kit again
const DAY = 86_400_000;
const LIMIT = 15_000;
const SEEN = 1_500; // ms for which a notification stays whose news the page shows anyway
const ANSWERING = 300; // ms that a page has to say so

let era = 0; // what was asked for before something was forgotten is not kept any more
let owner = null; // whose pages may be kept, as the server said last
let changed = false;
let fetching = null;

addEventListener("install", (event) => event.waitUntil(fill()));

addEventListener("activate", (event) => event.waitUntil(takeOver()));

addEventListener("message", (event) => {
  const { data } = event;
  if (data === "skip-waiting") skipWaiting();
  else if (data.type === "keep") event.waitUntil(keepAll(data));
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
  if (url.origin !== location.origin) return;
  if (request.method !== "GET") {
    changed ||= !url.pathname.endsWith("/away");
    if (url.pathname === "/sign-out") event.waitUntil(forgetAllBut(NOBODY));
  } else if (url.pathname.startsWith(ASSETS)) event.respondWith(asset(request));
  // Going back, htmx fetches the page itself: only its header tells.
  else if (request.mode === "navigate" || request.headers.has("HX-History-Restore-Request")) {
    event.respondWith(page(event));
  }
});

/** All or nothing: what a café's network answers instead must not take the place of what works. */
async function fill() {
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
  for (const cache of ["default", "reload"]) {
    const answer = await fetch(url, { cache });
    if (isAsset(answer)) return answer;
  }
  throw new TypeError(url);
}

const isHtml = (answer) => (answer.headers.get("Content-Type") ?? "text/html").startsWith("text/html");
const isAsset = (answer) => answer.status === 200 && !answer.redirected && answer.type === "basic" && !isHtml(answer);
/** Where a redirection leads is for the browser to see; and not everything that has an address is a page. */
const isOurs = (answer) =>
  answer.type === "opaqueredirect" || answer.headers.has("Rung-Page") || (answer.ok && !isHtml(answer));

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** The files of other versions go, but for those that kept pages still need. */
async function takeOver() {
  const needed = new Set([CACHE]);
  const names = await caches.keys();
  for (const name of names.filter((one) => one.startsWith(KEPT))) {
    const cache = await caches.open(name);
    for (const answer of await cache.matchAll()) needed.add(`rung-${answer.headers.get("Rung-Assets")}`);
  }
  for (const name of names) {
    if (name.startsWith("rung-") && !name.startsWith(KEPT) && !needed.has(name)) await caches.delete(name);
  }
  await registration.navigationPreload?.enable();
  await clients.claim();
}

async function asset(request) {
  const known = await caches.match(request);
  if (known) return known;
  const answer = await fetch(request);
  const keeping = async () => (await caches.open(CACHE)).put(request, answer.clone());
  if (isAsset(answer)) await keeping().catch(() => {}); // a full phone shows the page all the same
  return answer;
}

/** The network's answer; what is kept where there is none, where it takes too long, and where it is not ours. */
async function page(event) {
  const asked = ask(event);
  const answer = (await Promise.race([asked, pause(PATIENCE)])) ?? (await kept(event.request).catch(() => null));
  return answer ?? (await asked) ?? (await caches.match(OFFLINE)) ?? Response.error();
}

async function ask(event) {
  const began = era;
  try {
    const answer = (await event.preloadResponse) ?? (await fetch(event.request));
    if (!isOurs(answer)) return null;
    const account = answer.headers.get("Rung-Page");
    if (!account || began !== era) return answer;
    await forgetAllBut(account).catch(() => {});
    const { pathname, search } = new URL(event.request.url);
    if (answer.headers.has("Rung-Keep") && !search) event.waitUntil(keep(account, pathname, answer.clone(), era));
    return answer;
  } catch {
    return null;
  }
}

/** Only one person's pages are on this phone. */
async function forgetAllBut(account) {
  if (owner !== account || account === NOBODY) era += 1;
  owner = account;
  for (const name of await caches.keys()) {
    if (name.startsWith(KEPT) && name !== KEPT + account) await caches.delete(name);
  }
}

/** Where this account's pages are kept, or null: somebody may have signed out while it was opened. */
async function shelf(account) {
  const cache = await caches.open(KEPT + account);
  if (owner === account) return cache;
  await caches.delete(KEPT + account);
  return null;
}

async function keep(account, path, answer, began) {
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

async function keepAll(wanted) {
  // Only the server knows who is signed in; a page may have stood here for long.
  if (wanted.account === NOBODY) return forgetAllBut(NOBODY);
  fetching ??= bring(wanted).finally(() => (fetching = null));
  await fetching;
}

/** Bring the kit, all that can be kept in one answer, unless it is here and nothing changed; tell the pages. */
async function bring({ account, version, asked }) {
  if (!(await caches.has(`rung-${version}`))) return;
  const known = await caches.match("/kit", { cacheName: KEPT + account });
  if (known && !asked && !changed && version === known.headers.get("Rung-Assets") && isFresh(known)) return;
  const began = era;
  changed = false;
  try {
    const signal = AbortSignal.timeout?.(LIMIT);
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
    for (const one of await pages()) one.postMessage({ type: "kept" });
  } catch {
    changed = true; // No network: the next page tries again.
  }
}

async function keepKit(cache, kit, rest, answer, version) {
  for (const path in kit) await put(cache, path, kit[path], answer, version);
  await put(cache, "/kit", JSON.stringify(rest), answer, version);
  // What js/exposure/offline.js keeps of exposures stays for a while.
  for (const { url } of await cache.keys()) {
    const age = Date.now() - new Date((await cache.match(url)).headers.get("Rung-Kept"));
    if (age > DAY) await cache.delete(url);
  }
}

function isFresh(answer) {
  const then = new Date(answer.headers.get("Rung-Kept"));
  const age = Date.now() - then;
  return age >= 0 && age < FRESH && then.getDate() === new Date().getDate();
}

/** The page as it was kept, marked with when; where an exposure starts or goes on, with its step and its events. */
async function kept(request) {
  const name = (await caches.keys()).find((one) => one.startsWith(KEPT));
  if (!name) return null;
  const cache = await caches.open(name);
  const { pathname, searchParams } = new URL(request.url);
  const start = pathname.match(STARTING);
  const account = name.slice(KEPT.length);
  const record = start && (await recordOf(cache, account, start.groups, searchParams.get("minutes")));
  if (start && !record && !start.groups.next) return null;
  const path = record ? "/practice" : start || pathname === "/" ? "/today" : pathname;
  const found = path === "/kit" ? null : await cache.match(path);
  if (!found) return null;
  const { headers } = found;
  const text = (await found.text()).replace("<html", `<html data-kept="${headers.get("Rung-Kept")}"`);
  const written = JSON.stringify(record).replaceAll("<", "\\u003c");
  return new Response(text.replace(/(id="record">)[^<]*/, (_all, tag) => tag + written), { headers });
}

/** What the practice page needs beside itself; null where this phone knows nothing of the step or the exposure. */
async function recordOf(cache, account, { step, smaller, exposure }, minutes) {
  const { steps, next, plan_minutes } = (await (await cache.match("/kit"))?.json()) ?? {};
  const { events = [] } = (exposure && (await (await cache.match(`/exposures/${exposure}`))?.json())) || {};
  const started = events.find((event) => event.kind === "started");
  if (!steps || (exposure && !started)) return null;
  const id = started?.step ?? step ?? next;
  const known = steps.find((each) => each.id === id) ?? (started && { ...started, id, title: "" });
  if (!known) return null;
  const kept = { ...known, plan_minutes, minutes: smaller ? 2 : Number(minutes) };
  return { account, exposure, step: id, events, cheers: [], kept };
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
  await count(badge).catch(() => {});
  if (!seen) return;
  await new Promise((resolve) => setTimeout(resolve, SEEN));
  for (const shown of await registration.getNotifications({ tag })) if (shown.tag === tag) shown.close();
}

/** How much waits to be looked at; nothing while somebody looks. */
async function count(badge) {
  if ((await pages()).some((page) => page.visibilityState === "visible")) return;
  await navigator.setAppBadge?.((await registration.getNotifications()).length || badge);
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
  const { sent, message = cheer.failed } = await send(cheer);
  const body = sent ? cheer.sent : message;
  await registration.showNotification(title, { body, tag, silent: true, icon: ICON, badge: BADGE, data: { navigate } });
  if (message === cheer.failed && !sent) await open(navigate);
}

/** {sent, message}: what the server says, kindly, when it takes no more cheers for now; no message where none came. */
async function send({ url, phrase }) {
  try {
    const body = new URLSearchParams({ phrase });
    const answer = await fetch(own(url), { method: "POST", headers: { Accept: "application/json" }, body });
    return answer.ok || answer.status === 422 ? await answer.json() : {};
  } catch {
    return {};
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
