// Another exposure may still run: of this phone, or as the server says. The page leads there.

import { onto } from "./clock.js";
import { recall, remember } from "./draft.js";
import { fold } from "./fold.js";
import { waiting } from "./outbox.js";
import { Record } from "./record.js";

/** `notice` leads to another exposure; `exposures` is where they have their addresses. */
export function showOther(notice, exposures, id, step = "") {
  notice.querySelector("a").href = `${exposures}${id}?step=${step}`;
  notice.hidden = false;
}

/** Ask the record of the one that this phone remembers, and what waits of it. */
export async function offerOther(notice, exposures, account) {
  const known = recall();
  if (known?.account !== account) return;
  const events = (await waiting()).filter((event) => event.exposure === known.id);
  await new Record(exposures + known.id, account, (more) => events.push(...more)).ask();
  if (fold(onto(events), Date.now()).phase === "running") showOther(notice, exposures, known.id, known.step);
  else if (events.length) remember(false, known);
}
