// Scales, axes, figures, tips, and the export of a chart.
function scale(dim, from, to) {
  if (dim.kind === "categorical") {
    const step = (to - from) / Math.max(1, dim.labels.length);
    const at = x => from + (x + .5) * step;
    at.invert = pixel => (pixel - from) / step - .5;
    at.ticks = dim.labels.map((label, x) => ({ x, label }));
    return at;
  }
  const isLog = dim.log && dim.low > 0, f = isLog ? Math.log : x => x, back = isLog ? Math.exp : x => x;
  let low = f(dim.low), high = f(dim.high);
  if (!(high > low)) { low -= .5; high += .5; }
  const at = x => from + (f(Math.min(Math.max(x, isLog ? 1e-300 : -Infinity), Infinity)) - low) / (high - low) * (to - from);
  at.invert = pixel => back(low + (pixel - from) / (to - from) * (high - low));
  at.ticks = ticks(back(low), back(high), isLog, Math.max(2, Math.floor(Math.abs(to - from) / (to < from ? 36 : 64))), dim.kind === "int").map(x => ({ x, label: text(dim, x) }));
  return at;
}
function ticks(low, high, isLog, count, isWhole) {
  if (isLog && high / low >= 10) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.max(1, Math.ceil((last - first) / count));
    const tens = [];
    for (let power = first; power <= last; power += every) tens.push(Number("1e" + power));
    if (tens.length > 1) return tens;
  }
  const raw = (high - low) / count, ten = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(isWhole ? 1 : 0, [1, 2, 5, 10].map(k => k * ten).find(one => one >= raw * .999));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k <= high / step + 1e-9 && found.length < 40; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}
const paint = (mark, kind) => { if (mark.getAttribute("class") !== kind) mark.setAttribute("class", kind); };
const cut = (label, most) => label.length > most ? label.slice(0, most - 1) + "…" : label;

