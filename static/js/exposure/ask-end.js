// "Until when did you stay?": asked when a practice was left open, and for whoever stopped earlier than it says.

import { slide } from "./draft.js";
import { fold } from "./fold.js";
import { minutes } from "./timer.js";

const MINUTE = 60_000;
const LONGEST = 12 * 60 * MINUTE; // after that nobody stayed by intention

/** The moment as people say it; with its day when that is not today. */
function spoken(time, now) {
  const today = new Date(time).toDateString() === new Date(now).toDateString();
  const words = { hour: "numeric", minute: "2-digit", weekday: today ? undefined : "long" };
  return new Date(time).toLocaleString(document.documentElement.lang, words);
}

/** Within which it can have ended, and what speaks for when: all in ms. */
function boundsOf(events, state, now) {
  const start = Date.parse(state.started.at);
  // In a pause nothing counts any more.
  const latest = Math.min(state.finished ?? (state.paused ? state.last : now), start + LONGEST);
  const times = (some) => some.map((event) => Date.parse(event.at)).filter((time) => time > start && time <= latest);
  // Whoever asked for more time, or took the timer up again, was still there.
  const earliest = Math.max(start, ...times(events.filter(({ kind }) => /extended|resumed/.test(kind))));
  const life = Math.max(...times(events.filter(({ kind }) => !/finished|noted/.test(kind))));
  const planned = state.ends > earliest && state.ends < latest ? state.ends : null;
  return { start, earliest, latest, life: life > earliest ? life : null, planned };
}

let asking = false; // until the answer was taken: a moment longer than the dialog is open

/**
 * Ask in `dialog`. Resolves with the moment in ms, with "still" from somebody who is still at it, or with null when the
 * question was put away, or is being asked already.
 */
export function ask(dialog, events, now) {
  if (asking) return null;
  asking = true;
  const state = fold(events, now);
  const { start, earliest, latest, life, planned } = boundsOf(events, state, now);
  const form = dialog.querySelector("form");
  const { choice, stayed } = form.elements;
  const [told, made] = ["told", "made"].map((name) => dialog.querySelector(`[data-${name}]`));
  const left = state.finished === null;
  dialog.querySelector("[data-still]").hidden = !left || (state.started.stopping_rule === "time" && !state.paused);
  dialog.querySelector("[data-leave]").hidden = left;
  told.textContent = left ? told.dataset.left : told.dataset.earlier;
  for (const [name, time] of [["life", life], ["planned", planned]]) {
    const [radio] = form.querySelectorAll(`[value=${name}]`);
    const text = radio.nextElementSibling;
    text.dataset.text ??= text.textContent;
    text.textContent = text.dataset.text.replace("{time}", spoken(time, now));
    radio.parentElement.hidden = time === null;
  }
  choice.value = life ? "life" : planned ? "planned" : "other";
  stayed.min = Math.floor((earliest - start) / MINUTE);
  stayed.max = Math.floor((latest - start) / MINUTE);

  const chosen = () => {
    const other = Math.min(Math.max(start + stayed.value * MINUTE, earliest), latest);
    return { life, planned, other }[choice.value];
  };
  const show = () => {
    const end = chosen();
    const { seconds } = fold([...events, { id: "~", kind: "finished", at: new Date(end).toISOString() }]);
    const until = made.dataset.text.replace("{time}", spoken(end, now));
    made.textContent = until.replace("{minutes}", minutes(seconds));
    dialog.querySelector("[data-other]").hidden = choice.value !== "other";
  };
  slide(form, "stayed", Math.round(((life ?? planned ?? earliest) - start) / MINUTE));
  show();
  form.oninput = show;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const answered = () => {
      asking = false;
      resolve({ stayed: chosen(), still: "still" }[dialog.returnValue] ?? null);
    };
    dialog.addEventListener("close", answered, { once: true });
  });
}
