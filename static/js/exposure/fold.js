// What the events of one exposure come to. The same fold as erp/domain/exposure.py; both are held to
// tests/unit/fold_vectors.json. Pure: no clock, no page. Times in and out are milliseconds.

const inOrder = (a, b) => a.time - b.time || (a.id < b.id ? -1 : 1);

/** Fold `events` ({id, kind, at, …}, in any order, repeats allowed); `now` in ms, or null for the last event. */
export function fold(events, now = null) {
  const state = {
    phase: "before", started: null, paused: false, finished: null, ends: null, last: null,
    seconds: 0, planned: 0, curve: [], resisted: 0, rituals: 0, peak: null, suds: null, checked: null, noted: {},
  };
  const unique = [...new Map(events.map((event) => [event.id, event])).values()];
  const sorted = unique.map((event) => ({ ...event, time: Date.parse(event.at) })).sort(inOrder);
  const first = sorted.find((event) => event.kind === "started");
  if (!first) return state;

  const start = first.time;
  const spans = [];
  let since = start; // when the counting began again; null while it stands still
  let counted = 0;
  let noted = false;
  const stop = (time) => {
    if (since === null) return;
    spans.push([since, time]);
    counted += time - since;
    since = null;
  };
  const elapsed = (time) => counted + (since === null ? 0 : time - since);
  const second = (time) => Math.floor(elapsed(time) / 1000);

  state.started = first;
  state.planned = first.planned_minutes * 60;
  state.last = start;
  if (first.expected_suds != null) state.curve.push([0, first.expected_suds]);

  for (const event of sorted) {
    const time = Math.max(event.time, start);
    state.last = time;
    switch (event.kind) {
      case "checked_in":
        state.checked = second(time);
        state.curve.push([state.checked, event.suds]);
        break;
      case "resisted":
        state.resisted += 1;
        break;
      case "ritual":
        state.rituals += 1;
        break;
      case "paused":
        stop(time);
        break;
      case "extended":
        state.planned += event.minutes * 60;
        if (state.finished === null) break;
      // falls through: more time after the finish takes the finish back, unless it was noted already
      case "resumed":
        if (noted) break;
        state.finished = null;
        since ??= time;
        break;
      case "finished":
        stop(time);
        state.finished ??= time;
        break;
      case "noted":
        noted = true;
        for (const key of ["suds", "outcome", "learning", "note"]) {
          if (event[key] != null && event[key] !== "") state.noted[key] = event[key];
        }
    }
  }

  const until = Math.max(now ?? start, state.last);
  state.seconds = second(until);
  state.elapsed = elapsed(until);
  state.ends = plannedEnd(spans, since, state.planned * 1000);
  state.paused = since === null && state.finished === null;
  state.phase = state.finished === null ? "running" : noted ? "done" : "after";
  if (state.noted.suds != null) state.curve.push([second(state.last), state.noted.suds]);
  if (state.curve.length) {
    state.peak = Math.max(...state.curve.map((point) => point[1]));
    state.suds = state.curve.at(-1)[1];
  }
  return state;
}

/** The moment at which the counted time reaches `planned` ms, or null while it cannot. */
function plannedEnd(spans, since, planned) {
  let left = planned;
  for (const [from, to] of spans) {
    if (to - from >= left) return from + left;
    left -= to - from;
  }
  return since === null ? null : since + left;
}
