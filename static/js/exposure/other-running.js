// Another exposure may still run: of this phone, or as the server says. A minute counts once: one that begins, or goes
// on, ends the other at that moment, and one tap takes that back. erp/domain/exposure/giving_way.py does the same.

import { onto } from "../lib/device-clock.js";
import { flush } from "../outbox/outbox.js";
import { recall, remember } from "./draft.js";
import { fold } from "./fold.js";
import { known, Record } from "./record.js";
import { dueEnd } from "./timer.js";

const SENDING = 3_000; // ms that the way back waits for the server to hear of it

/** The one that runs besides `page`'s, as far as this phone knows: {id, step, events}; null where none does. */
export async function find(page, account, ask = false) {
  const running = recall();
  if (!running || running.account !== account || running.id === page.exposure) return null;
  const events = await known(account, running.id);
  if (ask) await new Record(page.dataset.exposures + running.id, account, (more) => events.push(...more)).ask();
  const { phase } = fold(onto(events), Date.now());
  if (phase !== "running" && phase !== "before") remember(false, running);
  return phase === "running" ? { ...running, events } : null;
}

/** Before the start: say that another one runs, and lead to it. */
export async function offerOther(page, account) {
  const other = await find(page, account, true);
  page.other = other;
  if (!other || page.dataset.phase !== "before" || page.querySelector("[data-running]")) return;
  const notice = page.parts["other-running"];
  notice.querySelector("a").href = `${page.dataset.exposures}${other.id}?step=${other.step}`;
  notice.hidden = false;
}

/** The events that end what else runs on this phone, before `page`'s begins or goes on; at most one. */
export function endOther(page, other) {
  page.parts["other-running"].hidden = true;
  page.other = null;
  if (!other) return;
  const now = Date.now();
  const state = fold(onto(other.events), now);
  if (state.phase !== "running") return;
  const at = dueEnd(state, now, true) && state.ends !== null ? Math.max(state.ends, state.last) : now;
  page.tell(other.id, "finished", { gave_way_to: page.exposure }, at);
  sayGaveWay(page, other.id, other.step);
}

/** Whether `page`'s exposure ended because another one began. */
export function gaveWay({ told, state }) {
  return told.some((event) => event.gave_way_to && Date.parse(event.at) === state.finished);
}

/** Say in one line that `id` ended, with a way back. */
export function sayGaveWay(page, id, step = "") {
  const notice = page.parts["gave-way"];
  notice.elements.exposure.value = id;
  notice.dataset.step = step;
  notice.hidden = false;
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
