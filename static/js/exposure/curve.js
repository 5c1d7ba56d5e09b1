// Draws SUDS over time. On the running page small, with the time still planned as dashes and the numbers below;
// in the summary as the server draws it (macros.html, curve).

import { clock } from "./timer.js";

const SMALL = { width: 340, height: 96, left: 8, right: 332, zero: 68, scale: 0.58 };
const LARGE = { width: 320, height: 128, left: 8, right: 288, zero: 112, scale: 0.96 };
const ROOM = 24; // what a number needs beside another

/** `label` is what the drawing is called, with {ratings}. */
export function drawCurve(svg, { curve, seconds, planned }, label, large) {
  const { width, height, left, right, zero, scale } = large ? LARGE : SMALL;
  const span = Math.max(planned, seconds, 1);
  const points = curve.map(([second, suds]) => [left + (second / span) * (right - left), zero - suds * scale, suds]);
  const [lastX, lastY] = points.at(-1) ?? [right];
  const parts = [shape("polyline", { class: "line", points: points.map(([x, y]) => `${x},${y}`).join(" ") })];
  if (lastX < right - 12) parts.push(shape("path", { class: "rest", d: `M${lastX + 8} ${lastY}H${right}` }));
  const texts = [];
  for (const [cx, cy, suds] of points.reverse()) {
    parts.push(shape("circle", { cx, cy, r: 4.5 }));
    if (texts.some((x) => Math.abs(x - cx) < ROOM)) continue;
    texts.push(cx);
    const y = large ? cy + (suds < 90 ? -10 : 18) : height - 8;
    parts.push(shape("text", { class: "value", x: Math.max(cx, 10), y, "text-anchor": "middle" }, suds));
  }
  if (large) {
    for (const suds of [0, 50, 100]) {
      const y = zero - suds * scale;
      parts.unshift(shape("path", { class: "guide", d: `M0 ${y}H${right + 4}` }));
      parts.push(shape("text", { x: width, y: y + 4, "text-anchor": "end" }, suds));
    }
  }
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...parts);
  const ratings = curve.map(([second, suds]) => `${suds} (${clock(second)})`);
  svg.setAttribute("aria-label", label.replace("{ratings}", ratings.join(", ")));
}

function shape(name, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.textContent = text;
  return element;
}

/** A check-in's mark on the ring, at this share of its time. */
export function dot(share) {
  const angle = share * 2 * Math.PI;
  return shape("circle", { cx: 150 + 137 * Math.sin(angle), cy: 150 - 137 * Math.cos(angle), r: 5 });
}
