// On every page: the service worker and its quiet notices, the offline mark, the time zone, the outbox. Notifications
// have a file of their own, which only browsers that allow them fetch.

import { outbox } from "../outbox/outbox.js";

const root = document.documentElement;
const practising = () => document.querySelector("practice-page")?.dataset.phase === "running";

const practice = document.querySelector("practice-page");
const mark = document.getElementById("offline-mark");
let stale = false; // there is something newer than this page

function markOffline() {
  if (!mark) return;
  const { kept } = root.dataset;
  const [text] = mark.children;
  text.textContent = stale ? mark.dataset.textBack : kept && !practice ? asOf(new Date(kept)) : mark.dataset.text;
  mark.lastElementChild.hidden = !stale;
  mark.hidden = !stale && !kept && navigator.onLine;
}

/** "Offline, as of 14:05"; with the day where it is not today. */
function asOf(time) {
  const today = time.toDateString() === new Date().toDateString();
  const day = today ? {} : { weekday: "short", day: "numeric", month: "short" };
  const written = time.toLocaleString(root.lang, { ...day, hour: "numeric", minute: "2-digit" });
  return mark.dataset.textKept.replace("{time}", written);
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

const LOOK = 20_000; // ms between two looks whether the server is back
const [, version] = import.meta.url.match(/\/static\/([^/]+)\//) ?? [];

/** Let the service worker keep what there is for when there is no network; it knows when that is needed. */
async function keep() {
  const { account, kept } = root.dataset;
  if (!account || practising() || document.hidden) return;
  const { active } = await navigator.serviceWorker.ready;
  active.postMessage({ type: "keep", account, version, asked: Boolean(kept) });
}

function watchNetwork() {
  setTimeout(keep, 1_000);
  document.addEventListener("visibilitychange", keep);
  navigator.serviceWorker.addEventListener("message", ({ data }) => data?.type === "kept" && root.dataset.kept && isBack());
  if (!root.dataset.kept) return;
  addEventListener("online", keep);
  setInterval(() => root.dataset.kept && !stale && keep(), LOOK);
}

// Who is signed out elsewhere leaves nothing here that could be read.
outbox.addEventListener("change", ({ detail: { count, trouble } }) => {
  if ((count || root.dataset.kept) && document.getElementById("waiting")) import("../practice/waiting.js").catch(() => {});
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
  import("../notification/push.js").then(({ refresh }) => refresh(), () => {});
}

/** Offer the phone's zone when its clock differs from the account's, now or half a year from now. */
function compareZones() {
  const notice = document.getElementById("zone-notice");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const home = root.dataset.zone;
  const pair = `${home} ${here}`;
  if (!notice || !home || !here || remembered() === pair) return;
  const clocks = (timeZone) =>
    [0, 182].map((days) => new Date(Date.now() + days * 86_400_000).toLocaleString("en", { timeZone })).join();
  if (here === home || clocks(here) === clocks(home)) return;
  notice.querySelector("input").value = here;
  notice.querySelector("[name=next]").value = location.pathname + location.search;
  for (const part of notice.querySelectorAll("[data-text]")) {
    part.textContent = part.dataset.text.replace("{here}", readable(here)).replace("{home}", readable(home));
  }
  notice.querySelector("[data-keep]").addEventListener("click", () => {
    notice.hidden = true;
    try {
      localStorage.setItem("rung-zones", pair);
    } catch {
      // Then it asks again on the next page.
    }
  });
  notice.hidden = false;
}

const readable = (zone) => zone.split("/").at(-1).replaceAll("_", " ");

function remembered() {
  try {
    return localStorage.getItem("rung-zones");
  } catch {
    return null;
  }
}

// Where nobody is signed in, nothing is left to read.
if (!root.dataset.account && !("keeps" in root.dataset)) import("../account/leave.js").then(({ forget }) => forget(), () => {});

/** What was typed in this tab under another account: somebody signed out in another tab meanwhile. */
function dropDraftsOfOthers() {
  const own = `rung-draft:${root.dataset.account}:`;
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith("rung-draft:") && !key.startsWith(own)) sessionStorage.removeItem(key);
  }
}

try {
  if (root.dataset.account) dropDraftsOfOthers();
} catch {
  // No storage, nothing in it.
}
compareZones();
