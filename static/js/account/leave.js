// Leaving: what is left on a phone on which nobody is signed in, and the question before the sign-out while something
// waits to be sent. The account's page loads this, and every page of nobody.

import { flush, put, waiting } from "../outbox/outbox.js";

const KEPT = "rung-kept"; // what the pages for offline use are kept under
const NOT_PRIVATE = ["rung-device", "rung-zones"];

/** Take away what somebody could read: kept pages, drafts, what runs. What waits to be sent stays, locked. */
export async function forget() {
  for (const storage of ["localStorage", "sessionStorage"]) {
    try {
      for (const key of Object.keys(window[storage])) {
        if (key.startsWith("rung-") && !NOT_PRIVATE.includes(key)) window[storage].removeItem(key);
      }
    } catch {
      // No storage, nothing in it.
    }
  }
  if (!window.caches) return;
  // What it is just fetching must not come after.
  navigator.serviceWorker?.controller?.postMessage({ type: "keep", account: "nobody" });
  for (const name of await caches.keys()) if (name.startsWith(KEPT)) await caches.delete(name);
}

let dialog = null;

async function go(form) {
  // What an older version had stored is locked as well.
  for (const event of await waiting()) await put(event);
  await forget().catch(() => {});
  form.dataset.leaves = "yes";
  if (form.requestSubmit) form.requestSubmit();
  else form.submit();
  delete form.dataset.leaves;
}

/** The dialog; null from a server for which nobody is signed in any more. */
async function open() {
  const answer = await fetch(new URL("../../../../account/leaving", import.meta.url), { redirect: "manual" });
  if (answer.type === "opaqueredirect") return null;
  if (!answer.ok || !answer.headers.has("Rung-Page")) throw new Error("no answer of ours");
  document.body.insertAdjacentHTML("beforeend", await answer.text());
  return document.getElementById("leaving");
}

/** What the person wants: "" to stay. The dialog says how things stand meanwhile. */
function ask(count) {
  const [text, trouble] = dialog.querySelectorAll("[data-text], [role=status]");
  text.textContent = text.dataset.text.replace("{n}", count);
  trouble.textContent = "";
  dialog.returnValue = "";
  dialog.showModal();
  dialog.querySelector("[data-send]").onclick = async ({ target }) => {
    target.disabled = true;
    trouble.textContent = trouble.dataset.busy;
    await flush();
    const { length } = await waiting();
    target.disabled = false;
    if (!length) return dialog.close("sent");
    text.textContent = text.dataset.text.replace("{n}", length);
    trouble.textContent = trouble.dataset.failed;
  };
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

/** Whether the form goes. Where the server does not answer nobody can be signed out, and nothing is taken away. */
async function mayGo() {
  const notice = document.getElementById("trouble");
  notice.hidden = true;
  try {
    dialog ??= await open();
    const { length } = await waiting();
    return !dialog || !length || Boolean(await ask(length));
  } catch {
    notice.textContent = notice.dataset.network;
    notice.hidden = false;
    return false;
  }
}

let asking = false;

// On the window, so that it comes before everybody else who has something to do at the sign-out.
addEventListener("submit", async (event) => {
  const form = event.target;
  if (!/\/sign-out[a-z-]*$/.test(form.action) || form.dataset.leaves) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (asking) return;
  asking = true;
  if (await mayGo()) await go(form);
  asking = false;
}, true);
