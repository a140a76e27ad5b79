// The head, the controls of the selection, the summary, the picked trial.
const pages = STUDIES.map(study => study.name).join(" beside ");
document.getElementById("head").append(el("h1", {}, pages), el("p", { class: "soft" }, "Report of ", DATA.program,
  ". Every chart shares one selection: brush an axis, move the slider, or type ranges; click a mark to pick its trial."));

function interval(one) {
  if (!one) return null;
  const range = one.interval ? `95 % interval ${digits(one.interval[0])} to ${digits(one.interval[1])}, ${one.count} seeds` : `${one.count} seed`;
  return [el("div", { class: "big" }, digits(one.mean)), el("div", { class: "soft" }, range)];
}
function card(title, ...content) {
  return content.some(one => one !== null) ? el("div", { class: "card" }, el("div", { class: "soft" }, title), content) : null;
}
const copies = (words, name) => el("button", { type: "button", onclick: () => showText(name, words) }, "Copy");

function summary(study) {
  const winner = study.winner, metric = study.metricDims[0], label = metric ? metric.label : "value";
  const counts = study.counts.map(([state, count]) => `${count} ${state}`).join(", ") || "no trials";
  const box = el("section", {}, el("h3", {}, study.name));
  if (study.remarks.length) box.append(el("ul", { class: "remarks" }, study.remarks.map(remark => el("li", {}, remark))));
  if (study.sampled) box.append(el("p", { class: "remarks" }, `${study.sampled.shown} of ${study.sampled.of} trials are shown: ${study.sampled.rule}.`));
  const cards = el("div", { class: "cards" }, card("trials", el("div", {}, counts)));
  if (winner) {
    const row = study.byNumber.get(winner.trial);
    cards.prepend(...[card(winner.ended ? "winner" : "best so far", el("div", { class: "big" }, `trial ${winner.trial}`),
      row ? el("button", { type: "button", onclick: () => pick(row) }, "Show it") : null),
    card(`${label}, test set`, interval(winner.test)), card(`${label}, validation${winner.validation && winner.validation.count > 1 ? ", fresh seeds" : ""}`, interval(winner.validation)),
    ...study.metricDims.map((dim, at) => card(`${dim.label} in the search`, el("div", { class: "big" }, text(dim, winner.searched[at])))),
    winner.default ? card("gain over the default trial", el("div", { class: "big" }, digits(winner.default.gain)),
      el("div", { class: "soft" }, `default: ${winner.default.searched === null ? "failed" : digits(winner.default.searched)} (trial ${winner.default.trial}, one seed)`)) : null].filter(Boolean));
  }
  box.append(cards);
  if (study.command) box.append(el("h3", {}, "Make it again ", copies(study.command, "Command")), el("pre", {}, study.command));
  else box.append(el("p", { class: "soft" }, "The study keeps no command line: an older version, or another program, made it."));
  return box;
}
// Rows of names and values; one column for each study.
function compare(title, lists) {
  const names = [...new Set(lists.flat().map(fact => fact.name))];
  if (!names.length) return null;
  const value = (list, name) => { const found = list.find(fact => fact.name === name); return found ? found.value : "–"; };
  const head = isPair ? el("thead", {}, el("tr", {}, el("th", {}, ""), STUDIES.map(study => el("th", { scope: "col" }, study.name)))) : null;
  return el("section", {}, el("h3", {}, title), el("div", { class: "scroll" }, el("table", {}, head, el("tbody", {},
    names.map(name => el("tr", {}, el("th", { scope: "row" }, name), lists.map(list => el("td", {}, value(list, name)))))))));
}
function overview() {
  const costs = STUDIES.map(study => study.winner ? study.winner.costs : []);
  const points = STUDIES.map(study => study.winner ? Object.entries(study.winner.hyperparameters).map(([name, value]) => ({ name, value: typeof value === "number" ? digits(value) : shown(value) })) : []);
  return el("section", { id: "overview" }, el("h2", {}, "Overview"), panels(summary), el("div", { class: "pair" },
    compare("Hyperparameters of the winner", points), compare("Costs and measurements", costs), compare("Study", STUDIES.map(study => study.facts))));
}

// A dialog with text to copy.
function showText(title, words, more) {
  const area = el("textarea", { readonly: true, "aria-label": title }, words);
  const said = el("span", { role: "status" });
  const copy = async () => {
    area.select();
    let isCopied = false;
    try { await navigator.clipboard.writeText(area.value); isCopied = true; } catch { isCopied = document.execCommand("copy"); }
    said.textContent = isCopied ? " copied" : " press Ctrl+C";
  };
  const box = el("dialog", { "aria-label": title, onclose: () => box.remove() }, el("h3", {}, title), more ? more(area) : null, area,
    el("p", {}, el("button", { type: "button", class: "main", onclick: copy }, "Copy"), " ", el("button", { type: "button", onclick: () => box.close() }, "Close"), said));
  document.body.append(box);
  box.showModal();
}
function showSpace() {
  const kept = STUDIES.filter(study => study.space);
  let study = kept[0], rest = false;
  if (!study) return showText("Search space", "the studies keep no search space");
  const text = () => JSON.stringify(narrowed(study, rest), null, 1), write = area => { area.value = text(); };
  showText("Search space of the selection", text(), area => el("p", {},
    "Brushed parameters have the brushed ranges: a file for --space. ",
    kept.length > 1 ? el("select", { "aria-label": "Study", onchange: event => { study = kept[event.target.value]; write(area); } },
      kept.map((one, at) => el("option", { value: at }, one.name))) : null,
    el("label", {}, el("input", { type: "checkbox", onchange: event => { rest = event.target.checked; write(area); } }),
      " narrow the others to the selected trials")));
}

