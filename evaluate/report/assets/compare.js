// Two runs side by side: the metrics, then every sample whose primary metric changed, largest change first.

const comparison = readJson("page-data");
const primary = comparison.metrics[comparison.primary];
const AT_ONCE = 50; // articles that are added whenever the end comes into view

function metricsTable() {
  const rows = Object.entries(comparison.metrics).map(([name, one]) => [
    `${name} ${one.higher_is_better ? "↑" : "↓"}`,
    ...one.values.map((value) => formatValue(value, one.is_rate)),
    one.difference === null ? one.reason ?? "–" : signed(one.difference, one.is_rate),
    formatInterval(one.ci, one.is_rate),
    typeof one.p_value === "number" ? one.p_value.toFixed(4) : "–",
    typeof one.mcnemar_p_value === "number" ? one.mcnemar_p_value.toFixed(4) : "–",
  ]);
  return table(["metric", "first", "second", "difference", "95 % interval", "p (permutation)", "p (McNemar)"], rows);
}

const signed = (value, isRate) => `${value < 0 ? "−" : "+"}${formatValue(Math.abs(value), isRate).replace(" %", " points")}`;
const isBetter = ({ values: [first, second] }) => (primary.higher_is_better ? second > first : second < first);

function articleOf(sample) {
  const better = isBetter(sample);
  const [first, second] = sample.values.map((value) => formatValue(value, primary.is_rate));
  const change = make("span", { className: better ? "good" : "bad" }, `${first} → ${second} ${better ? "better" : "worse"}`);
  return make(
    "article",
    {},
    make("h2", {}, make("span", { className: "text", dir: "auto" }, sample.id), change),
    ...sample.audio.filter(Boolean).map((src) => make("audio", { controls: true, preload: "none", src })),
    make("div", { className: "reference" }, make("h3", {}, "Reference"), ...sample.references.map((text) => textBlock(text))),
    make("div", { className: "sides" }, side(sample, 0), side(sample, 1)),
  );
}

function side(sample, place) {
  const alignment = sample.alignments[place];
  const failed = sample.errors[place];
  const shown = failed ? make("p", { className: "text bad" }, `failed: ${failed}`)
    : alignment ? alignedText(alignment)
    : textBlock(sample.answers[place] ?? "(unparsed)");
  const raw = sample.hypotheses[place];
  const isRawShown = raw !== null && (alignment || raw !== sample.answers[place]);
  return make(
    "div",
    {},
    make("h3", {}, `${place ? "Second" : "First"}: ${comparison.runs[place].name}`),
    shown,
    ...(isRawShown ? [make("details", {}, make("summary", { className: "quiet" }, "as it came"), textBlock(raw))] : []),
  );
}

let shown = [];
let added = 0;
const box = byId("samples");
const end = make("div");
new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && addMore(), { rootMargin: "600px" }).observe(end);

function addMore() {
  const next = shown.slice(added, added + AT_ONCE);
  added += next.length;
  end.before(...next.map(articleOf));
}

function apply() {
  const which = document.querySelector("[name=which]:checked").value;
  const wanted = byId("search").value.trim().toLocaleLowerCase();
  const texts = ({ id, references, hypotheses }) => [id, ...references, ...hypotheses.filter((text) => text !== null)];
  shown = comparison.changed.filter(
    (sample) =>
      (which === "all" || (which === "better") === isBetter(sample)) &&
      (!wanted || texts(sample).some((text) => text.toLocaleLowerCase().includes(wanted))),
  );
  added = 0;
  box.replaceChildren(end);
  addMore();
  const { n_samples: all, n_better: better, n_worse: worse } = comparison;
  const listed = comparison.changed.length < better + worse ? `, the ${formatCount(comparison.changed.length)} that changed most are listed` : "";
  byId("count").textContent =
    `${formatCount(shown.length)} shown; ${formatCount(better)} better, ${formatCount(worse)} worse of ${formatCount(all)} samples${listed}`;
}

byId("metrics").append(metricsTable());
document.querySelector(".controls").addEventListener("input", apply);
document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
apply();
