// Another exposure may still run: of this phone, or as the server says. The page leads there.

import { onto } from "../lib/device-clock.js";
import { recall, remember } from "./draft.js";
import { fold } from "./fold.js";
import { known, Record } from "./record.js";

/** `notice` leads to another exposure; `exposures` is where they have their addresses. */
export function showOther(notice, exposures, id, step = "") {
  notice.querySelector("a").href = `${exposures}${id}?step=${step}`;
  notice.hidden = false;
}

/** Fold what this phone and the server know of the one that is remembered. */
export async function offerOther(notice, exposures, account) {
  const running = recall();
  if (running?.account !== account) return;
  const events = await known(account, running.id);
  await new Record(exposures + running.id, account, (more) => events.push(...more)).ask();
  const { phase } = fold(onto(events), Date.now());
  if (phase === "running") showOther(notice, exposures, running.id, running.step);
  else if (phase !== "before") remember(false, running);
}
