// What is pushed: always shown, since browsers take the permission back from who stays silent; and what a tap on it does.

import { openPages } from "./offline.js";

const ICON = `${ASSETS}${VERSION}/icons/icon-192.png`;
const BADGE = `${ASSETS}${VERSION}/icons/badge-96.png`;
const PRACTICE = /^\/(exposures|steps)\/./; // where an exposure may run
const SEEN_FOR = 1_500; // ms for which a notification stays whose news the page shows anyway
const ANSWER_TIMEOUT = 300; // ms that a page has to say so

/** The declarative message, parsed by the browser or by us; what cannot be read is an empty one. */
export function read({ data, notification, appBadge }) {
  if (notification) return { notification, app_badge: appBadge };
  try {
    return data.json() ?? {};
  } catch {
    return {};
  }
}

export async function show(message) {
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
  /** @type {NotificationOptions & {actions: object[], renotify: boolean}} */
  const options = {
    body,
    tag,
    lang,
    actions,
    silent: quiet,
    renotify: Boolean(tag) && !quiet,
    icon: ICON,
    badge: BADGE,
    data: { ...data, navigate, ways },
  };
  await registration.showNotification(title, options);
  await count(badge).catch(() => {});
  if (!seen) return;
  await new Promise((resolve) => setTimeout(resolve, SEEN_FOR));
  for (const shown of await registration.getNotifications({ tag })) if (shown.tag === tag) shown.close();
}

/** How much waits to be looked at; nothing while somebody looks. */
async function count(badge) {
  if ((await openPages()).some((page) => page.visibilityState === "visible")) return;
  await navigator.setAppBadge?.((await registration.getNotifications()).length || badge);
}

/** Hand it to our pages; whether one of them shows to somebody what it is about. */
async function tellPages(message) {
  const asked = (await openPages()).map(
    (page) =>
      new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => resolve(data === "seen");
        if (message.exposure) setTimeout(resolve, ANSWER_TIMEOUT, false);
        else resolve(false);
        page.postMessage(message, [port2]);
      }),
  );
  return (await Promise.all(asked)).includes(true);
}

export async function tapped({ action, notification: { data, tag, title } }) {
  const { cheer, ways, navigate } = data ?? {};
  if (!cheer || (action !== "cheer" && !cheer.formId)) return open(ways?.[action] ?? navigate);
  // One tap is one form, and keeps its id in the notification that says that no answer came; another tap is another one.
  const form = { ...cheer, formId: cheer.formId ?? crypto.randomUUID() };
  const answer = (await send(form)) ?? (await send(form));
  const body = answer?.sent ? cheer.sent : (answer?.message ?? cheer.failed);
  const next = answer ? { navigate } : { navigate, cheer: form };
  await registration.showNotification(title, { body, tag, silent: true, icon: ICON, badge: BADGE, data: next });
  if (answer && !answer.sent && !answer.message) await open(navigate);
}

/**
 * {sent, message}: what the server says, kindly, when it takes no more cheers for now; neither where it takes none of
 * this person, and null where no answer of ours came, so that nobody knows whether it has this one.
 */
async function send({ url, phrase, formId }) {
  try {
    const body = new URLSearchParams({ phrase, form_id: formId });
    const answer = await fetch(own(url), { method: "POST", headers: { Accept: "application/json" }, body });
    if (answer.ok || answer.status === 422) return await answer.json();
    return answer.status < 500 ? {} : null;
  } catch {
    return null;
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
  const windows = await openPages();
  const alike = windows.filter((page) => practice(page.url) === practice(url));
  const [page] = [...alike, ...windows];
  if (!page) return clients.openWindow(url);
  await page.focus().catch(() => {});
  if (practice(page.url)) return page.postMessage({ type: "open", url });
  return page.navigate(url).catch(() => clients.openWindow(url));
}

/** The browser gave the subscription up by itself. The next page that opens brings the rest in order. */
export async function subscribeAgain({ newSubscription, oldSubscription }) {
  const subscription = newSubscription ?? (await registration.pushManager.subscribe(oldSubscription.options));
  await fetch("/devices", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ subscription }),
  });
}
