// <practice-page>: before, running, after and summary of one exposure on one page. Every tap is an event: kept in
// memory and in the outbox, folded, shown. Nothing here waits for the network.

import { clockNow, onto } from "../lib/device-clock.js";
import { minutes } from "../lib/format.js";
import { uuid7 } from "../lib/uuid7.js";
import { flush, outbox, put, waiting } from "../outbox/outbox.js";
import { Cheers, pushed } from "../support/cheers.js";
import { fetchSummary, prepareNote, summarise } from "./after.js";
import { Draft, read, recall, remember, slide } from "./draft.js";
import { askEnd, finish } from "./ending.js";
import { fold } from "./fold.js";
import { another, endOther, meet, offerOther, undo } from "./other-running.js";
import { cheersOf, eventsOf, learnFrom, Record } from "./record.js";
import { run } from "./running.js";
import { allowSound, keepAwake, Voice } from "./signals.js";
import { dueEnd, FORGOTTEN, Timer } from "./timer.js";

const SHAKE = 300; // ms within which a second tap on the same button is the same tap
const TYPED = ["prediction", "likelihood", "response"];
const account = document.documentElement.dataset.account;

class PracticePage extends HTMLElement {
  account = account;
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
    if (this.dataset.phase === "before") offerOther(this);
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
    this.querySelector("[data-earlier]").addEventListener("click", () => askEnd(this));
    this.parts["gave-way"].addEventListener("submit", (event) => {
      event.preventDefault();
      undo(this);
    });
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
      askEnd(this);
    } else {
      this.go(kind, data, part);
    }
  }

  go(kind, data, part) {
    // Going on after a finish is a beginning as well.
    if (this.state.phase === "after" && kind !== "noted") another(this).then((other) => endOther(this, other));
    this.emit(kind, data);
    if (part) this.voice.say(part.textContent);
    if (kind === "extended") this.voice.sayLeft(this.state.planned - this.state.seconds);
  }

  start(data) {
    if (!data.prediction) delete data.likelihood;
    this.exposure = uuid7();
    this.own = true;
    endOther(this, this.other);
    this.follow();
    history.replaceState(null, "", `${this.url}?step=${this.step}`);
    this.emit("started", data);
    this.voice.say(this.dataset.sayStart.replace("{time}", minutes(this.state.planned)));
  }

  /** Keep one event, show what follows from it, and let it travel. */
  async emit(kind, data, at, clock) {
    const draft = this.drafts[kind];
    this.hear([this.tell(this.exposure, kind, data, at, clock)]);
    await this.stored;
    draft?.forget();
    flush();
  }

  /** Keep one event of an exposure of this phone, and tell the other tabs. */
  tell(exposure, kind, data = {}, at = Date.now(), clock = clockNow()) {
    const event = { id: uuid7(), exposure, kind, at: new Date(at).toISOString(), clock, ...data };
    this.stored = put(event);
    this.tabs?.postMessage({ account, event });
    return event;
  }

  answered({ refused, set_aside: aside = [], also_running: other }) {
    for (const { exposure, message } of aside) if (exposure === this.exposure) this.refuse(message);
    for (const { id, message } of refused) {
      if (this.events.delete(id)) this.refuse(message);
    }
    this.look();
    if (other && other !== this.exposure) meet(this, other);
    if (document.hidden) this.away(); // the server knew nothing of the exposure when it was told before
    if (this.dataset.phase === "done") fetchSummary(this);
  }

  refuse(message) {
    this.parts.refused.textContent = message;
    this.parts.refused.hidden = false;
  }

  /** Fold, show, finish what has come to its end. `returned`: the page was away and somebody looks again. */
  look(returned = false) {
    const now = Date.now();
    const state = fold(this.told, now);
    this.state = state;
    this.enter(state);
    if (state.phase === "running") run(this, state);
    const { phase } = state;
    if (dueEnd(state, now, returned, this.alive)) finish(this, returned);
    else if (phase !== this.known || (phase === "running" && !dueEnd(state, now, true))) this.parts["ask-end"].close();
    if (phase === this.known) return;
    this.known = phase;
    remember(phase === "running", { account, id: this.exposure, step: this.step, own: this.own });
  }

  /** Move to the section of the state's phase, once. */
  enter(state) {
    const { phase } = state;
    const was = this.dataset.phase;
    keepAwake(phase === "running" && !state.paused);
    this.record.poll(phase === "running" ? this.cheers.pause : 0);
    if (phase !== "running") this.timer.stop();
    if (phase === "after" && this.about !== state.finished) prepareNote(this, state);
    this.parts["ended-by-another"].hidden = state.gaveWay === null;
    if (phase !== "running") this.parts["gave-way"].hidden = true;
    const late = phase === "after" && Date.now() - state.finished > FORGOTTEN;
    this.toggleAttribute("data-late", late);
    if (phase === was) return;
    if (phase === "done") summarise(this, state);
    this.dataset.phase = phase;
    document.dispatchEvent(new Event("practice-phase"));
    scrollTo(0, 0);
    if ("ready" in this.dataset) this.querySelector(`[data-section="${phase}"] h1`).focus();
  }
}

/** Whether a tap fell beside an open dialog; the keyboard's clicks (no detail) never do. */
function beside(dialog, { target, detail, clientX: x, clientY: y }) {
  const { top, bottom, left, right } = dialog.getBoundingClientRect();
  return target === dialog && detail > 0 && (y < top || y > bottom || x < left || x > right);
}

customElements.define("practice-page", PracticePage);
