// What still waits on this phone, on the day to which it belongs: a mark in its cell, and a line below. Today's page and
// the calendar load this once something waits.

import { recall } from "../exposure/draft.js";
import { fold } from "../exposure/fold.js";
import { known } from "../exposure/record.js";
import { onto } from "../lib/device-clock.js";
import { dateOf, spent, timeOfDay } from "../lib/format.js";
import { kept } from "../lib/store.js";
import { outbox, waiting } from "../outbox/outbox.js";

const root = document.documentElement;
const { account, zone: timeZone } = root.dataset;
const section = document.getElementById("waiting");
const [card, line, mark] = section.querySelectorAll("template");
const { textRun, textRunning, textMinutes, textSeconds } = section.dataset;
let drawn = "";

/** The exposures of which something waits, and the one that runs, first to last, with all that the phone knows of them. */
async function exposures() {
  const unsent = new Set((await waiting()).map((event) => event.exposure));
  const running = recall();
  const ids = new Set(running?.account === account ? [running.id, ...unsent] : unsent);
  const states = [];
  for (const id of ids) states.push({ id, ...fold(onto(await known(account, id)), Date.now()) });
  // A running one that the server knows stands on the page already.
  const on = ({ id }) => !document.querySelector(`section:not(#waiting) a[href*="${id}"]`);
  const shown = (run) => (run.phase === "running" ? on(run) : run.phase !== "before" && unsent.has(run.id));
  return states.filter(shown).sort((a, b) => a.started.time - b.started.time);
}

async function show() {
  const runs = await exposures();
  const written = JSON.stringify(runs.map(({ id, phase, seconds }) => [id, phase, phase === "running" || seconds]));
  if (written === drawn) return;
  drawn = written;
  const steps = runs.length ? ((await kept(account, "/kit"))?.steps ?? []) : [];
  const on = runs.filter(({ phase }) => phase === "running");
  fill("on", card, on, steps);
  fill(
    "unsent",
    line,
    runs.filter((run) => !on.includes(run)),
    steps,
  );
  section.hidden = !runs.length;
  // One thing at a time: what invites to start something waits.
  for (const idle of document.querySelectorAll("[data-idle]")) idle.hidden = on.length > 0;
  for (const old of document.querySelectorAll(".waits")) old.remove();
  for (const run of runs) if (run.phase !== "running") cellOf(dayOf(run))?.append(mark.content.cloneNode(true));
}

function fill(name, template, runs, steps) {
  const [title, place] = section.querySelectorAll(`[data-${name}]`);
  title.hidden = place.hidden = !runs.length;
  place.replaceChildren(
    ...runs.map((run) =>
      row(
        template,
        run,
        steps.find((step) => step.id === run.started.step),
      ),
    ),
  );
}

function row(template, { id, phase, seconds, started }, step) {
  const part = template.content.cloneNode(true);
  part.querySelector("a").href += `${id}?step=${started.step}`;
  part.querySelector("bdi").textContent = step?.title ?? "";
  const time = spent(seconds, { minutes: textMinutes, seconds: textSeconds });
  const text = phase === "running" ? textRunning : textRun.replace("{time}", time);
  part.querySelector(".second").textContent = text.replace("{start}", timeOfDay(started.time, undefined, timeZone));
  return part;
}

/** The date on which it started where the account's days are counted. */
const dayOf = ({ started }) => dateOf(started.time, timeZone);

function cellOf(day) {
  const month = document.querySelector(`#month[data-month="${day.slice(0, 7)}"]`);
  if (month) return [...month.querySelectorAll("td")].filter((cell) => cell.firstElementChild)[day.slice(8) - 1];
  const week = document.querySelector("ol.week");
  return week?.children[(Date.parse(day) - Date.parse(week.dataset.monday)) / 86_400_000];
}

outbox.addEventListener("change", show);
document.addEventListener("htmx:after:swap", () => {
  drawn = "";
  show();
});
show();
