// What this phone keeps beside the outbox: what was typed, in this tab only, until it has been stored as an event; and
// which exposure runs. All of it may be refused by the browser, and nothing here stops the page then.

const PREFIX = "rung-draft:";
const RUNNING = "rung-running";
const KEPT = 12 * 3_600_000;

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
    this.#key = key && PREFIX + key;
  }

  save() {
    if (!this.#key || this.#restoring) return;
    this.saved = Date.now();
    const kept = ([name]) => (this.only ? this.only.includes(name) : this.form.elements[name].type !== "hidden");
    const fields = [...new FormData(this.form)].filter(kept);
    try {
      sessionStorage.setItem(this.#key, JSON.stringify({ saved: this.saved, fields }));
    } catch {
      // Full or forbidden: the text is still in its field.
    }
  }

  /** Put the fields back. */
  restore() {
    if (!this.#key) return;
    const { saved = 0, fields = [] } = stored(() => sessionStorage, this.#key) ?? {};
    if (Date.now() - saved > KEPT) return;
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
    if (!this.#key) return;
    try {
      sessionStorage.removeItem(this.#key);
    } catch {
      // Then nothing was kept either.
    }
  }
}

/** Which exposure runs on this phone: ids, and whether it was started here. */
export function recall() {
  return stored(() => localStorage, RUNNING);
}

export function remember(running, known) {
  try {
    if (running) localStorage.setItem(RUNNING, JSON.stringify(known));
    else if (recall()?.id === known.id) localStorage.removeItem(RUNNING);
  } catch {
    // Today's page knows it from the server.
  }
}

function stored(storage, key) {
  try {
    return JSON.parse(storage().getItem(key));
  } catch {
    return null;
  }
}

/** A form's own data; numbers as numbers, empty fields left out. */
export function read(form) {
  const data = {};
  for (const [name, value] of new FormData(form)) {
    if (value && name !== "kind" && name !== "exposure") data[name] = NUMBERS.includes(name) ? Number(value) : value;
  }
  return data;
}

const NUMBERS = ["suds", "rating", "expected_suds", "likelihood", "planned_minutes", "check_in_minutes", "minutes"];

/** Put `value` on a slider, and tell whoever shows its number. */
export function slide(form, name, value) {
  if (value === null) return;
  form.elements[name].value = value;
  form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
}

// One that was made before its exposure was known is nobody's.
try {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(PREFIX) && key.endsWith(":undefined")) sessionStorage.removeItem(key);
  }
} catch {
  // No storage, no such draft.
}
