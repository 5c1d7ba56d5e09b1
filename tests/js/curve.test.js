// Where the chart's points and numbers stand, held to the vectors that tests/web/edge holds the server's drawing to.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHART, layOut } from "../../static/js/exposure/curve.js";

const vectors = JSON.parse(readFileSync(new URL("../unit/exposure/curve_vectors.json", import.meta.url), "utf8"));

for (const { name, curve, planned, points, labels, rest } of vectors) {
  test(`curve: ${name}`, () => {
    const span = Math.max(planned ?? 0, curve[curve.length - 1][0]);
    assert.deepEqual(layOut(curve, span, CHART), { points, labels, rest });
  });
}

test("a curve without a rating has no points", () => {
  assert.deepEqual(layOut([], 600, CHART), { points: [], labels: [], rest: null });
});
