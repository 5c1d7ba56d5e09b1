// What this device's clock was worth when it stamped something. Some clocks are wrong, and some are put right in
// mid-exposure: every stamp keeps the clock it is by, and is brought onto the clock of now before it counts or travels.

const LEAP = 2_000; // ms between the two clocks of a browser that are no drift any more
const ROUGH = 10_000; // ms that a measure over a bad network may be wrong
const page = performance.timeOrigin;
const clocks = []; // of this page, oldest first

/** The clock of now: a new one whenever the device's leapt. `skew` is what to add to it, null until it was measured. */
export function clockNow() {
  const tick = performance.now();
  const drift = Date.now() - tick;
  const last = clocks.at(-1);
  if (last && Math.abs(drift - last.drift) <= LEAP) return last;
  clocks.push({ page, tick: last ? tick : 0, drift, skew: null, rough: null });
  return clocks.at(-1);
}

/** The server told its time (ISO) between two moments of performance.now(); the quickest answer tells best. */
export function learn(told, asked, arrived = performance.now()) {
  const clock = clockNow();
  const skew = Date.parse(told) - clock.drift - (asked + arrived) / 2;
  if (Number.isNaN(skew) || clock.tick > asked || (clock.rough ?? Infinity) < arrived - asked) return;
  Object.assign(clock, { skew, rough: arrived - asked });
}

/** How far the server's clock is ahead of this device's, in ms: 0 while that is too little to tell, or not known. */
export function ahead() {
  const { skew } = clockNow();
  return Math.abs(skew) > ROUGH ? skew : 0;
}

/** The events as if the clock `now` had stamped them all. Those that keep no clock are by it already. */
export function onto(events, now = clockNow(), known = clocks) {
  const all = [...events.flatMap(({ clock }) => clock ?? []), ...known].sort((a, b) => a.tick - b.tick);
  return events.map((event) => {
    const by = event.clock ? change(event.clock, now, all) : 0;
    return by ? { ...event, at: new Date(Date.parse(event.at) + by).toISOString() } : event;
  });
}

const same = (a, b) => a.page === b.page && Math.abs(a.drift - b.drift) <= LEAP;

/** By how much the device's clock was put right between `then` and `now`, in ms. */
function change(then, now, all) {
  if (same(then, now)) return 0;
  const from = all.find((clock) => same(clock, then) && clock.skew !== null) ?? then;
  if (from.skew !== null && now.skew !== null) return step(from, now);
  const path = [then, ...all.filter((clock) => clock.page === then.page && clock.tick > then.tick), now];
  return path.slice(1).reduce((sum, clock, place) => sum + step(path[place], clock), 0);
}

/** From one clock to the next. Unmeasured, a leap back was a correction, as no sleep is; one forward was a sleep. */
function step(a, b) {
  const leap = a.page === b.page ? b.drift - a.drift : 0;
  if (a.skew === null || b.skew === null) return leap < -LEAP ? leap : 0;
  const measured = a.skew - b.skew;
  if (Math.abs(measured - leap) < Math.min(Math.abs(measured), ROUGH)) return leap;
  return Math.abs(measured) > ROUGH ? measured : 0;
}

clockNow();
