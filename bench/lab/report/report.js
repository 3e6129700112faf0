// SPDX-License-Identifier: Apache-2.0
"use strict";
// Draws the report from the JSON in #data. No library, no network: the page works from a file.

const data = JSON.parse(document.getElementById("data").textContent);
const dashes = ["", "7 3", "2 3", "9 3 2 3", "5 5", "1 5", "12 4"];

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "circle", "g", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
                   : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function duration(ns) {
  if (ns === null || ns === undefined) return "-";
  for (const [factor, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "us"]])
    if (ns >= factor) return `${Number((ns / factor).toPrecision(3))} ${unit}`;
  return `${Math.round(ns)} ns`;
}

function count(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} k` : value.toFixed(0);
}

const middle = (figure, show) => (figure ? show(figure.median) : "-");
const range = (figure, show) => (figure ? `${show(figure.low)} .. ${show(figure.high)}` : "-");

function table(caption, head, rows) {
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    row.forEach((value, i) => {
      const cell = typeof value === "object" ? value
                 : element(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : {}, value);
      line.append(cell);
    });
    body.append(line);
  }
  const heads = element("tr");
  for (const text of head) heads.append(element("th", { scope: "col" }, text));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, heads), body));
}

// A line chart. series: [{label, color, dash, points: [[x, y, low, high], ...]}], y logarithmic.
function chart({ title, xTicks, xText, xName, yName, series }) {
  const holder = element("figure");
  const shown = series.filter((one) => one.points.length > 0);
  if (shown.length === 0) return element("p", {}, "No cell of this block has a result to draw.");
  const readout = element("p", { class: "readout", "aria-live": "polite" });
  const xs = [...new Set(shown.flatMap((one) => one.points.map((p) => p[0])))]
    .sort((a, b) => a - b);
  const ys = shown.flatMap((one) => one.points.flatMap((p) => [p[1], p[2] ?? p[1], p[3] ?? p[1]]))
    .filter((y) => y > 0);
  const yLow = Math.log10(Math.min(...ys)) - 0.05, yHigh = Math.log10(Math.max(...ys)) + 0.05;
  const xLow = xs[0], xHigh = xs[xs.length - 1] === xs[0] ? xs[0] + 1 : xs[xs.length - 1];
  let at = -1, place = null;

  function draw() {
    const width = Math.max(300, holder.clientWidth || 640), height = width < 500 ? 260 : 340;
    const left = 76, right = 14, top = 12, bottom = 44;
    const x = (v) => left + (v - xLow) / (xHigh - xLow) * (width - left - right);
    const y = (v) => height - bottom -
      (Math.log10(v) - yLow) / (yHigh - yLow) * (height - top - bottom);
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0",
      "aria-label": `${title}. Arrow keys read the values; the table below has them all.` });
    const minimum = width < 500 ? 45 : 34;
    let last = -99;
    for (const tick of xTicks.filter((t) => t >= xLow - 1e-9 && t <= xHigh + 1e-9)) {
      svg.append(element("line", { class: "grid", x1: x(tick), x2: x(tick), y1: top,
        y2: height - bottom }));
      if (x(tick) - last < minimum) continue;
      last = x(tick);
      svg.append(element("text", { x: x(tick), y: height - bottom + 16, "text-anchor": "middle" },
        xText(tick)));
    }
    const step = (yHigh - yLow) > 2.5 ? [1] : (yHigh - yLow) > 1 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
    for (let decade = Math.floor(yLow); decade <= yHigh; decade += 1)
      for (const factor of step) {
        const value = factor * 10 ** decade;
        if (Math.log10(value) < yLow || Math.log10(value) > yHigh) continue;
        svg.append(
          element("line", { class: "grid", x1: left, x2: width - right, y1: y(value),
            y2: y(value) }),
          element("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, duration(value)));
      }
    svg.append(
      element("text", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" },
        xName),
      element("text", { x: 12, y: (height - bottom) / 2, "text-anchor": "middle",
        transform: `rotate(-90 12 ${(height - bottom) / 2})` }, yName));
    for (const one of shown) {
      const path = one.points.map((p, i) => `${i ? "L" : "M"}${x(p[0])} ${y(p[1])}`).join("");
      svg.append(element("path", { d: path, fill: "none", stroke: one.color, "stroke-width": 2,
        "stroke-dasharray": one.dash }));
      if (one.points.length <= 12)
        for (const [px, py, low, high] of one.points) {
          svg.append(element("circle", { cx: x(px), cy: y(py), r: 3, fill: one.color }));
          if (low > 0 && high > low)
            svg.append(element("line", { x1: x(px), x2: x(px), y1: y(low), y2: y(high),
              stroke: one.color }));
        }
    }
    const cursor = element("line", { class: "cursor", y1: top, y2: height - bottom,
      visibility: "hidden" });
    svg.append(cursor);
    place = (index) => {
      at = Math.min(xs.length - 1, Math.max(0, index));
      cursor.setAttribute("x1", x(xs[at]));
      cursor.setAttribute("x2", x(xs[at]));
      cursor.setAttribute("visibility", "visible");
      readout.textContent = `${xName} ${xText(xs[at])}: ` + shown.map((one) => {
        const point = one.points.find((p) => p[0] === xs[at]);
        return `${one.label} ${point ? duration(point[1]) : "-"}`;
      }).join(", ");
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const wanted = xLow + ((event.clientX - box.left) / box.width * width - left) /
        (width - left - right) * (xHigh - xLow);
      place(xs.reduce((best, v, i) =>
        (Math.abs(v - wanted) < Math.abs(xs[best] - wanted) ? i : best), 0));
    });
    svg.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (move) place(at + move);
      else if (event.key === "Home") place(0);
      else if (event.key === "End") place(xs.length - 1);
      else return;
      event.preventDefault();
    });
    return svg;
  }

  const legend = element("ul", { class: "legend" });
  for (const one of shown)
    legend.append(element("li", {}, element("svg", { viewBox: "0 0 28 10", "aria-hidden": "true" },
      element("line", { x1: 0, x2: 28, y1: 5, y2: 5, stroke: one.color, "stroke-width": 2,
        "stroke-dasharray": one.dash })), " ", one.label));
  let svg = draw();
  holder.append(element("figcaption", {}, title), legend, svg, readout);
  let width = 0;
  new ResizeObserver(() => {
    if (holder.clientWidth === width) return;
    width = holder.clientWidth;
    const focused = document.activeElement === svg;
    const next = draw();
    svg.replaceWith(next);
    svg = next;
    if (at >= 0) place(at);
    if (focused) svg.focus();
  }).observe(holder);
  holder.append(element("details", {}, element("summary", {}, "Data of this chart"),
    table(title, [xName, ...shown.map((one) => one.label)], xs.map((v) => [xText(v),
      ...shown.map((one) => {
        const point = one.points.find((p) => p[0] === v);
        if (!point) return "-";
        const spread = point[2] && point[3] > point[2]
          ? ` (${duration(point[2])} .. ${duration(point[3])})` : "";
        return duration(point[1]) + spread;
      })]))));
  return holder;
}

const colors = new Map();
function style(label) {
  if (!colors.has(label)) colors.set(label, colors.size);
  const index = colors.get(label);
  return { color: `var(--s${index % 7})`, dash: dashes[index % dashes.length] };
}

function quantileText(x) {
  const above = 10 ** -x;
  const digits = Math.max(0, Math.ceil(x - 2 + 1e-9));
  return `p${Number((100 * (1 - above)).toFixed(digits + 1))}`;
}

function blockView(block) {
  const open = block.section === "submit";
  const view = element("section", {}, element("h3", {}, block.id));
  const rows = block.cells.map((cell) => {
    if (cell.verdict !== "valid")
      return [cell.label, element("td", { class: "wide", colspan: "8" },
        `${cell.verdict}: ${cell.reason}`)];
    const noise = cell.noise ? `, A/A ${cell.noise.median.toFixed(2)}` : "";
    return [cell.label, middle(cell.latency.p50, duration), middle(cell.latency.p99, duration),
      middle(cell.latency["p99.9"], duration), range(cell.latency.p99, duration),
      middle(cell.per_second, count), middle(cell.cpu, duration),
      middle(cell.limit, (v) => v.toFixed(2)), `valid ${cell.valid}/${cell.done}${noise}`];
  });
  view.append(table(`Figures of ${block.id}`, [open ? "policy" : "engine", "p50", "p99", "p99.9",
    "p99 lowest .. highest", "ops/s", "CPU/op", open ? "p99/ideal" : "x limit", "verdict"], rows));
  view.append(chart({ title: `Latency by percentile, ${block.id}`, xTicks: [0, 1, 2, 3, 4],
    xText: quantileText, xName: "percentile", yName: "latency",
    series: block.cells.filter((cell) => cell.verdict === "valid").map((cell) =>
      ({ label: cell.label, ...style(cell.label), points: cell.curve })) }));
  return view;
}

function sweeps(blocks) {
  const services = new Map();
  for (const block of blocks) {
    const key = `${block.service}, ${block.workers} worker${block.workers === 1 ? "" : "s"}`;
    services.set(key, [...(services.get(key) ?? []), block]);
  }
  const out = [];
  for (const [key, group] of services) {
    const loads = group.map((block) => block.load).sort((a, b) => a - b);
    if (loads.length < 2) continue;
    const labels = [...new Set(group.flatMap((block) => block.cells.map((cell) => cell.label)))];
    const point = (block, figure) => [block.load, figure.median, figure.low, figure.high];
    const series = labels.map((label) => ({ label, ...style(label), points: group
      .map((block) => [block, block.cells.find((cell) => cell.label === label)])
      .filter(([, cell]) => cell && cell.verdict === "valid" && cell.latency.p99)
      .map(([block, cell]) => point(block, cell.latency.p99)).sort((a, b) => a[0] - b[0]) }));
    series.push({ label: "ideal (simulated, costs nothing)", color: "var(--soft)", dash: "1 4",
      points: group.filter((block) => block.ideal_p99 && block.load < 1)
        .map((block) => point(block, block.ideal_p99)).sort((a, b) => a[0] - b[0]) });
    out.push(element("h3", {}, `p99 by load: ${key}`), chart({ title: `p99 by load, ${key}`,
      xTicks: loads, xText: (v) => String(v), xName: "load", yName: "p99 latency", series }));
  }
  return out;
}

function machine() {
  const list = element("dl");
  for (const [name, value] of data.machine)
    list.append(element("dt", {}, name), element("dd", {}, value || "not known"));
  document.getElementById("machine").append(list);
}

document.getElementById("claim").textContent = data.claim;
document.getElementById("command").textContent = data.command;
const state = document.getElementById("state");
state.textContent = data.state;
if (data.incomplete) state.className = "warn";
for (const text of data.how) document.getElementById("how").append(element("li", {}, text));
machine();
const results = document.getElementById("results");
for (const section of ["submit", "read", "echo"]) {
  const blocks = data.blocks.filter((block) => block.section === section);
  if (blocks.length === 0) continue;
  results.append(element("h2", {}, data.titles[section]));
  if (section === "submit") results.append(...sweeps(blocks));
  for (const block of blocks) results.append(blockView(block));
}
