// Bars: importances, failures, layers, energy, cores; and the seeds of confirmed trials.
// With `above`, names stand above their bars, since they are long. `full` is the value of a whole bar.
function bars(title, label, list, note, { above = false, full = 0 } = {}) {
  if (!list.length) return null;
  const row = above ? 42 : 24;
  return figure(title, label, list.length * row + 10, (chart, size) => {
    const left = above ? 4 : Math.min(210, size.width * .42), right = size.width - 86;
    const most = full || Math.max(...list.map(one => one.value), 1e-300);
    list.forEach((one, k) => {
      const y = 6 + k * row + (above ? 18 : 0), long = value => Math.max(0, value / most * (right - left));
      const name = above ? sv("text", { x: left, y: y - 5 }, cut(one.name, Math.floor(size.width / 6.6)))
        : sv("text", { x: left - 6, y: y + 13, "text-anchor": "end" }, cut(one.name, Math.floor(left / 6.6)));
      name.append(sv("title", {}, one.name));
      chart.append(name, sv("rect", { class: "bar" + (one.inner === undefined ? "" : " light"), x: left, y, height: 17, width: long(one.value) }));
      if (one.inner !== undefined) chart.append(sv("rect", { class: "bar", x: left, y: y + 4, height: 9, width: long(one.inner) }));
      chart.append(sv("text", { x: left + long(one.value) + 5, y: y + 13 }, one.words));
    });
  }, note);
}
function importance(study) {
  const shares = study.importance, metric = study.metrics.length ? ` for ${study.metrics[0].name}` : "";
  if (!shares) return el("p", { class: "soft" }, titled(study, "importance needs at least 10 trials whose values differ, and a search space"));
  const alone = shares.parameters.map(([name, alone, total]) => ({ name, value: total, inner: alone, words: percent(total) }))
    .filter((one, k) => k < 5 || k < 20 && one.value >= .001);
  const left = shares.parameters.length - alone.length, full = Math.max(alone.length ? alone[0].value : 0, 1e-9);
  const pairs = shares.pairs.map(([one, other, share]) => ({ name: one + " × " + other, value: share, words: percent(share) }));
  return el("div", {}, bars(titled(study, `Importance${metric}`), `Importance of ${alone.length} parameters; the most important is ${alone.length ? alone[0].name : "none"}`, alone,
    `Shares of the variance that the model expects over the space: in all, and alone (dark). Noise: ${percent(shares.noise)} of the trials' own variance.`
    + (left ? ` Not shown: ${left} parameters with less.` : ""), { full }),
  bars(titled(study, "Pairs"), `Common shares of ${pairs.length} pairs of parameters`, pairs, "What two parameters explain only together.", { full }));
}
function failures(study) {
  const list = study.failures.map(([name, value]) => ({ name, value, words: String(value) })).slice(0, 20);
  return bars(titled(study, "Failures"), `${list.length} reasons of failures`, list, study.failures.length > 20 ? `and ${study.failures.length - 20} other reasons` : null, { above: true })
    || el("p", { class: "soft" }, titled(study, "no trial failed"));
}
function network(study) {
  const winner = study.winner;
  if (!winner || !(winner.layers.length || winner.energy.length || winner.cores.count)) return el("p", { class: "soft" }, titled(study, "no network of a winner is known: the study has not ended, or a command evaluates its trials"));
  const layers = winner.layers.map((layer, k) => ({ name: `${k + 1} ${layer.kind}`, value: layer.firing || 0, words: layer.firing === null ? "unknown" : percent(layer.firing) }));
  const cell = share => el("td", {}, share === null ? "–" : percent(share));
  const table = el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ["layer", "kind", "firing", "never fire", "always fire", "weight error"].map(name => el("th", { scope: "col" }, name)))),
    el("tbody", {}, winner.layers.map((layer, k) => el("tr", {}, el("td", {}, k + 1), el("td", {}, layer.kind), cell(layer.firing), cell(layer.dead), cell(layer.always_on), cell(layer.weight_error))))));
  const energy = winner.energy.map(part => ({ name: part.part, value: part.joules, words: prefixed(part.joules, "J") }));
  const cores = winner.cores.neurons.map((count, k) => ({ name: `core ${k + 1}`, value: count, words: `${count}, ${(winner.cores.synapse_bits[k] / 8192).toFixed(1)} KiB` }));
  return el("div", {}, bars(titled(study, "Firing rates by layer"), `Mean share of neurons that fire in each of ${layers.length} layers`, layers, "Mean share of its neurons that fire per test sample."),
    winner.layers.length ? table : null,
    bars(titled(study, "Energy by part"), `Energy of an inference in ${energy.length} parts`, energy, "Mean per inference, by the constants of the chip."),
    bars(titled(study, "Cores"), `Neurons on each of ${winner.cores.count} cores`, cores.slice(0, 32), "Neurons and synapse memory on each core." + (winner.cores.count > 32 ? ` The first 32 of ${winner.cores.count} cores.` : "")));
}
// The confirmed trials: a dot for each seed, the mean with its deviation, the test set.
function seeds(study) {
  const list = study.confirmed.filter(one => one.values.some(x => x !== null)).slice(0, 40), dim = study.metricDims[0];
  if (!list.length) return el("p", { class: "soft" }, titled(study, "no trial was confirmed yet"));
  const ends = ({ mean, sd }) => [mean - sd, mean + sd];
  const values = list.flatMap(one => [...one.values, ...one.test, ...one.metrics.slice(0, 1).flatMap(ends)]).filter(x => x !== null);
  const low = Math.min(...values), high = Math.max(...values), room = (high - low) * .08 || Math.abs(high) * .01 || 1;
  const yDim = { ...dim, low: low - room, high: high + room, log: false };
  const xDim = { kind: "categorical", label: "trial", labels: list.map(one => String(one.trial)) };
  const draw = (chart, size) => {
    const box = { left: 72, right: size.width - 20, top: 26, bottom: size.height - 42 };
    const { x, y } = axes(chart, box, xDim, yDim);
    chart.append(named(box, dim.label, true), named(box, "trial", false));
    const marks = list.flatMap((one, k) => {
      const at = x(k), mean = one.metrics[0], row = study.byNumber.get(one.trial);
      if (mean) chart.append(sv("path", { class: "mark", d: `M${at - 7} ${y(mean.mean)}h14M${at} ${y(mean.mean - mean.sd)}V${y(mean.mean + mean.sd)}` }));
      one.test.forEach((value, n) => { if (value !== null) chart.append(sv("path", { class: "mean", d: `M${at + 12 + n * 2} ${y(value) - 4}l4 4l-4 4l-4 -4z` })); });
      return one.values.map((value, n) => {
        if (value === null || !row) return null;
        const dot = tells(sv("circle", { cx: at - 10 - n * 2, cy: y(value), r: 3.5 }), row);
        chart.append(dot);
        return [row, dot];
      }).filter(Boolean);
    });
    return () => marks.forEach(([row, dot]) => paint(dot, "dot " + shade(row)));
  };
  return figure(titled(study, "Fresh seeds"), `${dim.label} of ${list.length} confirmed trials by seed; the winner is trial ${list[0].trial}`, 280, draw,
    "Dots: validation set, one per fresh seed. Bar: mean ± standard deviation. Diamonds: test set. The winner stands first.");
}
