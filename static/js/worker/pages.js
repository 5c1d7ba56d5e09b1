// Pages: from the network, and where that fails or takes too long, as they were kept.

import { KEPT_PAGES } from "../lib/store.js";
import { isHtml } from "./install.js";
import { era, forgetAllBut, keep } from "./offline.js";

const STARTING =
  /^\/((?<next>practice)$|steps\/(?<step>[^/]+)(\/practice|(?<smaller>\/smaller))?$|exposures\/(?<exposure>[^/]+)$)/;
const NETWORK_TIMEOUT = 5_000; // ms for which the network is waited for while something is kept

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Where a redirection leads is for the browser to see; and not everything that has an address is a page. */
const isOurs = (answer) =>
  answer.type === "opaqueredirect" || answer.headers.has("Rung-Page") || (answer.ok && !isHtml(answer));

/** The network's answer; what is kept where there is none, where it takes too long, and where it is not ours. */
export async function page(event) {
  const asked = ask(event);
  const answer =
    (await Promise.race([asked, pause(NETWORK_TIMEOUT)])) ?? (await keptPage(event.request).catch(() => null));
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

/** The page as it was kept, marked with when; where an exposure starts or goes on, with its step and its events. */
async function keptPage(request) {
  const name = (await caches.keys()).find((one) => one.startsWith(KEPT_PAGES));
  if (!name) return null;
  const cache = await caches.open(name);
  const { pathname, searchParams } = new URL(request.url);
  const start = pathname.match(STARTING);
  const account = name.slice(KEPT_PAGES.length);
  const record = start && (await recordOf(cache, account, start.groups, searchParams.get("minutes")));
  if (start && !record && !start.groups.next) return null;
  const path = record ? "/practice" : start || pathname === "/" ? "/today" : pathname;
  const found = path === "/kit" ? null : await cache.match(path);
  if (!found) return null;
  const { headers } = found;
  const text = (await found.text()).replace("<html", `<html data-kept="${headers.get("Rung-Kept")}"`);
  const written = JSON.stringify(record).replaceAll("<", "\\u003c");
  return new Response(
    text.replace(/(id="record">)[^<]*/, (_all, tag) => tag + written),
    { headers },
  );
}

/** What the practice page needs beside itself; null where this phone knows nothing of the step or the exposure. */
async function recordOf(cache, account, chosen, minutes) {
  const { step, smaller, exposure } = chosen;
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
