import assert from "node:assert/strict";
import { test } from "node:test";
import { ahead, clockNow, learn, onto } from "../../static/js/lib/device-clock.js";

const HOUR = 3_600_000;
const clock = (more = {}) => ({ page: 1, tick: 0, drift: 0, skew: null, rough: null, ...more });
const stamped = (by) => ({ id: "1", at: "2026-11-27T09:00:00.000Z", clock: by });
const moved = (events, now, known = []) => onto(events, now, known).map(({ at }) => at.slice(11, 19));

test("what the clock of now stamped stays", () => {
  assert.deepEqual(moved([stamped(clock())], clock()), ["09:00:00"]);
});

test("what keeps no clock is by the clock of now already", () => {
  assert.deepEqual(moved([{ id: "1", at: "2026-11-27T09:00:00.000Z" }], clock({ drift: HOUR })), ["09:00:00"]);
});

test("a leap back that nobody measured was a correction: what came before moves with it", () => {
  assert.deepEqual(moved([stamped(clock())], clock({ tick: 9, drift: -HOUR })), ["08:00:00"]);
});

test("a leap forward that nobody measured was a sleep: nothing moves", () => {
  assert.deepEqual(moved([stamped(clock())], clock({ tick: 9, drift: HOUR })), ["09:00:00"]);
});

test("two measured clocks tell how far one was put right, on another page as well", () => {
  const now = clock({ page: 2, drift: HOUR, skew: 0 });
  assert.deepEqual(moved([stamped(clock({ skew: HOUR }))], now), ["10:00:00"]);
});

test("a difference too small to be measured moves nothing", () => {
  const now = clock({ page: 2, drift: 9_000, skew: 0 });
  assert.deepEqual(moved([stamped(clock({ skew: 9_000 }))], now), ["09:00:00"]);
});

test("the server's time is learnt from the quickest answer, and small differences are none", () => {
  const from = performance.now();
  learn(new Date(Date.now() + HOUR).toISOString(), from, from + 100);
  assert.ok(Math.abs(ahead() - HOUR) < 5_000);
  learn(new Date(Date.now() + 2 * HOUR).toISOString(), from, from + 200);
  assert.ok(Math.abs(ahead() - HOUR) < 5_000);
  learn(new Date(Date.now() + 5_000).toISOString(), from, from + 50);
  assert.equal(ahead(), 0);
  assert.notEqual(clockNow().skew, null);
});

test("an answer that tells no time teaches nothing", () => {
  const { skew } = clockNow();
  learn("soon", performance.now());
  assert.equal(clockNow().skew, skew);
});
