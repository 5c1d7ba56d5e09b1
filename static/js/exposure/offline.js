// The practice page without the network. Before js/exposure/practice.js runs, the step that the person chose is put
// into the page that was kept without one (ANY_STEP in erp/web/exposure/pages.py); and what happens in the exposure is kept
// beside the kept pages, for whoever opens it again without the network. js/worker/worker.js serves both.

import { KEPT_PAGES } from "../lib/store.js";
import { outbox } from "../outbox/outbox.js";

// As in erp/domain/ladder/ladder.py.
const MAX_MINUTES = 240;

const page = document.querySelector("practice-page");
const { account } = document.documentElement.dataset;
const { kept } = JSON.parse(page.querySelector("#record").textContent);

function fill(step) {
  for (const words of page.querySelectorAll("bdi")) {
    const [, name] = words.textContent.match(/^\{(title|details|response)\}$/) ?? [];
    if (!name) continue;
    if (step[name] || name === "title") words.textContent = step[name];
    else words.parentElement.remove();
  }
  if (step.stopping_rule === "halved") page.dataset.textEnd = page.dataset.textEndHalved;
  const form = page.querySelector("form[data-kind=started]");
  for (const name of ["check_in_minutes", "stopping_rule", "response"]) form.elements[name].defaultValue = step[name];
  form.elements.step.defaultValue = step.id;
  for (const name of ["expected_suds", "rating", "suds"]) {
    page.querySelector(`input[type=range][name=${name}]`).defaultValue = step.suds;
  }
  offerMinutes(form.querySelector(".chips"), step);
}

/** The lengths to choose from, as `_lengths` in erp/web/exposure/pages.py offers them. */
function offerMinutes(chips, { planned_minutes: planned, plan_minutes: plan, minutes: asked }) {
  const chosen = asked >= 1 && asked <= MAX_MINUTES ? asked : planned;
  const offered = new Set([5, 10, 20, planned, chosen, plan ?? chosen]);
  const [chip] = chips.children;
  const made = [...offered]
    .sort((a, b) => a - b)
    .map((minutes) => {
      const one = chip.cloneNode(true);
      const [input, text] = one.children;
      text.textContent = input.value = minutes;
      input.defaultChecked = minutes === chosen;
      return one;
    });
  chips.replaceChildren(...made);
}

/** Only where this account's pages are kept: what was taken away with a sign-out does not begin anew. */
async function keep() {
  const { exposure, events } = page;
  const cacheName = KEPT_PAGES + account;
  if (!exposure || !events.size || !(await caches.has(cacheName))) return;
  const headers = { "Content-Type": "application/json", "Rung-Kept": new Date().toISOString() };
  const body = JSON.stringify({ events: [...events.values()] });
  await (await caches.open(cacheName)).put(`/exposures/${exposure}`, new Response(body, { headers }));
}

if (kept) fill(kept);
if (window.caches) {
  const later = () => setTimeout(() => keep().catch(() => {}));
  document.addEventListener("practice-phase", later);
  outbox.addEventListener("change", later); // with each tap, whichever page sends it
  customElements
    .whenDefined("practice-page")
    .then(() => page.opened)
    .then(later);
}
