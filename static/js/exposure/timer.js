// When to look at the clock again, and what is due: a check-in, the end.

const LONGEST = 2 ** 31 - 1;
const HOUR = 60 * 60_000;

/** How long without a sign of life past the planned end says that an exposure was left open, in ms. */
export const FORGOTTEN = HOUR / 2;

/** @typedef {import("./fold.js").State} State */

/** Two time-outs: the next second while somebody looks, and the next thing that is due. */
export class Timer {
  /** @type {number | undefined} */
  #second;
  /** @type {number | undefined} */
  #alarm;

  /** @param {() => void} look */
  constructor(look) {
    this.look = look;
  }

  /**
   * Look again at the next second while somebody looks, and at the next check-in or the end in any case.
   * @param {State} state
   * @param {number} every ms between check-ins, 0 for none
   */
  set({ paused, elapsed, planned }, every) {
    this.stop();
    if (paused) return;
    if (!document.hidden) this.#second = setTimeout(this.look, 1_005 - (elapsed % 1_000));
    const next = [planned * 1_000 - elapsed, every - (elapsed % (every || 1))].filter((delay) => delay > 0);
    if (next.length) this.#alarm = setTimeout(this.look, Math.min(...next, LONGEST) + 5);
  }

  stop() {
    clearTimeout(this.#second);
    clearTimeout(this.#alarm);
  }
}

/**
 * Which check-in is due (1, 2, …), 0 for none. One made shortly before its time serves for it.
 * @param {Pick<State, "elapsed" | "planned" | "checked">} state
 * @param {number} every ms between check-ins, 0 for none
 * @param {boolean} ends whether it ends with its time
 */
export function dueCheckIn({ elapsed, planned, checked }, every, ends) {
  const number = every && Math.floor(elapsed / every);
  const time = number * every;
  if (!number || (ends && time >= planned * 1_000)) return 0;
  return checked !== null && checked * 1_000 >= time - Math.min(60_000, every / 2) ? 0 : number;
}

/**
 * What the end of an exposure asks for: "" (nothing yet), "finish" (it finishes at its planned end by itself) or "ask"
 * (it was left open, or paused, so long that only the person knows). `returned`: somebody looks again after a while;
 * `alive`: when they said that they were still at it.
 * @param {State} state
 * @param {number} now
 * @param {boolean} [returned]
 * @param {number} [alive]
 * @returns {"" | "finish" | "ask"}
 */
export function dueEnd({ phase, paused, ends, last, started }, now, returned, alive = 0) {
  if (phase !== "running" || !started || last === null) return "";
  if (paused) return returned && now - Math.max(last, alive) > HOUR ? "ask" : "";
  if (ends === null || now < ends) return "";
  if (started.stopping_rule === "time") return now - ends > HOUR ? "ask" : "finish";
  return returned && now - Math.max(ends, last, alive) > FORGOTTEN ? "ask" : "";
}
