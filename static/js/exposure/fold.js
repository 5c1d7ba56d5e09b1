// What the events of one exposure come to. The same fold as erp/domain/exposure/fold.py; both are held to
// tests/unit/exposure/fold_vectors.json. Pure: no clock, no page. Times in and out are milliseconds.

/** @typedef {import("../lib/device-clock.js").Clock} Clock */

/**
 * One thing that happened in an exposure, as the phone keeps it and the server takes it. `at` is ISO, by `clock` where
 * there is one. What else it says hangs on its kind.
 * @typedef {{
 *   id: string, kind: string, at: string, exposure?: string, clock?: Clock, time?: number,
 *   step?: string, planned_minutes?: number, check_in_minutes?: number, stopping_rule?: string,
 *   expected_suds?: number | null, prediction?: string, suds?: number | null, minutes?: number,
 *   outcome?: string | null, learning?: string | null, note?: string | null, gave_way_to?: string,
 * }} PracticeEvent
 */

/** @typedef {PracticeEvent & {time: number}} Timed */

/**
 * What an exposure has come to. `planned` and `seconds` are seconds, `elapsed` and every moment are ms; `curve` holds
 * pairs of second and SUDS; `checked` is the second of the last check-in. `gaveWay`: when another exposure ended it;
 * `wentOn`: until when practice is told of it after that.
 * @typedef {{
 *   phase: "before" | "running" | "after" | "done", started: Timed | null, paused: boolean,
 *   finished: number | null, gaveWay: number | null, wentOn: number | null, ends: number | null, last: number | null,
 *   seconds: number, elapsed: number, planned: number, curve: [number, number][],
 *   resisted: number, rituals: number, peak: number | null, suds: number | null, checked: number | null,
 *   noted: {suds?: number, outcome?: string, learning?: string, note?: string},
 * }} State
 */

/** What nobody tells who knows that it ended. */
const PRACTICE = ["checked_in", "resisted", "ritual", "paused", "extended"];

/** Nobody practises for longer, in ms; what a phone left on says beyond it happened at this end. */
const LONGEST = 24 * 60 * 60_000;

/** The time that counts: everything between the start and the finish but the pauses. */
class Counting {
  /** @type {[number, number][]} */
  spans = [];
  counted = 0;

  /** @param {number} start */
  constructor(start) {
    /** When the counting began again; null while it stands still. @type {number | null} */
    this.since = start;
    /** When it stood still first since it went on; null while it does not. @type {number | null} */
    this.stopped = null;
  }

  /** @param {number} time */
  stop(time) {
    if (this.since === null) return;
    this.spans.push([this.since, time]);
    this.counted += time - this.since;
    this.since = null;
    this.stopped = time;
  }

  /** @param {number} time */
  goOn(time) {
    this.since ??= time;
  }

  /** @param {number} time */
  elapsed(time) {
    return this.counted + (this.since === null ? 0 : time - this.since);
  }

  /** @param {number} time */
  second(time) {
    return Math.floor(this.elapsed(time) / 1000);
  }

  /**
   * The moment at which the counted time reaches `planned` ms, or null while it cannot.
   * @param {number} planned
   */
  end(planned) {
    let left = planned;
    for (const [from, to] of this.spans) {
      if (to - from >= left) return from + left;
      left -= to - from;
    }
    return this.since === null ? null : this.since + left;
  }
}

/** What each kind does, in the order of time. @type {{[kind: string]: (state: State, count: Counting, event: Timed) => void}} */
const KINDS = {
  checked_in(state, count, { time, suds }) {
    state.checked = count.second(time);
    state.curve.push([state.checked, suds ?? 0]);
  },
  resisted(state) {
    state.resisted += 1;
  },
  ritual(state) {
    state.rituals += 1;
  },
  paused(_state, count, { time }) {
    count.stop(time);
  },
  resumed: takeBack,
  extended(state, count, event) {
    state.planned = Math.min(state.planned + (event.minutes ?? 0) * 60, LONGEST / 1000);
    if (state.finished !== null) takeBack(state, count, event);
  },
  finished(state, count, { time, gave_way_to: other }) {
    if (state.finished !== null) return;
    if (other) {
      state.gaveWay ??= time;
      return;
    }
    count.stop(time);
    state.finished = time;
    state.gaveWay = state.wentOn = null;
  },
  noted(state, _count, event) {
    state.phase = "done";
    for (const key of /** @type {const} */ (["suds", "outcome", "learning", "note"])) {
      if (event[key] != null && event[key] !== "") Object.assign(state.noted, { [key]: event[key] });
    }
  },
};

