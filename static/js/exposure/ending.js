// How an exposure ends: by itself at its planned end, or when the person says until when they stayed.

import { ask } from "./ask-end.js";
import { fold } from "./fold.js";
import { ring } from "./running.js";
import { dueEnd } from "./timer.js";

const RECORD_TIMEOUT = 4_000; // ms that the end waits for the record

/**
 * Finish by itself, unless another device gave it more time or a pause: the server is asked first. Without an answer
 * only the device that started it knows enough.
 */
export async function finish(page, returned) {
  if (page.asking || Math.abs(Date.now() - page.asked) < RECORD_TIMEOUT) return; // clocks go back, too
  page.asking = true;
  await page.opened;
  const sure = (await page.record.ask(RECORD_TIMEOUT)) || page.own;
  page.asking = false;
  page.asked = Date.now();
  const state = fold(page.told, page.asked);
  const due = dueEnd(state, page.asked, returned, page.alive);
  if (due === "finish") ring(page, state);
  if (sure && due === "finish") end(page, state.ends);
  if (sure && due === "ask") askEnd(page);
}

/** Left open, or stopped before the page noticed: the person says until when they stayed. */
export async function askEnd(page) {
  const answer = await ask(page.parts["ask-end"], page.told, Date.now());
  if (answer === "still") page.alive = Date.now();
  else if (answer) end(page, answer);
}

/** A time that was reckoned from the start is by its clock: what is learnt of that one later moves both. */
function end(page, at) {
  const began = page.events.get(page.state.started.id);
  page.emit("finished", {}, at, began.at === page.state.started.at ? began.clock : undefined);
}
