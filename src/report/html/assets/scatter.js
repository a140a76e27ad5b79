// Slices, one small chart for each parameter, and the front of several metrics.
function slices(study) {
  const rows = study.trials.filter(row => row.state === "complete" && typeof row.values[0] === "number");
  const dims = study.parameters.filter(dim => rows.some(row => dim.get(row) !== null));
  if (!dims.length || !rows.length) return el("p", { class: "soft" }, titled(study, "no trial has a value yet"));
  // Of many trials some are drawn, so that the page stays quick.
  const every = Math.ceil(rows.length / Math.max(100, 8000 / dims.length)), drawn = rows.filter((row, k) => k % every === 0 || row.rank < .02);
  let metric = 0;
  const draw = (chart, size) => {
    const columns = Math.max(1, Math.floor(size.width / 250)), cell = { width: size.width / columns, height: 190 };
    size.height = Math.ceil(dims.length / columns) * cell.height;
    const dim = study.metricDims[metric];
    const yDim = robust(dim, rows.map(row => row.values[metric]), study.metrics[metric].direction === "maximize" ? -1 : 1);
    const marks = dims.flatMap((xDim, k) => {
      const left = (k % columns) * cell.width, up = Math.floor(k / columns) * cell.height;
      const box = { left: left + 58, right: left + cell.width - 14, top: up + 26, bottom: up + cell.height - 30 };
      const { x, y } = axes(chart, box, xDim, yDim);
      chart.append(sv("text", { x: box.left, y: box.top - 9, "font-weight": 600 }, cut(xDim.label + (xDim.log ? " (log)" : ""), Math.floor(cell.width / 8))));
      if (metric === 0) model(chart, study, xDim, x, y, yDim);
      return drawn.filter(row => xDim.get(row) !== null).map((row, n) => {
        const spread = xDim.kind === "categorical" ? (n * .618 % 1 - .5) * Math.min(24, cell.width / xDim.labels.length / 3) : 0;
        const dot = sv("circle", { cx: (x(xDim.get(row)) + spread).toFixed(1), cy: y(inside(yDim, row.values[metric])).toFixed(1), r: 2.8 });
        chart.append(tells(dot, row));
        return [row, dot];
      });
    });
    return () => marks.forEach(([row, dot]) => paint(dot, "dot " + shade(row)));
  };
  const choose = study.metricDims.length > 1 ? el("label", {}, "metric ", el("select", { onchange: event => { metric = Number(event.target.value); whole.redraw(); } },
    study.metricDims.map((dim, k) => el("option", { value: k }, dim.label)))) : null;
  const band = (study.slices.length ? `Line and band: what the model expects of ${study.metricDims[0].label} with 95 % of its uncertainty, all other parameters as in trial ${study.winner ? study.winner.trial : ""}.` : "")
    + (every > 1 ? ` ${drawn.length} of ${rows.length} trials are drawn.` : "");
  const whole = figure(titled(study, "Slices"), `${study.metricDims[0].label} against each of ${dims.length} parameters`, 200, draw, band, choose);
  return whole;
}
function model(chart, study, dim, x, y, yDim) {
  const slice = study.slices.find(one => one.name === dim.name);
  if (!slice) return;
  const places = slice.at.map((at, k) => ({ at, mean: slice.mean[k], half: slice.half[k] })).filter(p => p.at !== null && p.mean !== null && p.half !== null);
  const up = p => y(inside(yDim, p.mean + p.half)), down = p => y(inside(yDim, p.mean - p.half)), middle = p => y(inside(yDim, p.mean));
  if (dim.kind === "categorical") {
    for (const p of places) chart.append(sv("path", { class: "mean", d: `M${x(p.at) - 9} ${middle(p)}h18M${x(p.at)} ${up(p)}V${down(p)}` }));
    return;
  }
  const line = (list, f) => list.map(p => x(p.at).toFixed(1) + " " + f(p).toFixed(1)).join("L");
  chart.append(sv("path", { class: "band", d: "M" + line(places, up) + "L" + line(places.slice().reverse(), down) + "Z" }),
    sv("path", { class: "mean", d: "M" + line(places, middle) }));
}

