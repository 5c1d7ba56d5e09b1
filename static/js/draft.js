// What was typed stays through a reload, in this tab only, until it has been stored as an event.

const KEPT = 12 * 3_600_000;

export class Draft {
  constructor(form, key) {
    this.form = form;
    this.key = `rung-draft:${key}`;
    form.addEventListener("input", () => this.save());
  }

  save() {
    const fields = [...new FormData(this.form)].filter(([name]) => this.form.elements[name].type !== "hidden");
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ saved: Date.now(), fields }));
    } catch {
      // Full or forbidden: the text is still in its field.
    }
  }

  /** Put the fields back; says whether there was anything. */
  restore() {
    const { saved = 0, fields = [] } = JSON.parse(sessionStorage.getItem(this.key)) ?? {};
    if (Date.now() - saved > KEPT) return false;
    for (const [name, value] of fields) {
      const field = this.form.elements[name];
      if (!field) continue;
      field.value = value;
      if (field instanceof HTMLElement) field.dispatchEvent(new Event("input", { bubbles: true }));
      if (value && field.type === "textarea") field.closest("details")?.setAttribute("open", "");
    }
    return fields.length > 0;
  }

  forget() {
    sessionStorage.removeItem(this.key);
  }
}
