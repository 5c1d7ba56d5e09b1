// The cards of clients stay fresh: at once when a push says that there is news, else by asking now and then while the
// page can be seen. An answer that did not change (304) leaves the card alone.

const TICK = 5_000; // ms between two looks at a practice that runs
const CALM = 30_000; // ms between two looks at somebody who does not practise now
const cards = () => document.querySelectorAll("article.client");
const asked = new Map(); // card → when
const known = new Map(); // card → the ETag of what it shows

function refresh(card) {
  asked.set(card.id, Date.now());
  htmx.trigger(card, "refresh");
}

function look() {
  if (document.hidden) return;
  for (const card of cards()) {
    const every = card.classList.contains("on") ? TICK : CALM;
    // Timers come a little early or late: half a tick of slack, or every second look would be left out.
    if (Date.now() - asked.get(card.id) >= every - TICK / 2) refresh(card);
  }
}

function refreshAll() {
  if (!document.hidden) cards().forEach(refresh);
}

const isCard = ({ detail }) => detail.ctx?.sourceElement?.matches("article.client");
const main = document.getElementById("main");

main.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  const seen = known.get(ctx.sourceElement.id);
  if (isCard(event) && seen) ctx.request.headers["If-None-Match"] = seen;
});

main.addEventListener("htmx:after:request", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  const etag = response.headers.get("etag");
  if (isCard(event) && response.status === 200 && etag) known.set(sourceElement.id, etag);
});

main.addEventListener("htmx:response:error", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  if (isCard(event) && response.status === 404) location.assign(sourceElement.dataset.gone);
});

// Nobody tapped anything: a look that fails is no trouble to report, and one that goes out clears none.
for (const name of ["htmx:before:request", "htmx:error", "htmx:response:error"]) {
  main.addEventListener(name, (event) => isCard(event) && event.stopPropagation());
}

navigator.serviceWorker?.addEventListener("message", ({ data }) => {
  const card = data?.type === "push" && document.getElementById(`client-${data.support}`);
  if (card) refresh(card);
});

for (const card of cards()) asked.set(card.id, Date.now());
setInterval(look, TICK);
document.addEventListener("visibilitychange", refreshAll);
addEventListener("pageshow", ({ persisted }) => persisted && refreshAll());