// Both axes of a chart in `box` = {left, right, top, bottom}.
function axes(parent, box, xDim, yDim) {
  const x = scale(xDim, box.left, box.right), y = scale(yDim, box.bottom, box.top);
  const group = sv("g", { "aria-hidden": "true" });
  const wide = (box.right - box.left) / Math.max(1, x.ticks.length) / 6.5;
  for (const tick of y.ticks) {
    group.append(sv("path", { class: "grid", d: `M${box.left} ${y(tick.x)}H${box.right}` }));
    group.append(sv("text", { class: "soft", x: box.left - 5, y: y(tick.x) + 4, "text-anchor": "end" }, cut(tick.label, 10)));
  }
  for (const tick of x.ticks) {
    group.append(sv("path", { class: "axis", d: `M${x(tick.x)} ${box.bottom}v4` }));
    group.append(sv("text", { class: "soft", x: x(tick.x), y: box.bottom + 16, "text-anchor": "middle" }, cut(tick.label, Math.max(3, Math.floor(wide)))));
  }
  group.append(sv("path", { class: "axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }));
  parent.append(group);
  return { x, y };
}
const named = (box, label, isY) => isY ? sv("text", { x: box.left - 44, y: box.top - 8 }, label)
  : sv("text", { x: (box.left + box.right) / 2, y: box.bottom + 32, "text-anchor": "middle" }, label);

// A domain of `values` without what lies far beyond the others on the worse side. Marks beyond are
// drawn at the border.
function robust(dim, values, sign) {
  const sorted = values.filter(x => typeof x === "number").sort((a, b) => a - b);
  if (!sorted.length) return { ...dim, low: 0, high: 1, log: false, beyond: 0 };
  let low = sorted[0], high = sorted[sorted.length - 1];
  const log = low > 0 && high / low > 30 && dim.metric;
  const q1 = quantile(sorted, .25), q3 = quantile(sorted, .75), fence = 3 * (q3 - q1);
  if (!log && sign > 0 && fence > 0) high = Math.min(high, q3 + fence);
  if (!log && sign < 0 && fence > 0) low = Math.max(low, q1 - fence);
  const beyond = sorted.filter(x => x < low || x > high).length;
  if (log) return { ...dim, low: low * (high / low) ** -.04, high: high * (high / low) ** .04, log, beyond };
  const room = (high - low) * .04 || Math.abs(high) * .01 || .5;
  return { ...dim, low: low - room, high: high + room, log: false, beyond };
}
const inside = (dim, x) => Math.min(dim.high, Math.max(dim.low, x));

// A figure that is drawn for its width, and again when that changes. `draw` gets the SVG element,
// its width, and returns a function that follows the selection, or nothing.
function figure(title, label, height, draw, note, tools) {
  const chart = sv("svg", { role: "img", "aria-label": label, xmlns: SVG });
  const frame = el("div", { class: "scroll" }, chart);
  const save = el("button", { type: "button", "aria-label": "Save the chart as SVG: " + title, onclick: () => saveSvg(chart, title) }, "SVG");
  const whole = el("figure", {}, el("figcaption", {}, el("span", {}, title), save), tools ? el("div", { class: "tools" }, tools) : null,
    frame, note ? el("p", { class: "note" }, note) : null);
  let follow = null, width = 0;
  const redraw = () => {
    if (!width) return;
    chart.replaceChildren();
    const size = { width, height };
    follow = draw(chart, size) || null;
    chart.setAttribute("width", size.width);
    chart.setAttribute("height", size.height);
    chart.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    if (follow) follow();
  };
  new ResizeObserver(() => {
    const now = Math.floor(frame.clientWidth);
    if (now && now !== width) { width = now; setTimeout(redraw); }
  }).observe(frame);
  views.push(() => follow && follow());
  whole.redraw = redraw;
  return whole;
}
const PAINT = ["fill", "stroke", "stroke-width", "paint-order", "stroke-linejoin", "fill-opacity", "opacity", "stroke-dasharray", "font-size", "font-weight", "text-anchor"];
// Saves a chart as a file that looks the same elsewhere: styles become attributes.
function saveSvg(chart, title) {
  const copy = chart.cloneNode(true);
  const from = chart.querySelectorAll("*"), to = copy.querySelectorAll("*");
  from.forEach((node, at) => {
    const style = getComputedStyle(node);
    PAINT.forEach(name => to[at].setAttribute(name, style.getPropertyValue(name)));
    ["class", "style", "tabindex"].forEach(name => to[at].removeAttribute(name));
  });
  copy.querySelectorAll("[fill='rgba(0, 0, 0, 0)']").forEach(node => node.setAttribute("fill", "none"));
  copy.setAttribute("font-family", "sans-serif");
  copy.prepend(sv("rect", { width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor }));
  const file = new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
  const link = el("a", { href: URL.createObjectURL(file), download: title.replace(/[^\w.-]+/g, "-").slice(0, 60) + ".svg" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const tip = el("div", { id: "tip", role: "status", hidden: true });
function about(row) {
  const study = row.study, lines = [`trial ${row.trial}, ${row.state}${row.infeasible ? ", breaks a constraint" : ""}`];
  study.metricDims.forEach(dim => { if (typeof dim.get(row) === "number") lines.push(`${dim.label} ${text(dim, dim.get(row))}`); });
  study.parameters.slice(0, 6).forEach(dim => { if (dim.get(row) !== null) lines.push(`${dim.label} ${text(dim, dim.get(row))}`); });
  return lines.join("\n");
}
function showTip(event, words) {
  tip.textContent = words;
  tip.hidden = false;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8), top = event.clientY + 14;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = (top + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : top) + "px";
}
// Makes a mark tell its trial on hover and pick it on click.
function tells(mark, row) {
  mark.addEventListener("pointermove", event => showTip(event, about(row)));
  mark.addEventListener("pointerleave", () => { tip.hidden = true; });
  mark.addEventListener("click", () => pick(row));
  return mark;
}