/** Going on ends a pause, and takes a finish back unless it was noted already. @type {(typeof KINDS)[string]} */
function takeBack(state, count, { kind, time }) {
  if (state.gaveWay !== null && kind === "resumed") return goOnAfterGivingWay(state, count, time);
  if (state.finished !== null && state.phase === "done") return;
  state.finished = null;
  count.goOn(time);
}

/**
 * A pause that began since then ends, on a phone that does not know; otherwise somebody takes the end back.
 * @param {State} state
 * @param {Counting} count
 * @param {number} time
 */
function goOnAfterGivingWay(state, count, time) {
  const gaveWay = state.gaveWay ?? time;
  if (count.since === null && (count.stopped ?? 0) > gaveWay) {
    count.goOn(time);
    state.wentOn = time;
  } else if (state.phase !== "done") {
    count.stop(state.wentOn ?? gaveWay);
    state.gaveWay = state.wentOn = null;
    count.goOn(time);
  }
}

/** @type {(typeof KINDS)[string]} */
function happen(state, count, event) {
  KINDS[event.kind]?.(state, count, event);
  if (state.gaveWay !== null && PRACTICE.includes(event.kind)) state.wentOn = event.time;
}

/**
 * Where it gave way to another exposure, it lasted as long as practice is told of it.
 * @param {State} state
 * @param {Counting} count
 */
function giveWay(state, count) {
  if (state.gaveWay === null) return;
  state.finished = state.wentOn ?? state.gaveWay;
  count.stop(state.finished);
}

/** @returns {State} */
const nothing = () => ({
  phase: "before",
  started: null,
  paused: false,
  finished: null,
  gaveWay: null,
  wentOn: null,
  ends: null,
  last: null,
  seconds: 0,
  elapsed: 0,
  planned: 0,
  curve: [],
  resisted: 0,
  rituals: 0,
  peak: null,
  suds: null,
  checked: null,
  noted: {},
});

/**
 * Fold events to what they come to.
 * @param {PracticeEvent[]} events in any order, repeats allowed
 * @param {number | null} [now] in ms, or null for the last event
 * @returns {State}
 */
export function fold(events, now = null) {
  const state = nothing();
  const sorted = inOrder(events);
  const first = sorted.find((event) => event.kind === "started");
  if (!first) return state;

  const count = new Counting(first.time);
  state.started = first;
  state.planned = (first.planned_minutes ?? 0) * 60;
  if (first.expected_suds != null) state.curve.push([0, first.expected_suds]);
  const longest = first.time + LONGEST;
  let last = first.time;
  for (const event of sorted) {
    last = Math.min(Math.max(event.time, first.time), longest);
    happen(state, count, { ...event, time: last });
  }
  giveWay(state, count);
  state.last = last;

  const until = Math.min(Math.max(now ?? first.time, last), longest);
  state.seconds = count.second(until);
  state.elapsed = count.elapsed(until);
  const ends = count.end(state.planned * 1000);
  state.ends = ends === null ? null : Math.min(ends, longest);
  state.paused = count.since === null && state.finished === null;
  state.phase = state.finished === null ? "running" : state.phase === "done" ? "done" : "after";
  if (state.noted.suds != null) state.curve.push([count.second(last), state.noted.suds]);
  if (state.curve.length) {
    state.peak = Math.max(...state.curve.map((point) => point[1]));
    state.suds = state.curve[state.curve.length - 1][1];
  }
  return state;
}

/**
 * Each event once, by time and then by id.
 * @param {PracticeEvent[]} events
 * @returns {Timed[]}
 */
function inOrder(events) {
  const unique = [...new Map(events.map((event) => [event.id, event])).values()];
  const timed = unique.map((event) => ({ ...event, time: Date.parse(event.at) }));
  return timed.sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));
}
