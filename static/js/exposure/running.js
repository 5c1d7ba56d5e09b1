// The running section: the ring, the words below it, the curve, and what is said, sounded and felt.

import { clock, minutes } from "../lib/format.js";
import { dot, drawTrace } from "./curve.js";
import { dueCheckIn } from "./timer.js";

/** Show the moment: what is left, what is due, and look again in time. */
export function run(page, state) {
  const { stopping_rule: rule, check_in_minutes: every } = state.started;
  const byTime = rule === "time"; // then it finishes there: no time past the end is shown
  const left = byTime ? Math.max(state.planned - state.seconds, 0) : state.planned - state.seconds;
  const due = dueCheckIn(state, every * 60_000, byTime);
  if (due > page.rung) page.voice.signal(page.dataset.sayCheckIn, state.elapsed - due * every * 60_000);
  page.over = left <= 0 && !byTime;
  if (page.over) ring(page, state);
  page.rung = Math.max(due, page.rung);
  page.voice.sayMinutes(left);
  page.cheers.look();
  turn(page, state.paused);
  page.toggleAttribute("data-due", due > 0);
  draw(page, state, left, due);
  page.timer.set(state, every * 60_000);
}

/** Into a pause or out of it. The button that was tapped goes; the focus goes on to the one in its place. */
function turn(page, paused) {
  if (paused === page.hasAttribute("data-paused")) return;
  const held = document.activeElement.closest(".when-paused, .when-counting");
  page.toggleAttribute("data-paused", paused);
  page.voice.say(paused ? page.dataset.textPaused : page.dataset.sayOn);
  if (held)
    page
      .form(paused ? "resumed" : "paused")
      .querySelector("button")
      .focus();
}

function draw(page, state, left, due) {
  const { parts, dataset, over } = page;
  const fresh = state.seconds < 120 && state.checked === null && parts.cheer.hidden;
  let message = fresh ? dataset.textStill : "";
  if (left <= 0) message = over ? dataset.textEnd : dataset.sayEnd;
  if (due) message = dataset.sayCheckIn;
  if (state.paused) message = dataset.textPaused;
  parts.message.textContent = message;
  parts.time.textContent = over ? `+${clock(-left)}` : clock(left);
  parts.time.toggleAttribute("data-long", parts.time.textContent.length > 5);
  parts.of.textContent = (over ? dataset.textOver : dataset.textOf).replace("{time}", minutes(state.planned));
  parts.arc.setAttribute("stroke-dashoffset", Math.max(1 - state.elapsed / 1_000 / state.planned, 0));
  for (const [kind, count] of [
    ["resisted", state.resisted],
    ["ritual", state.rituals],
  ]) {
    parts[kind].textContent = parts[kind].dataset.name + (count ? `\u00a0·\u00a0${count}` : "");
  }
  drawRatings(page, state);
}

/** The ratings so far, below the ring and on it; only when they have changed. */
function drawRatings(page, state) {
  const { parts, dataset, over } = page;
  const drawn = JSON.stringify([state.curve, state.planned, over && state.seconds]);
  if (drawn === page.drawn) return;
  page.drawn = drawn;
  drawTrace(parts.curve, state, dataset.textCurve);
  const span = Math.max(state.planned, state.seconds);
  const made = state.curve.filter(([second]) => second);
  parts.dots.replaceChildren(...made.map(([second]) => dot(second / span)));
}

/** The planned time is over: said once. */
export function ring(page, { ends }) {
  if (page.rang === ends) return;
  page.rang = ends;
  page.voice.signal(page.dataset.sayEnd, Date.now() - ends);
}