// The front of two metrics, with help to choose.
function front(study) {
  if (study.metricDims.length < 2) return null;
  const rows = study.ranked, onFront = new Set(study.front);
  let [a, b] = [0, 1];
  const better = (at, one, other) => study.metrics[at].direction === "maximize" ? one > other : one < other;
  const members = () => study.trials.filter(row => onFront.has(row.trial)).sort((p, q) => p.values[b] - q.values[b]);
  const draw = (chart, size) => {
    const dims = [b, a].map(at => robust(study.metricDims[at], rows.map(row => row.values[at]), study.metrics[at].direction === "maximize" ? -1 : 1));
    const box = { left: 66, right: size.width - 20, top: 26, bottom: size.height - 42 };
    const { x, y } = axes(chart, box, dims[0], dims[1]);
    const place = row => [x(inside(dims[0], row.values[b])), y(inside(dims[1], row.values[a]))];
    chart.append(named(box, study.metricDims[a].label, true), named(box, study.metricDims[b].label + (dims[0].log ? " (log)" : ""), false));
    if (study.metricDims.length === 2)
      chart.append(sv("path", { class: "incumbent", d: members().map((row, k) => { const [px, py] = place(row); return k ? (better(b, 0, 1) ? `H${px}V${py}` : `V${py}H${px}`) : `M${px} ${py}`; }).join("") }));
    const marks = rows.map(row => {
      const [cx, cy] = place(row), dot = tells(sv("circle", { cx, cy, r: onFront.has(row.trial) ? 5 : 3 }), row);
      chart.append(dot);
      return [row, dot];
    });
    for (const one of study.confirmed) errorBars(chart, one, dims, x, y, [b, a]);
    const winner = study.winner && study.byNumber.get(study.winner.trial);
    if (winner && winner.values.length > 1) { const [cx, cy] = place(winner); chart.append(sv("circle", { class: "winner", cx, cy, r: 8 })); }
    return () => marks.forEach(([row, dot]) => paint(dot, "dot " + shade(row)));
  };
  const select = (at, name) => el("label", {}, name + " ", el("select", { onchange: event => { if (at) b = Number(event.target.value); else a = Number(event.target.value); whole.redraw(); } },
    study.metricDims.map((dim, k) => el("option", { value: k, selected: k === at }, dim.label))));
  const worse = el("input", { type: "number", min: 0, step: "any", value: 0.01, "aria-label": "How much worse" });
  const said = el("span", { role: "status" });
  const choose = () => {
    const sign = study.metrics[a].direction === "maximize" ? -1 : 1, list = members().filter(row => typeof row.values[a] === "number");
    if (!list.length) return;
    const best = Math.min(...list.map(row => sign * row.values[a])), most = Number(worse.value) || 0;
    const allowed = list.filter(row => sign * row.values[a] <= best + most + 1e-12);
    const found = allowed.reduce((one, other) => better(b, other.values[b], one.values[b]) ? other : one);
    pick(found);
    said.textContent = ` trial ${found.trial}. ` + (study.confirmed.some(one => one.trial === found.trial) ? `Make it win: tune pick best.json ${found.trial}` : "");
  };
  const tools = [...(study.metricDims.length > 2 ? [select(0, "up"), select(1, "across")] : []),
    el("label", {}, `at most this much worse in ${study.metricDims[a].label}: `, worse), el("button", { type: "button", onclick: choose }, `pick the best ${study.metricDims[b].label}`), said];
  const whole = figure(titled(study, "Front"), `Pareto front: ${study.front.length} of ${rows.length} trials are beaten by no other in every metric`, 340, draw,
    `Large dots and line: the front of ${study.front.length} trials. Ring: the winner. Bars: means ± standard deviation of confirmed trials over fresh seeds.`, tools);
  return whole;
}
function errorBars(chart, one, dims, x, y, [across, up]) {
  const [h, v] = [one.metrics[across], one.metrics[up]];
  if (!h || !v) return;
  const px = value => x(inside(dims[0], value)), py = value => y(inside(dims[1], value));
  chart.append(sv("path", { class: "mark", "stroke-width": 1, d: `M${px(h.mean - h.sd)} ${py(v.mean)}H${px(h.mean + h.sd)}M${px(h.mean)} ${py(v.mean - v.sd)}V${py(v.mean + v.sd)}` }));
}
