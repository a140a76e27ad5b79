// What happened over the trials and over the steps of a trial: convergence and learning curves.
function sharedRobust(dim, values) {
  // Studies of the same metric share the axis.
  const same = STUDIES.filter(study => study.metricDims[0] && study.metricDims[0].id === dim.id).flatMap(values);
  return same;
}
function convergence(study) {
  const dim = study.metricDims[0];
  if (!dim || !study.ranked.length) return el("p", { class: "soft" }, titled(study, "no trial has a value yet"));
  const all = one => [...one.ranked.map(row => row.values[0]), ...one.confirmed.flatMap(c => c.values).filter(x => x !== null)];
  const yDim = robust(dim, sharedRobust(dim, all), study.sign);
  const last = Math.max(...study.trials.map(row => row.trial), 1);
  const xDim = { label: "trial", low: 0, high: last, kind: "int" };
  const winner = study.confirmed.find(one => study.winner && one.trial === study.winner.trial);
  const mean = winner && winner.metrics[0];
  const draw = (chart, size) => {
    const box = { left: 72, right: size.width - 26, top: 26, bottom: size.height - 42 };
    const { x, y } = axes(chart, box, xDim, yDim);
    chart.append(named(box, dim.label, true), named(box, "trial", false));
    if (mean) {
      const top = y(inside(yDim, mean.mean + mean.sd)), bottom = y(inside(yDim, mean.mean - mean.sd));
      chart.append(sv("rect", { class: "band", x: box.left, width: box.right - box.left, y: Math.min(top, bottom), height: Math.max(1, Math.abs(bottom - top)) }),
        sv("path", { class: "mean", "stroke-dasharray": "5 4", d: `M${box.left} ${y(inside(yDim, mean.mean))}H${box.right}` }));
    }
    const marks = study.trials.filter(row => row.state !== "waiting" && row.state !== "running").map(row => {
      const value = row.values[0], at = x(row.trial);
      if (typeof value !== "number") return [row, tells(sv("path", { d: `M${at - 3} ${box.bottom - 3}l6 -6m0 6l-6 -6`, class: "mark" }), row), "mark"];
      return [row, tells(sv("circle", { cx: at, cy: y(inside(yDim, value)), r: row.infeasible ? 2 : 3.5 }), row), "dot"];
    });
    marks.forEach(([, mark]) => chart.append(mark));
    if (study.incumbents.length) {
      let path = "";
      study.incumbents.forEach(([trial, value], at) => { path += at ? `H${x(trial)}V${y(inside(yDim, value))}` : `M${x(trial)} ${y(inside(yDim, value))}`; });
      chart.append(sv("path", { class: "incumbent", d: path + `H${x(last)}` }));
    }
    if (winner && study.byNumber.has(winner.trial) && study.byNumber.get(winner.trial).values.length)
      chart.append(sv("circle", { class: "winner", cx: x(winner.trial), cy: y(inside(yDim, study.byNumber.get(winner.trial).values[0])), r: 7 }));
    return () => marks.forEach(([row, mark, kind]) => paint(mark, kind === "dot" ? "dot " + shade(row) : row.on ? "mark" : "mark off"));
  };
  const note = ["Line: the best so far. Dots: trials, the best dark or bright; crosses: trials without a value.",
    winner ? " Ring: the winner. Dashed line and band: its mean ± standard deviation over fresh seeds." : "",
    yDim.beyond ? ` Beyond the axis, at its border: ${yDim.beyond}.` : ""].join("");
  const best = study.incumbents[study.incumbents.length - 1];
  return figure(titled(study, "Convergence"), `Convergence of ${dim.label} over ${study.trials.length} trials; the best is ${best ? digits(best[1]) : "none"}`, 300, draw, note);
}

function curves(study) {
  const rows = study.trials.filter(row => row.curve.some(x => x !== null));
  if (!rows.length) return el("p", { class: "soft" }, titled(study, "no trial reported values during its training"));
  const dim = study.metricDims[0];
  const steps = row => row.steps && row.steps.length ? row.steps : row.curve.map((_, at) => at + 1);
  const most = rows.reduce((most, row) => Math.max(most, ...steps(row)), 1);
  const yDim = robust(dim, sharedRobust(dim, one => one.trials.flatMap(row => row.curve)), study.sign);
  const xDim = { label: "step", low: 0, high: most, kind: "int" };
  const draw = (chart, size) => {
    const box = { left: 72, right: size.width - 20, top: 26, bottom: size.height - 42 };
    const { x, y } = axes(chart, box, xDim, yDim);
    chart.append(named(box, dim.label, true), named(box, "step (epoch)", false));
    const layer = sv("g");
    chart.append(layer);
    const lines = rows.map(row => {
      const at = steps(row), group = sv("g");
      let path = "", isOpen = false;
      row.curve.forEach((value, k) => {
        if (value === null) { isOpen = false; return; }
        path += (isOpen ? "L" : "M") + x(at[k]).toFixed(1) + " " + y(inside(yDim, value)).toFixed(1);
        isOpen = true;
      });
      const line = tells(sv("path", { d: path }), row);
      group.append(line);
      const value = step => { const k = at.findLastIndex(one => one <= step); return k < 0 ? null : row.curve[k]; };
      for (const step of row.pauses || []) if (value(step) !== null) group.append(sv("circle", { class: "mark", cx: x(step), cy: y(inside(yDim, value(step))), r: 3 }));
      const end = row.curve.findLastIndex(one => one !== null);
      if (row.state === "pruned") group.append(sv("path", { class: "mark", d: `M${x(at[end]) - 3} ${y(inside(yDim, row.curve[end])) - 3}l6 6m0 -6l-6 6` }));
      if (row.sharpening !== undefined && value(row.sharpening) !== null)
        group.append(sv("path", { class: "filled", d: `M${x(row.sharpening)} ${y(inside(yDim, value(row.sharpening))) - 1}l4 -7h-8z` }));
      return [row, line, group];
    });
    return () => {
      const order = lines.slice().sort(([a], [b]) => (a.on - b.on) || (b.rank || 2) - (a.rank || 2));
      layer.replaceChildren(...order.map(([row, line, group]) => {
        paint(line, "line " + shade(row));
        group.setAttribute("opacity", row.on ? 1 : .45);
        return group;
      }));
    };
  };
  const note = "Rings: pauses. Crosses: where a trial was pruned. Triangles: where sharpening begins, if a parameter says so."
    + (yDim.beyond ? ` Beyond the axis: ${yDim.beyond} values.` : "");
  return figure(titled(study, "Learning curves"), `Learning curves of ${rows.length} trials over ${most} steps`, 320, draw, note);
}
