// The data, elements, numbers. All text from the data becomes text nodes, never markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const UNITS = { energy: "J", latency: "s", "energy-delay-product": "J s", area: "mm2", throughput: "/s" };

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false)
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const sv = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Four significant digits.
function digits(x) {
  if (x === null || x === undefined) return "none";
  if (typeof x != "number") return String(x);
  if (x === 0 || Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const size = Math.abs(x);
  return size >= 1e6 || size < 1e-4 ? x.toExponential(3) : String(Number(x.toPrecision(4)));
}
// SI prefixes
function prefixed(x, unit) {
  if (!x || typeof x != "number" || /m2|\/s/.test(unit)) return digits(x) + " " + unit;
  const power = Math.max(-6, Math.min(unit === "s" ? 0 : 4, Math.floor(Math.log10(Math.abs(x)) / 3 + 1e-9)));
  const prefix = ["a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T"][power + 6];
  return Number((x / 1000 ** power).toPrecision(4)) + " " + prefix + unit;
}
const percent = share => (100 * share).toFixed(1) + " %";
const shown = value => value === null ? "null" : String(value);
const quantile = (sorted, q) => sorted[Math.round((sorted.length - 1) * q)];

// Makes a study ready for charts: ranks its trials and gives every column an id that studies share.
function prepared(study, index) {
  study.index = index;
  study.networks = !study.facts.some(fact => fact.name === "command per trial") && study.facts.some(fact => fact.name === "data set");
  const first = study.metrics[0];
  study.sign = first && first.direction === "maximize" ? -1 : 1;
  study.byNumber = new Map();
  for (const row of study.trials) {
    row.study = study;
    row.values = row.values || [];
    row.curve = row.curve || [];
    row.measured = row.measured || [];
    study.byNumber.set(row.trial, row);
  }
  const good = study.trials.filter(row => row.state === "complete" && !row.infeasible && typeof row.values[0] === "number");
  good.sort((a, b) => study.sign * (a.values[0] - b.values[0]) || a.trial - b.trial);
  good.forEach((row, place) => { row.rank = (place + 1) / good.length; row.shade = "c" + Math.min(4, Math.floor(5 * place / good.length)); });
  study.ranked = good;
  const dim = (id, label, get, rest) => ({ id, label, get, kind: "float", log: false, ...rest });
  study.parameters = study.axes.map((axis, at) => dim("p:" + axis.name, axis.name, row => row.point[at],
    { ...axis, choices: axis.choices || [], labels: (axis.choices || []).map(shown) }));
  const numbers = (id, label, get, rest) => {
    const all = study.trials.map(get).filter(x => typeof x === "number");
    const low = all.length ? Math.min(...all) : 0, high = all.length ? Math.max(...all) : 1;
    return dim(id, label, get, { low, high, log: low > 0 && high / low > 30, ...rest });
  };
  study.metricDims = study.metrics.map((metric, at) => numbers("m:" + metric.name, metric.name, row => row.values[at],
    { metric: true, unit: study.networks ? UNITS[metric.name] : undefined }));
  study.measuredDims = study.measured.map((name, at) => numbers("a:" + name, name, row => row.measured[at]));
  if (study.importance) {
    const total = new Map(study.importance.parameters.map(([name, , total]) => [name, total]));
    study.parameters.sort((a, b) => (total.get(b.name) || 0) - (total.get(a.name) || 0));
  }
  study.dims = [...study.parameters, ...study.metricDims];
  return study;
}
const STUDIES = DATA.studies.map(prepared);
const isPair = STUDIES.length > 1;
const text = (dim, x) => x === null || x === undefined ? "none" : dim.kind === "categorical" ? dim.labels[x] : dim.unit ? prefixed(x, dim.unit) : digits(x);
const titled = (study, title) => isPair ? title + ": " + study.name : title;
// One panel for each study, side by side.
const panels = (make) => el("div", { class: "pair" }, STUDIES.map(make));