function controls() {
  const top = el("input", { type: "range", min: 1, max: 100, value: 100, "aria-label": "Best share of the trials in percent",
    oninput: () => { selection.top = Number(top.value); changed(); } });
  const share = el("output", {}), count = el("span", { role: "status" });
  const filters = el("details", {}, el("summary", {}, "Ranges by number"), el("div", { class: "filters" }));
  const dims = new Map(STUDIES.flatMap(study => study.dims).map(dim => [dim.id, dim]));
  const follows = [...dims.values()].map(dim => filter(filters.lastChild, dim));
  views.push(() => {
    top.value = selection.top;
    share.textContent = selection.top + " %";
    const all = STUDIES.flatMap(study => study.trials);
    count.textContent = `${all.filter(row => row.on).length} of ${all.length} trials selected`;
    follows.forEach(follow => follow());
  });
  document.getElementById("controls").append(el("div", { class: "row" }, el("label", {}, "best ", top, " ", share), count,
    el("button", { type: "button", onclick: clearSelection }, "Clear"),
    el("button", { type: "button", class: "main", onclick: showSpace }, "Copy ranges as a space")), filters);
  return filters;
}
// Inputs for the range of one column; returns what follows the selection.
function filter(parent, dim) {
  const set = el("fieldset", {}, el("legend", {}, dim.label));
  parent.append(set);
  if (dim.kind === "categorical") {
    const boxes = dim.labels.map(label => {
      const box = el("input", { type: "checkbox", onchange: () => {
        const chosen = boxes.filter(one => one.box.checked).map(one => one.label);
        setRange(dim.id, chosen.length && chosen.length < boxes.length ? { choices: new Set(chosen) } : null);
      } });
      set.append(el("label", {}, box, " ", label), " ");
      return { box, label };
    });
    return () => boxes.forEach(({ box, label }) => {
      const range = selection.ranges.get(dim.id);
      box.checked = !range || !!range.choices && range.choices.has(label);
    });
  }
  const read = (input, otherwise) => input.value.trim() === "" || isNaN(Number(input.value)) ? otherwise : Number(input.value);
  const apply = () => {
    const low = read(from, -Infinity), high = read(to, Infinity);
    setRange(dim.id, low === -Infinity && high === Infinity ? null : { low, high });
  };
  const input = (words, hint) => el("input", { type: "text", inputmode: "decimal", "aria-label": `${dim.label}, ${words}`, placeholder: digits(hint), onchange: apply });
  const from = input("from", dim.low), to = input("to", dim.high);
  set.append(from, " to ", to);
  set.dataset.dim = dim.id;
  return () => {
    const range = selection.ranges.get(dim.id);
    const show = x => range && isFinite(x) ? String(Number(x.toPrecision(4))) : "";
    if (document.activeElement !== from) from.value = range ? show(range.low) : "";
    if (document.activeElement !== to) to.value = range ? show(range.high) : "";
  };
}

function pickedPanel() {
  const panel = document.getElementById("picked");
  addEventListener("keydown", event => { if (event.key === "Escape" && !document.querySelector("dialog[open]")) pick(null); });
  let last = null;
  views.push(() => {
    const row = selection.picked;
    if (row === last) return;
    last = row;
    panel.hidden = !row;
    panel.replaceChildren();
    if (!row) return;
    const study = row.study, point = {};
    study.parameters.forEach(dim => { const x = dim.get(row); if (x !== null) point[dim.name] = dim.kind === "categorical" ? dim.choices[x] : x; });
    const facts = [...study.metricDims, ...study.measuredDims].filter(dim => typeof dim.get(row) === "number");
    const line = (name, value) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value));
    panel.append(el("button", { type: "button", class: "close", "aria-label": "Close the picked trial", onclick: () => pick(null) }, "Close"),
      el("h3", {}, titled(study, `Trial ${row.trial}, ${row.state}`)), row.reason ? el("p", {}, row.reason) : "",
      el("table", {}, el("tbody", {}, facts.map(dim => line(dim.label, text(dim, dim.get(row)))), row.seconds ? line("time", digits(row.seconds) + " s") : null,
        study.parameters.filter(dim => dim.get(row) !== null).map(dim => line(dim.label, text(dim, dim.get(row)))))),
      el("p", {}, copies(JSON.stringify(point, null, 1), "Hyperparameters")));
  });
}
