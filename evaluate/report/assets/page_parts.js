// Small things that every part of the sample page uses. Texts of models and corpora only ever become text nodes.

/** Makes an element. Properties that it does not have become attributes; children that are strings become text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const byId = (id) => document.getElementById(id);
const readJson = (id) => JSON.parse(byId(id).textContent);

/** A value for people: rates in per cent, others with as many places as they need. */
function formatValue(value, isRate) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (isRate) return `${(100 * value).toFixed(2)} %`;
  return value.toFixed(Math.abs(value) < 10 ? 4 : 2);
}

function formatInterval(interval, isRate) {
  if (!interval) return "–";
  const bound = (value) => formatValue(value, isRate).replace(" %", "");
  return `${bound(interval[0])} – ${bound(interval[1])}`;
}

const formatSeconds = (seconds) => (typeof seconds === "number" ? `${seconds.toFixed(1)} s` : "–");
const formatCount = (count) => (typeof count === "number" ? count.toLocaleString("en") : "–");

/** A text as it came. A long one is cut, with a button that shows the rest in a box of its own. */
function textBlock(text, { limit = 5000, className = "" } = {}) {
  const box = make("div", { className: `text ${className}`, dir: "auto" });
  if (text === "") return make("div", { className: "text quiet" }, "(empty)");
  if (text.length <= limit) {
    box.append(text);
    return box;
  }
  const more = make("button", { type: "button" }, `show all ${formatCount(text.length)} characters`);
  more.onclick = () => {
    box.replaceChildren(text);
    box.classList.add("whole");
    box.tabIndex = 0;
    more.remove();
  };
  box.append(`${text.slice(0, limit)}…`);
  return make("div", {}, box, more);
}

function section(title, ...content) {
  return make("section", { className: "part" }, make("h3", {}, title), ...content);
}

/** A table. A cell is a text or an element; columns of numbers are set right. */
function table(head, rows) {
  const isNumber = (cell) => typeof cell === "string" && /^[-+−\d.,–% ]+( points)?$/.test(cell);
  const classes = head.map((_, column) => (rows.length && rows.every((row) => isNumber(row[column])) ? "number" : ""));
  const line = (tag, cells) => make("tr", {}, ...cells.map((one, column) => make(tag, { className: classes[column] }, one)));
  const body = make("tbody", {}, ...rows.map((row) => line("td", row)));
  return make("div", { className: "scroller" }, make("table", {}, make("thead", {}, line("th", head)), body));
}
