// The list of samples: which are shown, in what order, and only the rows in sight.

const ROW_PX = 36; // as in samples.css
const ROWS_BEYOND = 8;
const STATE_RANK = { f: 0, u: 1, s: 2 };

/** Which samples pass, and in what order. A metric says which way is better; samples without a value come last. */
function arrange(samples, { metric, state, group, matches, order }) {
  const { columns } = samples;
  const values = samples.values(metric.name);
  const numbers = [];
  for (let number = 0; number < samples.count; number += 1) {
    if (!inState(samples, metric, values, number, state)) continue;
    if (group && group.of[number] !== group.label) continue;
    if (matches && !matches.has(number)) continue;
    numbers.push(number);
  }
  const sign = metric.higherIsBetter ? 1 : -1;
  const by = (column, direction) => (a, b) => {
    const [one, two] = [column[a] ?? null, column[b] ?? null];
    if (one === null || two === null) return (one === null) - (two === null);
    return direction * (one - two);
  };
  const rank = (number) => STATE_RANK[columns.states[number]];
  const orders = {
    failed: (a, b) => rank(a) - rank(b) || by(values, sign)(a, b),
    worst: by(values, sign),
    best: by(values, -sign),
    id: (a, b) => (columns.ids[a] < columns.ids[b] ? -1 : columns.ids[a] > columns.ids[b] ? 1 : 0),
    longest: by(columns.seconds, -1),
    shortest: by(columns.seconds, 1),
  };
  return orders[order] ? numbers.sort((a, b) => orders[order](a, b) || a - b) : numbers;
}

function inState(samples, metric, values, number, state) {
  const letter = samples.columns.states[number];
  switch (state) {
    case "failed": return letter === "f";
    case "unparsed": return letter === "u";
    case "right": return letter === "s" && values[number] === metric.perfect;
    case "wrong": return letter === "s" && typeof values[number] === "number" && values[number] !== metric.perfect;
    case "truncated": return samples.isTruncated.has(number);
    case "changed": return samples.isChanged.has(number);
    default: return true;
  }
}

/** What stands for a sample's state: a word and a class that colours it. */
function stateOf(samples, metric, number) {
  const letter = samples.columns.states[number];
  if (letter === "f") return ["failed", "bad"];
  if (letter === "u") return ["unparsed", "bad"];
  const value = samples.values(metric.name)[number];
  if (metric.perfect === null || typeof value !== "number") return ["", ""];
  if (value === metric.perfect) return ["✓", "good"];
  return metric.higherIsBetter ? ["✗", "bad"] : ["", ""]; // where errors are counted, hardly a sample is without
}

/** A list box of fixed rows in a box that scrolls; there are elements only for the rows in sight. */
class SampleList {
  constructor(box, samples, onSelect) {
    this.box = box;
    this.samples = samples;
    this.onSelect = onSelect;
    this.rows = [];
    this.selected = -1; // number of the sample
    this.space = make("div", { className: "space", role: "presentation" });
    box.replaceChildren(this.space);
    box.addEventListener("scroll", () => this.drawSoon(), { passive: true });
    new ResizeObserver(() => this.drawSoon()).observe(box);
    this.space.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) onSelect(Number(row.dataset.number));
    });
  }

  show(rows, metric) {
    this.rows = rows;
    this.metric = metric;
    this.space.style.height = `${rows.length * ROW_PX}px`;
    this.draw();
  }

  select(number) {
    this.selected = number;
    const place = this.rows.indexOf(number);
    if (place >= 0) {
      const top = place * ROW_PX;
      const room = this.box.clientHeight;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      else if (top + ROW_PX > this.box.scrollTop + room) this.box.scrollTop = top + ROW_PX - room;
    }
    this.draw();
  }

  drawSoon() {
    this.pending ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.pending);
    this.pending = undefined;
    if (!this.metric) return;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - ROWS_BEYOND);
    const last = Math.min(this.rows.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_PX) + ROWS_BEYOND);
    this.space.replaceChildren(...this.rows.slice(first, last).map((number, place) => this.row(number, first + place)));
    const isDrawn = this.space.querySelector("[aria-selected=true]");
    if (isDrawn) this.box.setAttribute("aria-activedescendant", isDrawn.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(number, place) {
    const { columns } = this.samples;
    const [state, tone] = stateOf(this.samples, this.metric, number);
    const value = formatValue(this.samples.values(this.metric.name)[number], this.metric.isRate);
    const row = make(
      "div",
      { className: "row", role: "option", id: `row-${number}`, ariaSelected: String(number === this.selected) },
      make("span", { className: `state ${tone}` }, state),
      make("span", { className: "text" }, columns.ids[number]),
      make("span", { className: "number" }, value),
      make("span", { className: "number seconds" }, formatSeconds(columns.seconds[number])),
      make("span", { className: "text start quiet", dir: "auto" }, columns.starts[number]),
    );
    row.ariaSetSize = String(this.rows.length);
    row.ariaPosInSet = String(place + 1);
    row.dataset.number = number;
    row.style.top = `${place * ROW_PX}px`;
    return row;
  }
}
