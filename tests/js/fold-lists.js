// Folds lists of events, from standard input to standard output, as JSON: for the test that lays both folds side by side.

import { readFileSync } from "node:fs";
import { fold } from "../../static/js/exposure/fold.js";

const iso = (time) => (time === null ? null : new Date(time).toISOString());

function told({ events, now }) {
  const state = fold(events, Date.parse(now));
  return {
    phase: state.phase,
    paused: state.paused,
    seconds: state.seconds,
    planned: state.planned,
    finished: iso(state.finished),
    // Only a time that is still to come is the same in both: of one in the past the phone knows what came before a pause.
    ends: state.phase === "running" && state.ends > state.last ? iso(state.ends) : null,
    curve: state.curve,
    resisted: state.resisted,
    rituals: state.rituals,
    peak: state.peak,
    last: state.suds,
    noted: Object.fromEntries(Object.entries(state.noted).sort()),
  };
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(told)));
