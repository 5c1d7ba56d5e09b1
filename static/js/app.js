// On every page: the service worker and its quiet notices, the offline mark, the time zone, the outbox. Notifications
// have a file of their own, which only browsers that allow them fetch.

import "./outbox.js";

const root = document.documentElement;
const practising = () => document.querySelector("practice-page")?.dataset.phase === "running";

function markOffline() {
  const mark = document.getElementById("offline-mark");
  if (mark) mark.hidden = navigator.onLine;
}

addEventListener("online", markOffline);
addEventListener("offline", markOffline);
markOffline();

/** Say that a new version waits; never while somebody practises, and nothing reloads unasked. */
async function watchVersions() {
  const worker = navigator.serviceWorker;
  const registration = await worker.register("/sw.js", { updateViaCache: "none" });
  const notice = document.getElementById("new-version");
  if (!notice) return;
  const offer = () => {
    notice.hidden = !registration.waiting || !worker.controller || practising();
  };
  const follow = () => registration.installing?.addEventListener("statechange", offer);
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

if ("serviceWorker" in navigator) watchVersions().catch(() => {});

if (window.Notification?.permission === "granted" && !("keeps" in root.dataset)) {
  import("./push.js").then(({ refresh }) => refresh(), () => {});
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

/** What somebody typed and did not save is for them alone: with the sign-out it goes. */
function forgetDrafts() {
  if (root.dataset.account || "keeps" in root.dataset) return;
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("rung-draft:")) sessionStorage.removeItem(key);
  } catch {
    // No storage, no drafts.
  }
}

const readable = (zone) => zone.split("/").at(-1).replaceAll("_", " ");

function remembered() {
  try {
    return localStorage.getItem("rung-zones");
  } catch {
    return null;
  }
}

forgetDrafts();
compareZones();
