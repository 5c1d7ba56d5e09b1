// The number and the − / + buttons of a slider. The range itself is the browser's and works without this.

const range = (slider) => slider.querySelector("input[type=range]");

function show(slider) {
  const input = range(slider);
  const span = input.max - input.min;
  slider.style.setProperty("--fill", `${span ? ((input.value - input.min) / span) * 100 : 0}%`);
  slider.querySelector("output > span").textContent = input.value;
}

/** Move by the button's step, and land on a round number. */
function move(slider, by) {
  const input = range(slider);
  const value = Number(input.value);
  const step = Math.abs(by);
  input.value = by > 0 ? (Math.floor(value / step) + 1) * step : (Math.ceil(value / step) - 1) * step;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

const showAll = () => document.querySelectorAll("[data-slider]").forEach(show);

document.addEventListener("input", (event) => {
  const slider = event.target.closest("[data-slider]");
  if (slider) show(slider);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-slider] [data-by]");
  if (button) move(button.closest("[data-slider]"), Number(button.dataset.by));
});
document.addEventListener("reset", () => setTimeout(showAll));
document.addEventListener("htmx:after:swap", showAll);
addEventListener("pageshow", showAll);
showAll();
