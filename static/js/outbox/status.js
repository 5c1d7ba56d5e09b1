// <outbox-status>: how much waits to be sent and why, with a button to try now. Shown once sending takes longer than a
// moment.

const SHOWN_AFTER = 2_500; // ms

/**
 * Define the element.
 * @param {EventTarget} outbox fires "change"
 * @param {() => void} tell makes it fire
 * @param {() => void} sendNow
 */
export function defineStatus(outbox, tell, sendNow) {
  customElements.define(
    "outbox-status",
    class extends HTMLElement {
      tried = false;

      connectedCallback() {
        this.text = this.querySelector("[data-count]");
        this.signIn = this.querySelector("a[data-sign-in]");
        this.other = this.querySelector("[data-other]");
        this.button = this.querySelector("button");
        this.button?.addEventListener("click", () => {
          this.tried = true;
          sendNow();
        });
        outbox.addEventListener("change", this);
        tell();
      }

      disconnectedCallback() {
        outbox.removeEventListener("change", this);
      }

      handleEvent({ detail: { count, trouble } }) {
        clearTimeout(this.patience);
        if (!count) {
          this.hidden = true;
          this.tried = false;
        } else if (trouble || !this.hidden) this.show(count, trouble);
        else this.patience = setTimeout(() => this.show(count, trouble), SHOWN_AFTER);
      }

      show(count, trouble) {
        const failed =
          this.tried && trouble === "unreachable" && document.getElementById("error-notice")?.dataset.network;
        this.text.textContent = [this.dataset.text.replace("{n}", count), failed].filter(Boolean).join(". ");
        if (this.signIn) this.signIn.search = `?next=${encodeURIComponent(location.pathname + location.search)}`;
        this.signIn?.toggleAttribute("hidden", trouble !== "signed-out");
        this.other?.toggleAttribute("hidden", trouble !== "other-account");
        this.button?.toggleAttribute("hidden", trouble === "signed-out" || trouble === "other-account");
        this.hidden = false;
      }
    },
  );
}
