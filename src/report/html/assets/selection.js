// One selection, shared by all views: ranges of columns, the best share, and the picked trial.
const selection = { ranges: new Map(), top: 100, picked: null };
const views = [];
let isQueued = false;

function inRange(dim, range, row) {
  const x = dim.get(row);
  if (x === null || x === undefined) return false;
  return dim.kind === "categorical" ? range.choices.has(dim.labels[x]) : x >= range.low && x <= range.high;
}
function isSelected(row) {
  if (selection.top < 100 && !(row.rank <= selection.top / 100 + 1e-9)) return false;
  for (const [id, range] of selection.ranges) {
    const dim = row.study.dims.find(one => one.id === id);
    if (!dim || (range.choices ? dim.kind !== "categorical" : dim.kind === "categorical") || !inRange(dim, range, row)) return false;
  }
  return true;
}
// Draws every view again, once per frame.
function changed() {
  if (isQueued) return;
  isQueued = true;
  requestAnimationFrame(() => {
    isQueued = false;
    for (const study of STUDIES) for (const row of study.trials) row.on = isSelected(row);
    views.forEach(view => view());
    remember();
  });
}
// A page that is loaded again keeps its selection. Some browsers have no storage for files.
const KEY = "tune report: " + STUDIES.map(study => study.name).join(", ");
function remember() {
  const ranges = [...selection.ranges].map(([id, range]) => [id, range.choices ? { choices: [...range.choices] } : range]);
  try { sessionStorage.setItem(KEY, JSON.stringify({ top: selection.top, ranges })); } catch { return; }
}
function recall() {
  try {
    const { top, ranges } = JSON.parse(sessionStorage.getItem(KEY));
    selection.top = top;
    ranges.forEach(([id, { low, high, choices }]) => selection.ranges.set(id, choices ? { choices: new Set(choices) } : { low: low ?? -Infinity, high: high ?? Infinity }));
  } catch { clearSelection(); }
}
function setRange(id, range) {
  if (range === null) selection.ranges.delete(id); else selection.ranges.set(id, range);
  changed();
}
function pick(row) { selection.picked = row; changed(); }
function clearSelection() { selection.ranges.clear(); selection.top = 100; changed(); }
// The class of a trial's mark.
const shade = row => (row.on ? row.shade || "none" : "off") + (selection.picked === row ? " picked" : "");

// The space of a study with the brushed ranges. With `rest`, others are narrowed to what
// the selected trials have.
function narrowed(study, rest) {
  const space = structuredClone(study.space);
  const rows = study.trials.filter(row => row.on);
  for (const dim of study.parameters) {
    const parameter = space.parameters[dim.name];
    let range = selection.ranges.get(dim.id);
    const values = rows.map(dim.get).filter(x => x !== null);
    if (!range && rest && values.length) {
      range = dim.kind === "categorical" ? { choices: new Set(values.map(x => dim.labels[x])) } : { low: Math.min(...values), high: Math.max(...values) };
    }
    if (parameter && range) narrow(parameter, range);
  }
  dropImpossible(space.parameters);
  const gone = word => word in study.space.parameters && !(word in space.parameters);
  space.relations = space.relations?.filter(text => !text.split(/[^\p{L}\p{N}_.]+/u).some(gone));
  space.start = [];
  return space;
}
function narrow(parameter, range) {
  if (parameter.type === "categorical") {
    const kept = parameter.choices.filter(choice => range.choices && range.choices.has(shown(choice)));
    if (kept.length) parameter.choices = kept;
    if (!parameter.choices.includes(parameter.default)) parameter.default = parameter.choices[0];
  } else if (typeof range.low === "number") {
    const step = parameter.step || (parameter.type === "int" ? 1 : 0), from = parameter.low, slack = 1e-9;
    const rounded = x => Number(x.toPrecision(6));
    let low = Math.max(parameter.low, rounded(range.low)), high = Math.min(parameter.high, rounded(range.high));
    if (step) {
      low = from + Math.ceil((low - from) / step - slack) * step;
      high = from + Math.floor((high - from) / step + slack) * step;
    }
    if (low > high) low = high = Math.min(parameter.high, Math.max(parameter.low, high));
    if (low === high) {
      for (const key of ["low", "high", "log", "step", "default"]) delete parameter[key];
      parameter.type = "fixed";
      parameter.value = low;
      return;
    }
    Object.assign(parameter, { low, high, default: Math.min(high, Math.max(low, parameter.default)) });
  }
}
// Leaves out conditions on values that are gone, and parameters that can never be active.
function dropImpossible(parameters) {
  for (let again = true; again;) {
    again = false;
    for (const [name, parameter] of Object.entries(parameters)) {
      for (const [parent, values] of Object.entries(parameter.when || {})) {
        const of = parameters[parent];
        const kept = !of ? [] : values.filter(value => of.type === "fixed" ? of.value === value
          : of.type === "categorical" ? of.choices.includes(value) : value >= of.low && value <= of.high);
        if (!kept.length) { delete parameters[name]; again = true; break; }
        parameter.when[parent] = kept;
      }
    }
  }
}
