import assert from "node:assert/strict";
import { test } from "node:test";
import { uuid7 } from "../../static/js/lib/uuid7.js";

test("an id is a UUID of version 7 that holds the time it was made", () => {
  const before = Date.now();
  const id = uuid7();
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const time = parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  assert.ok(time >= before && time <= Date.now() + 1);
});

test("ids of one page are all different and sort in the order in which they were made", () => {
  const made = Array.from({ length: 10_000 }, uuid7);
  assert.equal(new Set(made).size, made.length);
  assert.deepEqual([...made].sort(), made);
});
