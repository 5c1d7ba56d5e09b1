// When to look at the clock again, and how times are written.

const LONGEST = 2 ** 31 - 1;
const HOUR = 60 * 60_000;

export const FORGOTTEN = HOUR / 2; // ms without a sign of life past the planned end

export class Timer {
  #second;
  #alarm;

  constructor(look) {
    this.look = look;
  }

  /** Look again at the next second while somebody looks, and at the next check-in or the end in any case. */
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

/** 462 → "7:42", 3725 → "1:02:05". */
export function clock(seconds) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const rest = `${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? rest.replace(/^0/, "") : `${Math.floor(seconds / 3600)}:${rest}`;
}

/** 1200 → "20 minutes", in the page's language. */
export function minutes(seconds) {
  const unit = { style: "unit", unit: "minute", unitDisplay: "long" };
  return new Intl.NumberFormat(document.documentElement.lang, unit).format(Math.floor(seconds / 60));
}

/** Which check-in is due (1, 2, …), 0 for none. One made shortly before its time serves for it. */
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
 */
export function dueEnd({ phase, paused, ends, last, started }, now, returned, alive = 0) {
  if (phase !== "running") return "";
  if (paused) return returned && now - Math.max(last, alive) > HOUR ? "ask" : "";
  if (ends === null || now < ends) return "";
  if (started.stopping_rule === "time") return now - ends > HOUR ? "ask" : "finish";
  return returned && now - Math.max(ends, last, alive) > FORGOTTEN ? "ask" : "";
}
