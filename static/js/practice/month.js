// The month: swipe and arrow keys go where its two links go; a chosen day is marked and comes into view.

const SWIPE = 48;
const month = () => document.getElementById("month");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let start = null;
let direction = "";

function turn(rel) {
  month()?.querySelector(`a[rel=${rel}]`)?.click();
}

document.addEventListener("touchstart", (event) => {
  const [touch, second] = event.touches;
  start = !second && touch.target.closest("#month table") ? { x: touch.clientX, y: touch.clientY } : null;
}, { passive: true });

document.addEventListener("touchend", (event) => {
  if (!start) return;
  const { clientX, clientY } = event.changedTouches[0];
  const across = clientX - start.x;
  if (Math.abs(across) > SWIPE && Math.abs(across) > 2 * Math.abs(clientY - start.y)) turn(across < 0 ? "next" : "prev");
  start = null;
});

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.matches("input, select, textarea")) return;
  if (event.key === "ArrowLeft") turn("prev");
  if (event.key === "ArrowRight") turn("next");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("#month a");
  if (!link) return;
  direction = link.rel;
  if (!link.closest("td")) return;
  month().querySelector("[data-chosen]")?.removeAttribute("data-chosen");
  link.dataset.chosen = "";
});

for (const trouble of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(trouble, () => (direction = ""));
}

document.addEventListener("htmx:after:swap", () => {
  if (direction) {
    month().classList.add(`slide-${direction}`);
    document.title = document.title.replace(/^[^·]*/, `${month().querySelector("h1").textContent.trim()} `);
    (month().querySelector(`#month-${direction}`) ?? month().querySelector("a[rel]")).focus({ preventScroll: true });
    document.getElementById("month-said").textContent = month().querySelector("h1").textContent.trim();
    direction = "";
    document.getElementById("day").replaceChildren();
    return;
  }
  document.getElementById("day").scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
});
