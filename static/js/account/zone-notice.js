// Offer the phone's time zone where its clock differs from the account's, now or half a year from now.

import { ZONES } from "../lib/store.js";

const DAY = 86_400_000;
const notice = document.getElementById("zone-notice");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
const home = document.documentElement.dataset.zone;
const pair = `${home} ${here}`;

const clocks = (timeZone) =>
  [0, 182].map((days) => new Date(Date.now() + days * DAY).toLocaleString("en", { timeZone })).join();
const readable = (zone) => zone.split("/").at(-1).replaceAll("_", " ");

function offer() {
  notice.querySelector("input").value = here;
  notice.querySelector("[name=next]").value = location.pathname + location.search;
  for (const part of notice.querySelectorAll("[data-text]")) {
    part.textContent = part.dataset.text.replace("{here}", readable(here)).replace("{home}", readable(home));
  }
  notice.querySelector("[data-keep]").addEventListener("click", keep);
  notice.hidden = false;
}

function keep() {
  notice.hidden = true;
  try {
    localStorage.setItem(ZONES, pair);
  } catch {
    // Then it asks again on the next page.
  }
}

function isRemembered() {
  try {
    return localStorage.getItem(ZONES) === pair;
  } catch {
    return false;
  }
}

if (notice && here && !isRemembered() && clocks(here) !== clocks(home)) offer();
