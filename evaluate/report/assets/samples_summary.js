// What stands above the list: the run's scores and how it was made, drawn from scores.json and run.json.

const MAX_CONFUSED = 150; // labels; a larger matrix cannot be read

/** What the page needs to know of each metric, by name. */
function metricsOf(scores) {
  return new Map(Object.entries(scores?.metrics ?? {}).map(([name, score]) => {
    const isRate = Boolean(score.is_rate);
    const higherIsBetter = Boolean(score.higher_is_better);
    return [name, { name, isRate, higherIsBetter, perfect: isRate ? Number(higherIsBetter) : null, score }];
  }));
}

function showSummary(box, scores, run, onGroup) {
  const metrics = [...metricsOf(scores).values()];
  if (metrics.length) box.append(...metricTable(metrics));
  else box.append(make("p", { className: "quiet" }, "This run is not scored yet: there is no scores.json."));
  fold(box, "Scores by group", groupTables(metrics, onGroup));
  fold(box, "Errors", errorTables(scores, metrics));
  const confused = metrics.find(({ score }) => score.confusion);
  if (confused) fold(box, "Confusion matrix", [confusion(confused.score.confusion)]);
  fold(box, "How it was run", runFacts(scores, run));
}

function fold(box, title, content) {
  if (content.length) box.append(make("details", {}, make("summary", {}, title), ...content));
}

/** All metrics; what is to be known of all of them alike stands once below. */
function metricTable(metrics) {
  const notes = metrics.map(({ score }) => score.reason ?? score.note ?? score.ci_note ?? "");
  const isShared = notes.every((note) => note === notes[0]);
  const rows = metrics.map(({ name, isRate, higherIsBetter, score }, place) => [
    `${name} ${higherIsBetter ? "↑" : "↓"}`,
    formatValue(score.value, isRate),
    formatInterval(score.ci, isRate),
    ...(isShared ? [] : [notes[place]]),
  ]);
  const head = ["metric", "value", "95 % interval", ...(isShared ? [] : ["note"])];
  return [make("div", {}, table(head, rows)), ...(isShared && notes[0] ? [make("p", { className: "text quiet" }, notes[0])] : [])];
}

/** A table for each kind of group: the first metric that has it with a bar, the others beside it. */
function groupTables(metrics, onGroup) {
  const kinds = new Set(metrics.flatMap(({ score }) => Object.keys(score.by ?? {})));
  return [...kinds].map((kind) => {
    const known = metrics.filter(({ score }) => Object.keys(score.by?.[kind] ?? {}).length);
    if (!known.length) return null;
    const [first, ...others] = known;
    const groups = Object.entries(first.score.by[kind]);
    const most = Math.max(...groups.map(([, group]) => Math.abs(group.value ?? 0)), 1e-9);
    const rows = groups.map(([label, group]) => [
      onGroup(kind, label),
      formatCount(group.n ?? group.n_total),
      bar(group.value, most, formatValue(group.value, first.isRate)),
      formatInterval(group.ci, first.isRate),
      ...others.map((one) => formatValue(one.score.by[kind][label]?.value, one.isRate)),
    ]);
    return table([kind, "samples", first.name, "95 % interval", ...others.map(({ name }) => name)], rows);
  }).filter(Boolean);
}

function bar(value, most, text) {
  const filled = make("span", { className: "bar" });
  filled.style.width = `${(60 * Math.abs(value ?? 0)) / most}%`;
  return make("span", { className: "barred" }, filled, text);
}

function errorTables(scores, metrics) {
  const edited = metrics.filter(({ score }) => typeof score.substitutions === "number");
  const tables = [];
  if (edited.length) {
    const row = ({ name, score }) =>
      [name, ...[score.substitutions, score.deletions, score.insertions, score.reference_length].map(formatCount)];
    tables.push(table(["metric", "substitutions", "deletions", "insertions", "length of the references"], edited.map(row)));
  }
  const counts = [
    ["unparsed", scores?.n_unparsed],
    ["cut off by the token limit", scores?.n_truncated],
    ["failed", scores?.n_failed],
    ...Object.entries(scores?.failures ?? {}).map(([type, count]) => [`failed with ${type}`, count]),
  ].filter(([, count]) => typeof count === "number");
  if (counts.length) tables.push(table(["samples", "number"], counts.map(([what, count]) => [what, formatCount(count)])));
  return tables;
}

/** Truth down, answer across; a cell is the darker the larger its share of the row. */
function confusion({ labels, matrix, unparsed }) {
  const counts = matrix.map((row, truth) => [...row, unparsed[truth]]);
  if (labels.length > MAX_CONFUSED) {
    return make("p", { className: "quiet" }, `${labels.length} labels: too many to draw, the counts stand in scores.json`);
  }
  const head = make("tr", {}, make("th", {}, "truth ＼ answer"),
    ...[...labels, "no label"].map((label) => make("th", { className: "text", scope: "col" }, label)));
  const rows = counts.map((row, truth) => {
    const total = Math.max(1, row.reduce((sum, count) => sum + count, 0));
    const cells = row.map((count, answer) => {
      const tone = answer === truth ? "right" : "wrong";
      const cell = make("td", { className: `number ${tone}${count ? "" : " quiet"}` }, formatCount(count));
      cell.title = `${labels[truth]} → ${labels[answer] ?? "no label"}: ${count} of ${total}`;
      cell.style.setProperty("--share", `${(45 * count) / total}%`);
      return cell;
    });
    return make("tr", {}, make("th", { className: "text", scope: "row" }, labels[truth]), ...cells);
  });
  return make("div", { className: "scroller confusion" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function runFacts(scores, run) {
  const record = run ?? {};
  const session = record.sessions?.at(-1) ?? {};
  const { coverage, limit } = { ...record, ...scores };
  const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const rows = [
    ["command", session.command?.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(" ")],
    ["model revision", scores?.model_revision ?? record.model_revision],
    ["number format", record.model_dtype],
    ["device", session.device],
    ["started", session.start],
    ["ended", session.end],
    ["task version", record.task_version],
    ["protocol", scores?.protocol],
    ["corpus", coverage && `${formatCount(coverage.found)} of ${formatCount(coverage.official)} official samples`],
    ["limit", limit],
    ["corpus fingerprint", record.corpus_fingerprint],
    ["generation", record.generation],
    ["clips", Object.keys(scores?.clip_policy ?? {}).length ? { ...scores.clip_policy, ...scores.clip_counts } : null],
    ["otoscope", [session.otoscope, session.git_commit].filter(Boolean).join(", commit ")],
    ["packages", session.packages],
    ...Object.entries(scores?.metrics ?? {}).map(([name, score]) => [`signature of ${name}`, score.signature]),
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!rows.length) return [];
  const cells = rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", { className: "text" }, shown(value))]);
  return [make("dl", {}, ...cells)];
}
