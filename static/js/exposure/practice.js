// <practice-page>: before, running, after and summary of one exposure on one page. Every tap is an event: kept in
// memory and in the outbox, folded, shown. Nothing here waits for the network.

import { Cheers, pushed } from "../support/cheers.js";
import { clockNow, onto } from "../lib/device-clock.js";
import { dot, drawCurve } from "./curve.js";
import { Draft, read, recall, remember, slide } from "./draft.js";
import { offerOther, showOther } from "./other-running.js";
import { fold } from "./fold.js";
import { flush, outbox, put, waiting } from "../outbox/outbox.js";
import { cheersOf, eventsOf, learnFrom, Record } from "./record.js";
import { allowSound, keepAwake, Voice } from "./signals.js";
import { ask } from "./ask-end.js";
import { clock, dueCheckIn, dueEnd, FORGOTTEN, minutes, Timer } from "./timer.js";
import { uuid7 } from "../lib/uuid7.js";

const SHAKE = 300; // ms within which a second tap on the same button is the same tap
const ASKING = 4_000; // ms that the end waits for the record
const TYPED = ["prediction", "likelihood", "response"];
const account = document.documentElement.dataset.account;

class PracticePage extends HTMLElement {
  events = new Map();
  parts = {};
  taps = {};
  rung = 0;
  state = fold([]);

