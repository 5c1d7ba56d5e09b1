// On every page: the service worker and its quiet notices, the offline mark, the time zone, the outbox. Notifications
// have a file of their own, which only browsers that allow them fetch.

import { outbox } from "../outbox/outbox.js";
import "./error-notice.js";

const root = document.documentElement;
const practising = () => document.querySelector("practice-page")?.dataset.phase === "running";

const practice = document.querySelector("practice-page");
const mark = document.getElementById("offline-mark");
let stale = false; // there is something newer than this page

function markOffline() {
  if (!mark) return;
  const { kept } = root.dataset;
  const [text] = mark.children;
  text.textContent = stale ? mark.dataset.textBack : mark.dataset.text;
  if (!stale && kept && !practice) sayAsOf(text, Date.parse(kept));
  mark.lastElementChild.hidden = !stale;
  mark.hidden = !stale && !kept && navigator.onLine;
}

/** "Offline, as of 14:05"; with the day where it is not today. */
async function sayAsOf(text, time) {
  const format = await import("../lib/format.js").catch(() => null);
  if (format && !stale && root.dataset.kept)
    text.textContent = mark.dataset.textKept.replace("{time}", format.timeOfDay(time));
}

/** The server answers again, or knows more than when this page was made. A practice page needs nothing of it. */
function isBack() {
  stale = !practice;
  if (practice) delete root.dataset.kept;
  markOffline();
}

const isTyped = (field) => field.value !== field.defaultValue;

addEventListener("online", markOffline);
addEventListener("offline", markOffline);
mark?.lastElementChild.addEventListener("click", () => location.reload());
outbox.addEventListener("answer", () => (root.dataset.kept || document.getElementById("waiting")) && isBack());
// Whoever comes back to the page finds it as things stand; nothing changes under a finger.
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !stale || [...document.querySelectorAll("input, textarea")].some(isTyped)) return;
  location.reload();
});
markOffline();

/** A page that shows a day may be left open over midnight, or the zone is another by now: only the server knows which. */
async function lookAtTheDay() {
  if (document.hidden) return;
  const headers = { Accept: "application/json" };
  const answer = await fetch("/today/date", { headers, cache: "no-store" }).catch(() => null);
  const { day } = (answer?.ok && (await answer.json().catch(() => null))) || root.dataset;
  if (day !== root.dataset.day && ![...document.querySelectorAll("input, textarea")].some(isTyped)) location.reload();
}

if (root.dataset.day) {
  document.addEventListener("visibilitychange", lookAtTheDay);
  addEventListener("pageshow", ({ persisted }) => persisted && lookAtTheDay());
}

const LOOK_EVERY = 20_000; // ms between two looks whether the server is back
const [, version] = import.meta.url.match(/\/static\/([^/]+)\//) ?? [];

/**
 * Let the service worker keep what there is for when there is no network; it knows when that is needed. While somebody
 * practises it fetches only what it has nothing of.
 */
async function keep() {
  const { account, kept } = root.dataset;
  if (!account || document.hidden) return;
  const { active } = await navigator.serviceWorker.ready;
  active.postMessage({ type: "keep", account, version, asked: Boolean(kept), calm: practising() });
}

function watchNetwork() {
  setTimeout(keep, 1_000);
  document.addEventListener("visibilitychange", keep);
  navigator.serviceWorker.addEventListener(
    "message",
    ({ data }) => data?.type === "kept" && root.dataset.kept && isBack(),
  );
  if (!root.dataset.kept) return;
  addEventListener("online", keep);
  setInterval(() => root.dataset.kept && !stale && keep(), LOOK_EVERY);
}

// Who is signed out elsewhere leaves nothing here that could be read.
outbox.addEventListener("change", ({ detail: { count, trouble } }) => {
  if ((count || root.dataset.kept) && document.getElementById("waiting"))
    import("../practice/waiting.js").catch(() => {});
  if (trouble === "signed-out") navigator.serviceWorker?.controller?.postMessage({ type: "keep", account: "nobody" });
});

/** Say that a new version waits; never while somebody practises, and nothing reloads unasked. */
async function watchVersions() {
  const worker = navigator.serviceWorker;
  const registration = await worker.register("/sw.js", { updateViaCache: "none" });
  const notice = document.getElementById("new-version");
  if (!notice) return;
  const offer = () => {
    notice.hidden = !registration.waiting || !worker.controller || practising();
  };
  const follow = () =>
    registration.installing?.addEventListener("statechange", () => {
      offer();
      keep();
    });
  registration.addEventListener("updatefound", follow);
  document.addEventListener("practice-phase", offer);
  notice.querySelector("button").addEventListener("click", () => {
    if (practising()) return offer();
    worker.addEventListener("controllerchange", () => practising() || location.reload(), { once: true });
    registration.waiting?.postMessage("skip-waiting");
  });
  follow();
  offer();
}

// htmx drops a second tap on its forms; the plain ones get the same. A download leaves its page where it is.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 3000);
});

if ("serviceWorker" in navigator) {
  watchVersions().catch(() => {});
  watchNetwork();
}

if (window.Notification?.permission === "granted" && !("keeps" in root.dataset)) {
  import("../notification/push.js").then(
    ({ refresh }) => refresh(),
    () => {},
  );
}

// Where nobody is signed in, nothing is left to read.
if (!root.dataset.account && !("keeps" in root.dataset))
  import("../account/leave.js").then(
    ({ forget }) => forget(),
    () => {},
  );

try {
  // What was typed in this tab under another account: somebody signed out in another tab meanwhile.
  if (root.dataset.account && sessionStorage.length) {
    import("../exposure/draft.js").then(
      ({ dropDraftsOfOthers }) => dropDraftsOfOthers(root.dataset.account),
      () => {},
    );
  }
} catch {
  // No storage, nothing in it.
}

const { zone } = root.dataset;
if (zone && zone !== Intl.DateTimeFormat().resolvedOptions().timeZone)
  import("../account/zone-notice.js").catch(() => {});
