// Parallel coordinates: a line for each trial, an axis for each parameter and metric.
const FEW = 10;
function parallel(study) {
  const rows = study.trials.filter(row => row.state !== "waiting");
  // The metrics stand first, where a narrow screen shows them too; parameters that no trial has are left out.
  const all = [...study.metricDims, ...study.parameters.filter(dim => rows.some(row => dim.get(row) !== null))];
  if (!rows.length) return el("p", { class: "soft" }, titled(study, "no trial yet"));
  let dims = all.slice(0, study.metricDims.length + FEW);
  const more = all.length === dims.length ? null : el("label", {}, el("input", { type: "checkbox", onchange: event => {
    dims = event.target.checked ? all : all.slice(0, study.metricDims.length + FEW);
    whole.redraw();
  } }), ` all ${all.length} axes`);
  const GAP = 104, top = 46, height = 360, bottom = height - 40, gone = bottom + 18;
  const draw = (chart, size) => {
    size.width = Math.max(size.width, dims.length * GAP);
    const gap = size.width / dims.length, at = k => gap * (k + .5);
    const scales = dims.map(dim => scale(dim, bottom, top));
    const back = sv("g"), front = sv("g");
    const lines = rows.map((row, k) => {
      const spread = (k * .618 % 1 - .5) * 10;
      const path = dims.map((dim, place) => {
        const x = dim.get(row);
        const y = x === null || x === undefined ? gone : scales[place](x) + (dim.kind === "categorical" ? spread : 0);
        return (place ? "L" : "M") + at(place).toFixed(1) + " " + y.toFixed(1);
      }).join("");
      return [row, tells(sv("path", { d: path }), row)];
    });
    chart.append(back, front);
    const brushes = dims.map((dim, place) => axis(chart, dim, scales[place], at(place), { top, bottom, gone, gap }));
    return () => {
      const order = lines.slice().sort(([a], [b]) => (b.rank || 2) - (a.rank || 2));
      const layer = { on: [], off: [] };
      for (const [row, line] of order) {
        paint(line, "line " + shade(row));
        (row.on || row === selection.picked ? layer.on : layer.off).push(line);
      }
      back.replaceChildren(...layer.off);
      front.replaceChildren(...layer.on);
      brushes.forEach(follow => follow());
    };
  };
  const whole = figure(titled(study, "Parallel coordinates"), `Parallel coordinates of ${rows.length} trials over ${dims.length} axes`, height, draw,
    "Drag along an axis to brush it, click to clear it; or focus it and use arrow keys, with Shift for the upper end, and Delete. A line below an axis: the parameter is inactive in that trial, or the trial has no value.", more);
  return whole;
}
// One axis with its brush; returns what follows the selection.
function axis(chart, dim, at, x, { top, bottom, gone, gap }) {
  const group = sv("g");
  group.append(sv("path", { class: "axis", d: `M${x} ${top}V${bottom}` }), sv("path", { class: "axis", "stroke-dasharray": "2 3", d: `M${x - 8} ${gone}h16` }));
  const every = Math.ceil(at.ticks.length / 14);
  at.ticks.forEach((tick, k) => {
    if (k % every === 0) group.append(sv("path", { class: "axis", d: `M${x} ${at(tick.x)}h-4` }), sv("text", { class: "soft", x: x - 7, y: at(tick.x) + 4, "text-anchor": "end" }, cut(tick.label, 9)));
  });
  const title = sv("text", { x, y: top - 22, "text-anchor": "middle", "font-weight": 600 }, cut(dim.label, Math.floor(gap / 7.2)));
  title.append(sv("title", {}, dim.label + (dim.when ? `, active where ${dim.when}` : "")));
  group.append(title);
  if (dim.log) group.append(sv("text", { class: "soft", x, y: top - 8, "text-anchor": "middle" }, "log"));
  const brush = sv("rect", { class: "brush", x: x - 9, width: 18, y: top, height: 0, visibility: "hidden" });
  const hit = sv("rect", { class: "brushable", x: x - 14, width: 28, y: top - 4, height: bottom - top + 8, tabindex: 0, role: "slider", "aria-orientation": "vertical",
    "aria-label": `Brush ${dim.label}`, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0, "data-dim": dim.id });
  group.append(brush, hit);
  chart.append(group);
  const range = (a, b) => {
    if (dim.kind !== "categorical") return numbers(at, [Math.min(a, b), Math.max(a, b)], { top, bottom });
    const low = at.invert(Math.max(a, b)), high = at.invert(Math.min(a, b));
    const choices = new Set(dim.labels.filter((_, k) => k >= low - .001 && k <= high + .001));
    return choices.size ? { choices } : { choices: new Set([dim.labels[Math.max(0, Math.min(dim.labels.length - 1, Math.round(low)))]]) };
  };
  let start = null;
  const place = event => { const box = chart.getBoundingClientRect(); return Math.max(top, Math.min(bottom, event.clientY - box.top)); };
  hit.addEventListener("pointerdown", event => { start = place(event); hit.setPointerCapture(event.pointerId); event.preventDefault(); hit.focus({ preventScroll: true }); });
  hit.addEventListener("pointermove", event => { if (start !== null && Math.abs(place(event) - start) > 3) setRange(dim.id, range(start, place(event))); });
  hit.addEventListener("pointerup", event => { if (start !== null && Math.abs(place(event) - start) <= 3) setRange(dim.id, null); start = null; });
  hit.addEventListener("keydown", event => keys(event, dim, at, { top, bottom }));
  return () => {
    const one = selection.ranges.get(dim.id), ends = one && endsOf(dim, one, at, { top, bottom });
    brush.setAttribute("visibility", ends ? "visible" : "hidden");
    hit.setAttribute("aria-valuetext", one ? (one.choices ? [...one.choices].join(", ") : `${isFinite(one.low) ? digits(one.low) : "lowest"} to ${isFinite(one.high) ? digits(one.high) : "highest"}`) : "everything");
    if (ends) {
      brush.setAttribute("y", ends[0]);
      brush.setAttribute("height", Math.max(2, ends[1] - ends[0]));
      hit.setAttribute("aria-valuenow", Math.round(100 * (bottom - ends[1]) / (bottom - top)));
    }
  };
}
// The numbers between two pixels. An end of the axis is open, so that rounding loses no trial there.
const numbers = (at, [up, down], { top, bottom }) => ({ low: down >= bottom ? -Infinity : at.invert(down), high: up <= top ? Infinity : at.invert(up) });
// The upper and the lower end of a range in pixels.
function endsOf(dim, range, at, { top, bottom }) {
  const within = y => Math.max(top, Math.min(bottom, y));
  if (!range.choices) return [isFinite(range.high) ? within(at(range.high)) : top, isFinite(range.low) ? within(at(range.low)) : bottom];
  const places = dim.labels.map((label, k) => range.choices.has(label) ? k : -1).filter(k => k >= 0);
  return places.length ? [within(at(Math.max(...places) + .5)), within(at(Math.min(...places) - .5))] : null;
}
// Arrow keys move the lower end of a brush by a twentieth, with Shift the upper end.
function keys(event, dim, at, { top, bottom }) {
  if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); return setRange(dim.id, null); }
  const way = { ArrowUp: -1, ArrowRight: -1, ArrowDown: 1, ArrowLeft: 1 }[event.key];
  if (!way) return;
  event.preventDefault();
  const one = selection.ranges.get(dim.id), step = dim.kind === "categorical" ? (bottom - top) / dim.labels.length : (bottom - top) / 20;
  const ends = one ? endsOf(dim, one, at, { top, bottom }) || [top, bottom] : [top, bottom];
  const end = event.shiftKey ? 0 : 1;
  ends[end] = Math.max(top, Math.min(bottom, ends[end] + way * step));
  if (ends[1] - ends[0] < step / 2) return;
  if (dim.kind !== "categorical") return setRange(dim.id, numbers(at, ends, { top, bottom }));
  const low = Math.round(at.invert(ends[1]) + .5), high = Math.round(at.invert(ends[0]) - .5);
  setRange(dim.id, { choices: new Set(dim.labels.filter((_, k) => k >= low && k <= high)) });
}
