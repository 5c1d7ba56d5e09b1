// What this phone keeps beside the outbox: what was typed, in this tab only, until it has been stored as an event; and
// which exposure runs. All of it may be refused by the browser, and nothing here stops the page then.

import { DRAFT, load, RUNNING, save } from "../lib/store.js";

const KEEP_DRAFTS_FOR = 12 * 3_600_000; // ms
const tab = () => sessionStorage;
const phone = () => localStorage;

export class Draft {
  saved = 0; // when, in ms
  #key = null;
  #restoring = false;

  /** `only`: the names of the fields to keep, all where there is none. */
  constructor(form, only) {
    this.form = form;
    this.only = only;
    form.addEventListener("input", () => this.save());
  }

  /** Whose draft this is; nothing is kept while that is not known. */
  set key(key) {
    this.#key = key && DRAFT + key;
  }

  save() {
    if (!this.#key || this.#restoring) return;
    this.saved = Date.now();
    const kept = ([name, _value]) =>
      this.only ? this.only.includes(name) : this.form.elements[name].type !== "hidden";
    const fields = [...new FormData(this.form)].filter(kept);
    save(tab, this.#key, { saved: this.saved, fields });
  }

  /** Put the fields back. */
  restore() {
    if (!this.#key) return;
    const { saved = 0, fields = [] } = load(tab, this.#key) ?? {};
    if (Date.now() - saved > KEEP_DRAFTS_FOR) return;
    this.saved = saved;
    this.#restoring = true;
    for (const [name, value] of fields) this.#put(this.form.elements[name], value);
    this.#restoring = false;
  }

  #put(field, value) {
    if (!field) return;
    field.value = value;
    if (field instanceof HTMLElement) field.dispatchEvent(new Event("input", { bubbles: true }));
    if (field.type === "textarea" && value !== field.defaultValue) field.closest("details")?.setAttribute("open", "");
  }

  forget() {
    if (this.#key) save(tab, this.#key, null);
  }
}

/** Which exposure runs on this phone: ids, and whether it was started here. */
export function recall() {
  return load(phone, RUNNING);
}

/** From now on this one runs here, or no longer. */
export function remember(running, known) {
  if (running) save(phone, RUNNING, known);
  else if (recall()?.id === known.id) save(phone, RUNNING, null);
}

/** A form's own data; numbers as numbers, empty fields and what only a plain form needs left out. */
export function read(form) {
  const data = {};
  for (const [name, value] of new FormData(form)) {
    if (value && !PLAIN.includes(name)) data[name] = NUMBERS.includes(name) ? Number(value) : value;
  }
  return data;
}

const PLAIN = ["kind", "exposure", "form_id"];
const NUMBERS = ["suds", "rating", "expected_suds", "likelihood", "planned_minutes", "check_in_minutes", "minutes"];

/** Put `value` on a slider, and tell whoever shows its number. */
export function slide(form, name, value) {
  if (value === null) return;
  form.elements[name].value = value;
  form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
}

/** What was typed in this tab under another account goes, and what was typed before its exposure was known. */
export function dropDraftsOfOthers(account) {
  try {
    for (const key of Object.keys(sessionStorage)) {
      const own = key.startsWith(`${DRAFT}${account}:`) && !key.endsWith(":undefined");
      if (key.startsWith(DRAFT) && !own) sessionStorage.removeItem(key);
    }
  } catch {
    // No storage, no drafts.
  }
}
