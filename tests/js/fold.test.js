// The fold on the phone, held to the vectors that tests/unit/exposure holds the server's to.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fold } from "../../static/js/exposure/fold.js";

const vectors = JSON.parse(readFileSync(new URL("../unit/exposure/fold_vectors.json", import.meta.url), "utf8"));

for (const { name, events, now, expect } of vectors) {
  test(`fold: ${name}`, () => {
    const state = fold(events, now === null || now === undefined ? null : Date.parse(now));
    const told = {
      phase: state.phase,
      seconds: state.seconds,
      planned_seconds: state.planned,
      finished_at: state.finished,
      curve: state.curve,
      resisted: state.resisted,
      rituals: state.rituals,
      peak_suds: state.peak,
      last_suds: state.suds,
    };
    assert.deepEqual(told, {
      ...expect,
      finished_at: expect.finished_at === null ? null : Date.parse(expect.finished_at),
    });
  });
}

test("the same events in any order, and some twice, come to the same", () => {
  const { events, now } = vectors.reduce((most, one) => (one.events.length > most.events.length ? one : most));
  const once = fold(events, Date.parse(now));
  assert.deepEqual(fold([...events].reverse(), Date.parse(now)), once);
  assert.deepEqual(fold([...events, ...events.slice(1)], Date.parse(now)), once);
});
