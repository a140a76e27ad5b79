// The table of trials, and the page as a whole.
const PAGE = 100;
function trialTable(study) {
  const columns = [{ label: "trial", get: row => row.trial, show: row => row.trial }, { label: "state", get: row => row.state, show: row => row.state + (row.infeasible ? ", infeasible" : "") },
    ...[...study.metricDims, ...study.parameters, ...study.measuredDims].map(dim => ({ label: dim.label, get: dim.get, show: row => dim.get(row) === null || dim.get(row) === undefined ? "" : text(dim, dim.get(row)) })),
    { label: "seconds", get: row => row.seconds, show: row => row.seconds === undefined ? "" : digits(row.seconds) }, { label: "reason", get: row => row.reason, show: row => row.reason || "" }];
  let by = 2, way = study.sign, most = PAGE, isAll = false;
  if (!study.metricDims.length) { by = 0; way = 1; }
  const body = el("tbody"), count = el("p", { class: "soft", role: "status" });
  const heads = columns.map((column, k) => el("th", { scope: "col" }, el("button", { type: "button", onclick: () => { way = by === k ? -way : 1; by = k; show(); } }, column.label)));
  const more = el("button", { type: "button", onclick: () => { most += 4 * PAGE; show(); } }, "Show more");
  const all = el("input", { type: "checkbox", onchange: () => { isAll = all.checked; show(); } });
  const show = () => {
    const rows = study.trials.filter(row => isAll || row.on), key = columns[by].get;
    const isNone = x => x === null || x === undefined;
    rows.sort((p, q) => {
      const [a, b] = [key(p), key(q)];
      if (isNone(a) || isNone(b)) return isNone(a) - isNone(b) || p.trial - q.trial;
      return way * (a < b ? -1 : a > b ? 1 : 0) || p.trial - q.trial;
    });
    heads.forEach((head, k) => head.setAttribute("aria-sort", k === by ? (way > 0 ? "ascending" : "descending") : "none"));
    body.replaceChildren(...rows.slice(0, most).map(row => el("tr", { class: row === selection.picked ? "pick" : false, onclick: () => pick(row) },
      columns.map((column, k) => k ? el("td", {}, column.show(row)) : el("td", {}, el("button", { type: "button", "aria-label": `Pick trial ${row.trial}` }, row.trial))))));
    count.textContent = `${Math.min(most, rows.length)} of ${rows.length} rows`;
    more.hidden = rows.length <= most;
  };
  views.push(show);
  return el("div", {}, el("h3", {}, titled(study, "Trials")), el("label", {}, all, " also those that are not selected"), count,
    el("div", { class: "scroll wide" }, el("table", {}, el("caption", { class: "soft" }, "Click a heading to sort, a row to pick."), el("thead", {}, el("tr", {}, heads)), body)), more);
}
function section(id, title, make) {
  const parts = STUDIES.map(make).filter(Boolean);
  return parts.length ? el("section", { id }, el("h2", {}, title), el("div", { class: "pair" }, parts)) : null;
}
document.body.append(tip);
controls();
pickedPanel();
document.getElementById("main").append(...[
  overview(),
  section("convergence", "Convergence", convergence),
  section("parallel", "Parameters and metrics", parallel),
  section("front", "Front", front),
  section("importance", "Importance of parameters", importance),
  section("slices", "Slices", slices),
  section("curves", "Learning curves", curves),
  section("seeds", "Confirmed trials", seeds),
  section("network", "Network of the winner", network),
  section("failures", "Failures", failures),
  section("trials", "Trials", trialTable),
].filter(Boolean));
recall();
changed();
document.documentElement.dataset.ready = "true";
