// Uses a report as a person does, in a copy of the page without its content security policy, and
// leaves what it saw in the attribute `data-seen` of the body.
const problems = [];
addEventListener("error", event => problems.push(event.message));
console.error = (...words) => problems.push(words.join(" "));
window.alert = words => problems.push("alert " + words);
// Events made by scripts have no pointer that could be captured.
Element.prototype.setPointerCapture = () => {};
// A browser without a screen draws no frames when nothing moves.
window.requestAnimationFrame = call => setTimeout(call, 0);
let saved = null;
URL.createObjectURL = blob => { saved = blob; return "#"; };

const frame = () => new Promise(resolve => setTimeout(resolve, 80));
const one = (query, from = document) => from.querySelector(query);
const all = (query, from = document) => [...from.querySelectorAll(query)];
const button = (words, from = document) => all("button", from).find(button => button.textContent === words);
const count = () => Number(one("#controls [role=status]").textContent.split(" ")[0]);
const look = () => ({ selected: count(), grey: all("#parallel path.line.off").length, rows: all("#trials tbody tr").length, dots: all("#convergence circle.dot:not(.off)").length });

function drag(axis, from, to) {
  const hit = all("#parallel rect.brushable").find(hit => hit.dataset.dim === axis), box = hit.getBoundingClientRect();
  const event = (kind, share) => hit.dispatchEvent(new PointerEvent(kind, { bubbles: true, clientX: box.left + 14, clientY: box.bottom - share * box.height, pointerId: 1 }));
  event("pointerdown", from);
  event("pointermove", to);
  event("pointerup", to);
  return hit;
}

async function drive() {
  const seen = {};
  while (!document.documentElement.dataset.ready || !one("#parallel rect.brushable")) await frame();
  await frame();
  seen.start = look();
  const hit = drag("p:x", 0, 0.5);
  await frame();
  seen.brushed = look();
  button("Copy ranges as a space").click();
  seen.space = one("dialog textarea").value;
  button("Close", one("dialog")).click();
  drag("p:x", 0.3, 0.3);
  await frame();
  seen.cleared = look();
  hit.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  await frame();
  seen.keyed = look();
  hit.dispatchEvent(new KeyboardEvent("keydown", { key: "Delete", bubbles: true }));
  const slider = one("#controls input[type=range]");
  slider.value = 50;
  slider.dispatchEvent(new Event("input"));
  await frame();
  seen.best = look();
  button("Clear").click();
  drag("p:<b>kind</b>", 0.6, 1);
  await frame();
  button("Copy ranges as a space").click();
  seen.related = one("dialog textarea").value;
  button("Close", one("dialog")).click();
  button("Clear").click();
  const from = one("#controls .filters [data-dim='p:x'] input");
  from.value = "0.1";
  from.dispatchEvent(new Event("change"));
  await frame();
  seen.typed = look();
  button("Clear").click();
  await frame();
  one("#convergence circle.dot").dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await frame();
  seen.picked = one("#picked").textContent;
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  await frame();
  seen.closed = one("#picked").hidden;
  const sort = all("#trials th button")[0];
  sort.click();
  sort.click();
  seen.sorted = all("#trials tbody tr td:first-child").slice(0, 2).map(cell => Number(cell.textContent));
  seen.sort = all("#trials th")[0].getAttribute("aria-sort");
  button("SVG").click();
  seen.svg = saved && await saved.text();
  seen.images = all("img, main b, main i").length;
  seen.wide = document.documentElement.scrollWidth - innerWidth;
  seen.unnamed = all("button, input, select, textarea, [tabindex]").filter(node => !(node.textContent.trim() || node.getAttribute("aria-label") || node.closest("label"))).length;
  seen.charts = all("figure svg[role=img][aria-label]").length;
  seen.buttons = all("figure figcaption button").length;
  return seen;
}
const leave = seen => { document.body.dataset.seen = JSON.stringify({ ...seen, problems }); };
drive().then(leave, error => { problems.push(error.stack); leave({}); });
