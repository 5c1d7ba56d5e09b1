// The sections behind the timer: what is noted, and the summary until the server's own takes its place.

import { spent } from "../lib/format.js";
import { waiting } from "../outbox/outbox.js";
import { drawChart } from "./curve.js";
import { read, slide } from "./draft.js";

/** The form of the note, as far as the exposure fills it in. */
export function prepareNote(page, state) {
  page.about = state.finished;
  const { parts, sheet } = page;
  // A rating that was being made when the time came to its end is the rating for now.
  const rating = sheet.open ? read(page.form("checked_in")).rating : state.suds;
  sheet.close();
  if (page.drafts.noted.saved < state.finished) slide(page.form("noted"), "suds", rating);
  const { prediction } = state.started;
  parts.outcome.hidden = !prediction;
  parts.quote.textContent = prediction;
  parts.recap.textContent = practised(page, state) + (state.seconds < 60 ? `. ${parts.recap.dataset.short}` : "");
  page.toggleAttribute("data-early", state.seconds < state.planned || state.gaveWay !== null);
}

function practised(page, { seconds }) {
  const texts = page.parts.recap.dataset;
  return texts.text.replace("{time}", spent(seconds, texts));
}

/** What the phone knows by itself, until the server's fragment takes its place. */
export function summarise(page, state) {
  page.parts["done-minutes"].textContent = practised(page, state);
  drawChart(page.parts["done-curve"], state, page.dataset.textCurve);
  fetchSummary(page);
}

/** The server's summary, once it has heard everything. */
export async function fetchSummary(page) {
  await page.stored;
  const basic = page.querySelector("#summary[data-basic]");
  if (!basic || (await waiting()).some((event) => event.exposure === page.exposure)) return;
  await htmx.ajax("GET", `${page.url}/summary`, {
    source: page,
    target: basic,
    swap: "outerHTML",
    select: "#summary",
  });
  if (document.activeElement === document.body) page.querySelector("#summary h1")?.focus();
}