  async connectedCallback() {
    const record = JSON.parse(this.querySelector("#record").textContent);
    this.step = record.step;
    this.exposure = record.exposure ?? location.pathname.match(/\/exposures\/([0-9a-f-]{36})$/)?.[1];
    const known = recall();
    this.own = Boolean(known?.own) && known.id === this.exposure;
    this.timer = new Timer(() => this.look());
    for (const part of this.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.sheet = this.querySelector("dialog");
    // What lies outside an open dialog is silent.
    this.voice = new Voice(() => this.parts[this.sheet.open ? "aloud" : "live"], this.dataset);
    this.cheers = new Cheers(this, this.parts.cheer, (text) => this.voice.say(text));
    learnFrom(record);
    this.cheers.heard(cheersOf(record), false);
    this.merge(eventsOf(record));
    this.drafts = { started: new Draft(this.form("started"), TYPED), noted: new Draft(this.form("noted")) };
    this.follow();
    this.drafts.started.restore();
    this.drafts.noted.restore();
    this.listen();
    this.opened = this.open();
    await this.opened;
    this.look(true);
    this.dataset.ready = "";
    this.away();
    if (this.dataset.phase === "before") offerOther(this.parts.elsewhere, this.dataset.exposures, account);
  }

  /** What this device has not sent yet belongs to the exposure as well. */
  async open() {
    if (this.exposure) this.merge((await waiting()).filter((event) => event.exposure === this.exposure));
  }

  form(kind) {
    return this.querySelector(`form[data-kind="${kind}"]`);
  }

  listen() {
    this.addEventListener("submit", (event) => this.submit(event));
    this.addEventListener("click", allowSound);
    this.querySelector("[data-open-sheet]").addEventListener("click", () => {
      slide(this.form("checked_in"), "rating", this.state.suds);
      this.sheet.showModal();
      this.sheet.querySelector("input[type=range]").focus();
    });
    this.sheet.addEventListener("click", (event) => {
      if (beside(this.sheet, event) || event.target.closest("[data-close]")) this.sheet.close();
    });
    const back = () => {
      this.look(!document.hidden);
      this.away();
      if (!document.hidden && /running|after/.test(this.dataset.phase)) this.record.ask();
    };
    this.querySelector("[data-earlier]").addEventListener("click", () => this.askStay());
    this.cheers.listen(() => this.record.ask());
    document.addEventListener("visibilitychange", back);
    addEventListener("pageshow", ({ persisted }) => persisted && back());
    this.tabs = "BroadcastChannel" in window ? new BroadcastChannel("rung-practice") : null;
    this.tabs?.addEventListener("message", ({ data }) => {
      if (data.account === account && data.event.exposure === this.exposure) this.hear([data.event]);
    });
    outbox.addEventListener("answer", ({ detail }) => this.answered(detail));
    // A stranger's page, from a café's network say, must not take the summary's place.
    this.addEventListener("htmx:before:swap", (event) => {
      if (!event.detail.ctx.text.includes('id="summary"')) event.preventDefault();
    });
  }

  /** What this device stamped stays as it was stamped; the rest joins it. */
  merge(events) {
    for (const event of events) if (!this.events.has(event.id)) this.events.set(event.id, event);
  }

  /** The events by the clock of now. */
  get told() {
    return onto([...this.events.values()]);
  }

  hear(events) {
    this.merge(events);
    this.look();
  }

  /** Where nobody looks, the server sends the check-ins and the end to this phone. */
  away() {
    const { phase } = this.dataset;
    if (!pushed(account)) return;
    if (phase === "running" || (phase === "after" && !document.hidden)) this.record.away(document.hidden);
  }

  /** From now on this page is about `this.exposure`, where there is one. */
  follow() {
    this.url = this.dataset.exposures + this.exposure;
    this.record?.poll(0);
    this.record = new Record(this.url, account, (events, cheers) => {
      this.cheers.heard(cheers, true);
      this.hear(events);
    });
    this.drafts.started.key = `${account}:${this.step}`;
    this.drafts.noted.key = this.exposure ? `${account}:${this.exposure}` : null;
  }

  async submit(event) {
    const { kind } = event.target.dataset;
    if (!kind) return;
    event.preventDefault();
    if (event.timeStamp - this.taps[kind] < SHAKE) return;
    this.taps[kind] = event.timeStamp;
    const data = read(event.target);
    const part = this.parts[kind];
    if (!("ready" in this.dataset)) await this.opened;
    if (kind === "started") {
      if (this.state.phase === "before") this.start(data);
    } else if (kind === "checked_in") {
      this.sheet.close();
      this.emit(kind, { suds: data.rating });
      this.voice.say(this.dataset.sayNoted.replace("{suds}", data.rating));
    } else if (kind === "finished" && dueEnd(this.state, Date.now()) === "ask") {
      this.askStay();
    } else {
      this.emit(kind, data);
      if (part) this.voice.say(part.textContent);
      if (kind === "extended") this.voice.sayLeft(this.state.planned - this.state.seconds);
    }
  }

  start(data) {
    if (!data.prediction) delete data.likelihood;
    this.exposure = uuid7();
    this.own = true;
    this.follow();
    history.replaceState(null, "", `${this.url}?step=${this.step}`);
    this.emit("started", data);
    this.voice.say(this.dataset.sayStart.replace("{time}", minutes(this.state.planned)));
  }

  /** Keep one event, show what follows from it, and let it travel. */
  async emit(kind, data = {}, at = Date.now(), clock = clockNow()) {
    const event = { id: uuid7(), exposure: this.exposure, kind, at: new Date(at).toISOString(), clock, ...data };
    const draft = this.drafts[kind];
    this.stored = put(event);
    this.hear([event]);
    this.tabs?.postMessage({ account, event });
    await this.stored;
    draft?.forget();
    flush();
  }

  answered({ refused, also_running: other }) {
    for (const { id, message } of refused) {
      if (!this.events.delete(id)) continue;
      this.parts.refused.textContent = message;
      this.parts.refused.hidden = false;
    }
    this.look();
    if (other && other !== this.exposure) showOther(this.parts.elsewhere, this.dataset.exposures, other);
    if (document.hidden) this.away(); // the server knew nothing of the exposure when it was told before
    if (this.dataset.phase === "done") this.fetchSummary();
  }

  /** Fold, show, finish what has come to its end. `returned`: the page was away and somebody looks again. */
  look(returned = false) {
    const now = Date.now();
    const state = (this.state = fold(this.told, now));
    this.enter(state);
    if (state.phase === "running") this.run(state);
    const { phase } = state;
    if (dueEnd(state, now, returned, this.alive)) this.finish(returned);
    else if (phase !== this.known || (phase === "running" && !dueEnd(state, now, true))) this.parts.stay.close();
    if (phase === this.known) return;
    this.known = phase;
    remember(phase === "running", { account, id: this.exposure, step: this.step, own: this.own });
  }

  /**
   * Finish by itself, unless another device gave it more time or a pause: the server is asked first. Without an answer
   * only the device that started it knows enough.
   */
  async finish(returned) {
    if (this.asking || Math.abs(Date.now() - this.asked) < ASKING) return; // clocks go back, too
    this.asking = true;
    await this.opened;
    const sure = (await this.record.ask(ASKING)) || this.own;
    this.asking = false;
    this.asked = Date.now();
    const state = fold(this.told, this.asked);
    const due = dueEnd(state, this.asked, returned, this.alive);
    if (due === "finish") this.ring(state);
    if (sure && due === "finish") this.end(state.ends);
    if (sure && due === "ask") this.askStay();
  }

  /** Left open, or stopped before the page noticed: the person says until when they stayed. */
  async askStay() {
    const answer = await ask(this.parts.stay, this.told, Date.now());
    if (answer === "still") this.alive = Date.now();
    else if (answer) this.end(answer);
  }

  /** A time that was reckoned from the start is by its clock: what is learnt of that one later moves both. */
  end(at) {
    const began = this.events.get(this.state.started.id);
    this.emit("finished", {}, at, began.at === this.state.started.at ? began.clock : undefined);
  }

  /** The planned time is over: said once. */
  ring({ ends }) {
    if (this.rang === ends) return;
    this.rang = ends;
    this.voice.signal(this.dataset.sayEnd, Date.now() - ends);
  }

  /** Move to the section of the state's phase, once. */
  enter(state) {
    const { phase } = state;
    const was = this.dataset.phase;
    keepAwake(phase === "running" && !state.paused);
    this.record.poll(phase === "running" ? this.cheers.pause : 0);
    if (phase !== "running") this.timer.stop();
    if (phase === "after" && this.about !== state.finished) this.prepareNote(state);
    const late = phase === "after" && Date.now() - state.finished > FORGOTTEN;
    this.toggleAttribute("data-late", late);
    if (phase === was) return;
    if (phase === "done") this.summarise(state);
    this.dataset.phase = phase;
    document.dispatchEvent(new Event("practice-phase"));
    scrollTo(0, 0);
    if ("ready" in this.dataset) this.querySelector(`[data-section="${phase}"] h1`).focus();
  }

  run(state) {
    const { stopping_rule: rule, check_in_minutes: every } = state.started;
    const byTime = rule === "time"; // then it finishes there: no time past the end is shown
    const left = byTime ? Math.max(state.planned - state.seconds, 0) : state.planned - state.seconds;
    const due = dueCheckIn(state, every * 60_000, byTime);
    if (due > this.rung) this.voice.signal(this.dataset.sayCheckIn, state.elapsed - due * every * 60_000);
    this.over = left <= 0 && !byTime;
    if (this.over) this.ring(state);
    this.rung = Math.max(due, this.rung);
    this.voice.sayMinutes(left);
    this.cheers.look();
    this.turn(state.paused);
    this.toggleAttribute("data-due", due > 0);
    this.draw(state, left, due);
    this.timer.set(state, every * 60_000);
  }

  /** Into a pause or out of it. The button that was tapped goes; the focus goes on to the one in its place. */
  turn(paused) {
    if (paused === this.hasAttribute("data-paused")) return;
    const held = document.activeElement.closest(".when-paused, .when-counting");
    this.toggleAttribute("data-paused", paused);
    this.voice.say(paused ? this.dataset.textPaused : this.dataset.sayOn);
    if (held) this.form(paused ? "resumed" : "paused").querySelector("button").focus();
  }

  draw(state, left, due) {
    const { parts, dataset, over } = this;
    parts.time.textContent = over ? `+${clock(-left)}` : clock(left);
    parts.time.toggleAttribute("data-long", parts.time.textContent.length > 5);
    parts.of.textContent = (over ? dataset.textOver : dataset.textOf).replace("{time}", minutes(state.planned));
    parts.arc.setAttribute("stroke-dashoffset", Math.max(1 - state.elapsed / 1_000 / state.planned, 0));
    for (const [kind, count] of [["resisted", state.resisted], ["ritual", state.rituals]]) {
      parts[kind].textContent = parts[kind].dataset.name + (count ? `\u00a0·\u00a0${count}` : "");
    }
    const fresh = state.seconds < 120 && state.checked === null && parts.cheer.hidden;
    let message = fresh ? dataset.textStill : "";
    if (left <= 0) message = over ? dataset.textEnd : dataset.sayEnd;
    if (due) message = dataset.sayCheckIn;
    if (state.paused) message = dataset.textPaused;
    parts.message.textContent = message;

    const drawn = JSON.stringify([state.curve, state.planned, over && state.seconds]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    drawCurve(parts.curve, state, dataset.textCurve);
    const span = Math.max(state.planned, state.seconds);
    const made = state.curve.filter(([second]) => second);
    parts.dots.replaceChildren(...made.map(([second]) => dot(second / span)));
  }

  prepareNote(state) {
    this.about = state.finished;
    const { parts, sheet } = this;
    // A rating that was being made when the time came to its end is the rating for now.
    const rating = sheet.open ? read(this.form("checked_in")).rating : state.suds;
    sheet.close();
    if (this.drafts.noted.saved < state.finished) slide(this.form("noted"), "suds", rating);
    const { prediction } = state.started;
    parts.outcome.hidden = !prediction;
    parts.quote.textContent = prediction;
    parts.recap.textContent = this.practised(state) + (state.seconds < 60 ? `. ${parts.recap.dataset.short}` : "");
    this.toggleAttribute("data-early", state.seconds < state.planned);
  }

  practised({ seconds }) {
    const { text, minutes: long, seconds: short } = this.parts.recap.dataset;
    const time = seconds && seconds < 60 ? short.replace("{n}", seconds) : long.replace("{n}", Math.floor(seconds / 60));
    return text.replace("{time}", time);
  }

  /** What the phone knows by itself, until the server's fragment takes its place. */
  summarise(state) {
    this.parts["done-minutes"].textContent = this.practised(state);
    drawCurve(this.parts["done-curve"], { ...state, planned: 0 }, this.dataset.textCurve, true);
    this.fetchSummary();
  }

  async fetchSummary() {
    await this.stored;
    const basic = this.querySelector("#summary[data-basic]");
    if (!basic || (await waiting()).some((event) => event.exposure === this.exposure)) return;
    await htmx.ajax("GET", `${this.url}/summary`, { source: this, target: basic, swap: "outerHTML", select: "#summary" });
    if (document.activeElement === document.body) this.querySelector("#summary h1")?.focus();
  }
}

/** Whether a tap fell beside an open dialog; the keyboard's clicks (no detail) never do. */
function beside(dialog, { target, detail, clientX: x, clientY: y }) {
  const { top, bottom, left, right } = dialog.getBoundingClientRect();
  return target === dialog && detail > 0 && (y < top || y > bottom || x < left || x > right);
}

customElements.define("practice-page", PracticePage);
