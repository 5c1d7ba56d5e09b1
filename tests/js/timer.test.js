import assert from "node:assert/strict";
import { test } from "node:test";
import { dueCheckIn, dueEnd } from "../../static/js/exposure/timer.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (minutes, more = {}) => ({ elapsed: minutes * MINUTE, planned: 1200, checked: null, ...more });

test("a check-in is due with each interval, and none without one", () => {
  assert.equal(dueCheckIn(at(4.9), 5 * MINUTE, false), 0);
  assert.equal(dueCheckIn(at(5), 5 * MINUTE, false), 1);
  assert.equal(dueCheckIn(at(14), 5 * MINUTE, false), 2);
  assert.equal(dueCheckIn(at(14), 0, false), 0);
});

test("one made within the minute before its time serves for it", () => {
  assert.equal(dueCheckIn(at(5, { checked: 4 * 60 }), 5 * MINUTE, false), 0);
  assert.equal(dueCheckIn(at(5, { checked: 4 * 60 - 1 }), 5 * MINUTE, false), 1);
});

test("no check-in is due at the planned end of what ends with its time", () => {
  assert.equal(dueCheckIn(at(20), 5 * MINUTE, true), 0);
  assert.equal(dueCheckIn(at(20), 5 * MINUTE, false), 4);
});

const running = (more = {}) => ({
  phase: "running",
  paused: false,
  ends: HOUR,
  last: 0,
  started: { stopping_rule: "time" },
  ...more,
});

test("by time it finishes at its end, and asks when that is more than an hour ago", () => {
  assert.equal(dueEnd(running(), HOUR - 1, true), "");
  assert.equal(dueEnd(running(), HOUR, false), "finish");
  assert.equal(dueEnd(running(), 2 * HOUR, false), "finish");
  assert.equal(dueEnd(running(), 2 * HOUR + 1, false), "ask");
});

test("without an end by time it asks who returns after half an hour without a sign of life", () => {
  const state = running({ started: { stopping_rule: "halved" } });
  assert.equal(dueEnd(state, 1.5 * HOUR + 1, false), "");
  assert.equal(dueEnd(state, 1.5 * HOUR, true), "");
  assert.equal(dueEnd(state, 1.5 * HOUR + 1, true), "ask");
  assert.equal(dueEnd(state, 1.5 * HOUR + 1, true, HOUR + 2), "");
});

test("in a pause nothing ends, and who returns after an hour is asked", () => {
  const state = running({ paused: true, ends: null, last: HOUR });
  assert.equal(dueEnd(state, 3 * HOUR, false), "");
  assert.equal(dueEnd(state, 2 * HOUR, true), "");
  assert.equal(dueEnd(state, 2 * HOUR + 1, true), "ask");
});

test("what has not begun or is over asks for nothing", () => {
  for (const phase of ["before", "after", "done"]) assert.equal(dueEnd(running({ phase }), 9 * HOUR, true), "");
});
