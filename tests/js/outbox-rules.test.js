import assert from "node:assert/strict";
import { test } from "node:test";
import * as rules from "../../static/js/outbox/rules.js";

const response = (status, type = "application/json") =>
  new Response(null, { status, headers: { "Content-Type": type } });

test("an answer is read when it is 200 and JSON", () => {
  assert.equal(rules.whyNot(response(200)), "");
  assert.equal(rules.whyNot(response(200, "text/html")), "unreachable");
});

test("a sign-in, another account and too much at once are told apart; all else is no answer", () => {
  assert.equal(rules.whyNot(response(401)), "signed-out");
  assert.equal(rules.whyNot(response(409)), "other-account");
  assert.equal(rules.whyNot(response(413, "text/html")), "too-large");
  assert.equal(rules.whyNot(response(401, "text/html")), "unreachable");
  assert.equal(rules.whyNot(response(409, "text/html")), "unreachable");
  assert.equal(rules.whyNot(response(500)), "failed");
  assert.equal(rules.whyNot(response(503)), "unreachable");
});

test("only what is for this account and names what it took is ours", () => {
  const answer = { account: "me", now: "", accepted: [], refused: [] };
  assert.equal(rules.isOurs(answer, "me"), true);
  assert.equal(rules.isOurs(answer, "you"), false);
  assert.equal(rules.isOurs({ ...answer, accepted: undefined }, "me"), false);
  assert.equal(rules.isOurs({ ...answer, refused: undefined }, "me"), false);
});

test("what was taken and what was refused is settled, and only what was sent", () => {
  const batch = [{ id: "1" }, { id: "2" }, { id: "3" }];
  const answer = { account: "me", now: "", accepted: ["1", "9"], refused: [{ id: "3", message: "" }] };
  assert.deepEqual(rules.settledIds(batch, answer), ["1", "3"]);
});

test("too much at once is halved until one event is left", () => {
  const sizes = [];
  for (let size = rules.BATCH; size; size = rules.smaller(size)) sizes.push(size);
  assert.deepEqual(sizes, [100, 50, 25, 13, 7, 4, 2, 1]);
});

test("the pauses grow from two seconds to a minute, and differ by a quarter either way", () => {
  assert.deepEqual(
    [0, 1, 4, 5, 50].map((failures) => rules.pauseAfter(failures, 0.5)),
    [2e3, 4e3, 32e3, 60e3, 60e3],
  );
  assert.deepEqual(
    [0, 1].map((chance) => rules.pauseAfter(0, chance)),
    [1500, 2500],
  );
});

test("nobody tries again while somebody else is signed in", () => {
  assert.equal(rules.mayTryAgain("other-account"), false);
  for (const trouble of ["unreachable", "signed-out", "too-large", null])
    assert.equal(rules.mayTryAgain(trouble), true);
});

test("what is larger than a browser lets outlive its page does not ask for it", () => {
  assert.equal(rules.mayOutlive("x".repeat(59_999)), true);
  assert.equal(rules.mayOutlive("ä".repeat(30_000)), false);
});

test("the oldest event comes first", () => {
  assert.deepEqual(
    [{ id: "b" }, { id: "c" }, { id: "a" }].sort(rules.byAge).map(({ id }) => id),
    ["a", "b", "c"],
  );
});
