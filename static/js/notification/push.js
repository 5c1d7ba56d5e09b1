// Notifications on this device: the browser's subscription, kept as the server knows it, and the panel that turns it on.
// Only /notifications and browsers that allow notifications load this.

import { DEVICE, load, save } from "../lib/store.js";
import { isJson } from "../outbox/outbox.js";

const WORKER_TIMEOUT = 10_000; // ms
const LEAVING_TIMEOUT = 1_500; // ms that a sign-out waits for it
const { account, push: key } = document.documentElement.dataset;
const worker = navigator.serviceWorker;
const able = Boolean(worker && window.PushManager && window.Notification);

class Refused extends Error {}

const phone = () => localStorage;
const recall = () => load(phone, DEVICE) ?? {};
/** Keep what the server knows this browser by; where that fails the server is told anew on the next page. */
const remember = (known) => save(phone, DEVICE, known);

async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes.subarray(0, 12)));
}

function keyOf({ options }) {
  const bytes = options?.applicationServerKey;
  if (!bytes) return key; // a browser that does not tell
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

const after = (pause) => new Promise((resolve) => setTimeout(resolve, pause));
const alone = (task) => (navigator.locks ? navigator.locks.request(DEVICE, task) : task());

async function manager() {
  const registration = await Promise.race([worker.ready, after(WORKER_TIMEOUT)]);
  if (!registration) throw new Error("no service worker");
  return registration.pushManager;
}

const subscribe = async (at) => at.subscribe({ userVisibleOnly: true, applicationServerKey: key });

/** Tell the server; says what it answered. A device that its person removed meanwhile is none any more: null. */
async function register(subscription) {
  const known = recall();
  const replaces = known.account === account ? known.id : undefined;
  const response = await fetch("/devices", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ subscription, replaces }),
    redirect: "error",
  });
  if (response.status === 404 && replaces) {
    remember(null);
    await subscription.unsubscribe();
    return null;
  }
  if (!isJson(response) || response.status === 401) throw new Error("no answer of ours");
  const answer = await response.json();
  if (!response.ok) throw new Refused(Object.values(answer.errors).join(" "));
  remember({ account, id: answer.id, endpoint: await digest(subscription.endpoint), day: today() });
  return answer;
}

// Once a day, and once more on a day on which one of the person's devices is known to have stopped.
const today = () => new Date().toDateString() + (document.getElementById("stopped-notice") ? " !" : "");

/** Bring browser and server together, where this device is to be notified. On every page. */
async function compare() {
  if (!account) return leave();
  const at = await manager();
  const known = recall();
  let subscription = await at.getSubscription();
  const wanted = Boolean(subscription) || known.account === account || known.again === (await digest(account));
  if (!wanted) return;
  if (subscription && keyOf(subscription) !== key) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await subscribe(at);
  const same = known.account === account && known.endpoint === (await digest(subscription.endpoint));
  if (same && known.day === today()) return;
  const answer = await register(subscription);
  // What its push service dropped does not work again, whatever the browser believes.
  if (answer?.stopped && same) await renew(at, subscription);
}

async function renew(at, subscription) {
  await subscription?.unsubscribe();
  return register(await subscribe(at));
}

let comparing = null;

export function refresh() {
  comparing ??= alone(compare).catch(() => {});
  return comparing;
}

/** Nothing for the account that leaves may arrive here; whoever signs in again gets it back. */
async function leave(remove) {
  const known = recall();
  if (known.account) remember({ again: await digest(known.account) });
  const told = async () => {
    /** @type {RequestInit} */
    const options = { method: "POST", redirect: "manual", keepalive: true };
    if (remove && known.id) await fetch(`/devices/${known.id}/remove`, options);
  };
  await Promise.allSettled([told(), drop()]);
}

async function drop() {
  await (await (await manager()).getSubscription())?.unsubscribe();
}

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (!/\/sign-out[a-z-]*$/.test(form.action) || !able || Notification.permission !== "granted") return;
    event.preventDefault();
    if (form.dataset.leaving) return;
    form.dataset.leaving = "yes";
    await Promise.race([leave(true), after(LEAVING_TIMEOUT)]).catch(() => {});
    form.submit();
  },
  true,
);

// Somebody looks: what was announced is seen.
const seen = () => document.hidden || navigator.clearAppBadge?.().catch(() => {});
document.addEventListener("visibilitychange", seen);
seen();

const agent = navigator.userAgent;
const apple = /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1);
const standalone = navigator.standalone || matchMedia("(display-mode: standalone)").matches;

function family() {
  if (apple) return "ios";
  if (/Android/.test(agent)) return "android";
  if (/Firefox/.test(agent)) return "firefox";
  return /Safari/.test(agent) && !/Chrom/.test(agent) ? "safari" : "other";
}

/** <push-panel>: says how things stand here; its button asks for the permission, and nothing else does. */
class PushPanel extends HTMLElement {
  async connectedCallback() {
    for (const button of this.querySelectorAll("[data-turn-on]")) {
      button.addEventListener("click", () => this.turnOn(button));
    }
    document.addEventListener("htmx:after:swap", () => this.look());
    document.addEventListener("submit", ({ target }) => this.sent(target), true);
    document.addEventListener("visibilitychange", () => this.look());
    // Whether a test came through, nobody knows better than the device itself.
    worker?.addEventListener("message", ({ data }) => {
      this.came ||= data?.kind === "test";
      this.look();
    });
    this.look();
    if (!able || Notification.permission !== "granted") return;
    await refresh();
    if (recall().id && this.state() !== "on") await this.list();
    this.look();
  }

  /** This device among those of the page. */
  get here() {
    const { account: whose, id } = recall();
    return whose === account && id ? document.getElementById(`device-${id}`) : null;
  }

  state() {
    if (apple && !standalone) return "ios";
    if (!able) return "unsupported";
    if (Notification.permission === "denied") return "denied";
    if (Notification.permission !== "granted" || !this.here) return "ask";
    return "stopped" in this.here.dataset ? "again" : "on";
  }

  look() {
    const state = this.state();
    for (const part of this.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
    for (const part of this.querySelectorAll("[data-family]")) part.hidden = part.dataset.family !== family();
    const { here } = this;
    here?.querySelector("[data-here]").removeAttribute("hidden");
    here?.querySelector("[data-there]")?.setAttribute("hidden", "");
    const test = here?.querySelector("[data-test]");
    if (test && this.came) test.textContent = test.dataset.test;
    this.dataset.ready = state;
  }

  async turnOn(button) {
    button.disabled = true;
    this.trouble("");
    try {
      if ((await Notification.requestPermission()) === "granted") {
        await alone(async () => {
          const at = await manager();
          const stopped = this.here && "stopped" in this.here.dataset;
          const subscription = await at.getSubscription();
          if (subscription && !stopped && keyOf(subscription) === key) await register(subscription);
          else await renew(at, subscription);
        });
        await this.list();
      }
    } catch (error) {
      this.trouble(error instanceof Refused ? error.message : this.dataset.network);
    }
    button.disabled = false;
    this.look();
  }

  trouble(text) {
    const line = this.querySelector("[data-trouble]");
    line.textContent = text;
    line.hidden = !text;
  }

  async list() {
    const target = document.getElementById("devices");
    await htmx.ajax("GET", location.pathname, { source: this, target, swap: "outerHTML", select: "#devices" });
    this.look();
  }

  sent(form) {
    if (!this.here?.contains(form)) return;
    this.came = false;
    if (!form.matches("[data-remove]")) return;
    remember(null);
    drop().catch(() => {});
  }
}

if (document.querySelector("push-panel")) customElements.define("push-panel", PushPanel);
