// Draws SUDS over time. erp/web/edge/curve.py lays the chart out by the same rule, and both are held to
// tests/unit/exposure/curve_vectors.json: what the phone draws stands where the server's drawing will.

import { clock } from "../lib/format.js";

/** @typedef {{width: number, height: number, left: number, right: number, zero: number, scale: number}} Size */

/** The trace below the running timer: small, its numbers under it. @type {Size} */
export const TRACE = { width: 340, height: 96, left: 8, right: 332, zero: 68, scale: 0.58 };
/** The chart of a summary. @type {Size} */
export const CHART = { width: 320, height: 128, left: 8, right: 288, zero: 112, scale: 0.96 };
const ROOM = 24; // what a number needs beside another

const rounded = (/** @type {number} */ value) => Math.floor(value * 10 + 0.5) / 10;

/**
 * Where the points stand, which of them show their number, and where the line of the time still planned begins.
 * Numbers show where there is room for them: the last before all, then the first, the highest, the later ones.
 * @param {[number, number][]} curve seconds and SUDS
 * @param {number} span the seconds that the whole width stands for
 * @param {Size} size
 * @returns {{points: [number, number][], labels: number[], rest: [number, number] | null}}
 */
export function layOut(curve, span, { left, right, zero, scale }) {
  /** @type {[number, number][]} */
  const points = curve.map(([second, suds]) => [
    rounded(left + (second / Math.max(span, 1)) * (right - left)),
    rounded(zero - suds * scale),
  ]);
  const ratings = curve.map(([, suds]) => suds);
  const last = curve.length - 1;
  /** @type {number[]} */
  const labels = [];
  for (const index of [last, 0, ratings.indexOf(Math.max(...ratings)), ...[...curve.keys()].reverse()]) {
    if (index in curve && labels.every((one) => Math.abs(points[one][0] - points[index][0]) >= ROOM))
      labels.push(index);
  }
  const end = points[last];
  const goesOn = span > curve[last]?.[0];
  return {
    points,
    labels: labels.sort((a, b) => a - b),
    rest: goesOn && end[0] < right - 12 ? [end[0] + 8, end[1]] : null,
  };
}

/**
 * What is practised now, with the time that is still planned.
 * @param {SVGElement} svg
 * @param {import("./fold.js").State} state
 * @param {string} label what the drawing is called, with {ratings}
 */
export function drawTrace(svg, { curve, seconds, planned }, label) {
  const laid = layOut(curve, Math.max(planned, seconds), TRACE);
  draw(svg, curve, label, TRACE, laid, (index) => [Math.max(laid.points[index][0], 10), TRACE.height - 8]);
}

/**
 * An exposure that is over, as the server's summary shows it.
 * @param {SVGElement} svg
 * @param {import("./fold.js").State} state
 * @param {string} label what the drawing is called, with {ratings}
 */
export function drawChart(svg, { curve }, label) {
  const { width, right, zero, scale } = CHART;
  const laid = layOut(curve, curve.at(-1)?.[0] ?? 0, CHART);
  draw(svg, curve, label, CHART, laid, (index) => [
    laid.points[index][0],
    laid.points[index][1] + (curve[index][1] < 90 ? -10 : 18),
  ]);
  for (const suds of [0, 50, 100]) {
    const y = zero - suds * scale;
    svg.prepend(shape("path", { class: "guide", d: `M0 ${y}H${right + 4}` }));
    svg.append(shape("text", { x: width, y: y + 4, "text-anchor": "end" }, String(suds)));
  }
}

/**
 * @param {SVGElement} svg
 * @param {[number, number][]} curve
 * @param {string} label
 * @param {Size} size
 * @param {ReturnType<typeof layOut>} laid
 * @param {(index: number) => [number, number]} place where a point's number stands
 */
function draw(svg, curve, label, { width, height, right }, { points, labels, rest }, place) {
  const parts = [shape("polyline", { class: "line", points: points.join(" ") })];
  if (rest) parts.push(shape("path", { class: "rest", d: `M${rest[0]} ${rest[1]}H${right}` }));
  for (const [cx, cy] of points) parts.push(shape("circle", { cx, cy, r: 4.5 }));
  for (const index of labels) {
    const [x, y] = place(index);
    parts.push(shape("text", { class: "value", x, y, "text-anchor": "middle" }, String(curve[index][1])));
  }
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...parts);
  const ratings = curve.map(([second, suds]) => `${suds} (${clock(second)})`);
  svg.setAttribute("aria-label", label.replace("{ratings}", ratings.join(", ")));
}

/**
 * @param {string} name
 * @param {{[attribute: string]: string | number}} attributes
 */
function shape(name, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, String(attributes[key]));
  element.textContent = text;
  return element;
}

/**
 * A check-in's mark on the ring.
 * @param {number} share of the ring's time
 */
export function dot(share) {
  const angle = share * 2 * Math.PI;
  return shape("circle", { cx: 150 + 137 * Math.sin(angle), cy: 150 - 137 * Math.cos(angle), r: 5 });
}
