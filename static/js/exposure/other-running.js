// A minute counts once: an exposure that begins, or goes on, ends the other one that runs, as far as this page knows of
// it, and one tap takes that back. erp/domain/exposure/giving_way.py does it where a plain form begins.

import { onto } from "../lib/device-clock.js";
import { flush } from "../outbox/outbox.js";
import { recall, remember } from "./draft.js";
import { fold } from "./fold.js";
import { known, Record } from "./record.js";
import { dueEnd } from "./timer.js";

const SENDING = 3_000; // ms that the way back waits for the server to hear of it

/** When an exposure with these events began, or went on, in ms. */
const beginning = (events) =>
  Math.max(...events.filter(({ kind }) => /started|resumed|extended/.test(kind)).map(({ at }) => Date.parse(at)));

/** The exposure `id` with its state, as this phone knows it, and with `ask` the server; null where it does not run. */
async function running(page, { id, step = "" }, ask) {
  const events = await known(page.account, id);
  if (ask) await new Record(page.dataset.exposures + id, page.account, (more) => events.push(...more)).ask();
  const told = onto(events);
  const state = fold(told, Date.now());
  if (/after|done/.test(state.phase)) remember(false, { id });
  return state.phase === "running" ? { id, step, state, began: beginning(told) } : null;
}

/** The other one that runs on this phone, if there is one. */
export async function another(page, ask = false) {
  const one = recall();
  return one?.account === page.account && one.id !== page.exposure ? running(page, one, ask) : null;
}

/** Before the start: say that another one runs, and lead to it, unless the server has said so. */
export async function offerOther(page) {
  const other = await another(page, true);
  if (!other || page.dataset.phase !== "before") return;
  page.other = other;
  const notice = page.parts["other-running"];
  notice.querySelector("a").href = `${page.dataset.exposures}${other.id}?step=${other.step}`;
  notice.hidden = page.querySelector("[data-running]") !== null;
}

/** Let it give way to the one on the page, which began at `began`; an end that was missed comes before that. */
export function endOther(page, other, began = Date.now()) {
  if (!other) return;
  page.parts["other-running"].hidden = true;
  const { id, step, state } = other;
  const end = dueEnd(state, began, true) && state.ends !== null ? state.ends : began;
  page.tell(id, "finished", { gave_way_to: page.exposure }, Math.max(end, state.last));
  const notice = page.parts["gave-way"];
  notice.elements.exposure.value = id;
  notice.dataset.step = step;
  notice.hidden = false;
}

/** The server says that another one runs, on another device: of the two the later one goes on. */
export async function meet(page, id) {
  const other = await running(page, { id }, true);
  if (!other || page.state.phase !== "running") return;
  const began = beginning(page.told);
  if (other.began > began) return page.emit("finished", { gave_way_to: id });
  endOther(page, other, began);
  flush();
}

/** Let the one that gave way go on, and this one end. */
export async function undo(page) {
  const notice = page.parts["gave-way"];
  const { value: id } = notice.elements.exposure;
  notice.hidden = true;
  page.emit("finished", { gave_way_to: id });
  page.tell(id, "resumed");
  await page.stored;
  await Promise.race([flush(), new Promise((resolve) => setTimeout(resolve, SENDING))]);
  location.assign(`${page.dataset.exposures}${id}?step=${notice.dataset.step}`);
}
