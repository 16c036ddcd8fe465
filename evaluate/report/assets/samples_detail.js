// One sample in full.

const MAX_WOVEN = 20_000; // characters; longer differences are drawn when asked

/** Fills the pane with a sample; everything in it that came from a model or a corpus becomes text. */
function showDetail(pane, { samples, metrics, metric, settings, number, sample, signal }) {
  const { columns } = samples;
  const [state, tone] = stateOf(samples, metric, number);
  const marks = [
    state && make("span", { className: `badge ${tone}` }, { "✓": metric.higherIsBetter ? "right" : "without errors", "✗": "wrong" }[state] ?? state),
    samples.isTruncated.has(number) && make("span", { className: "badge" }, "cut off by the token limit"),
    ...sample.clips.map((change) => make("span", { className: "badge" }, `clip ${change}`)),
  ].filter(Boolean);
  const [type, message] = sample.error ?? [];
  const isSame = sample.answer === null || sample.answer === sample.hypothesis;
  pane.replaceChildren(
    make("h2", { className: "text", dir: "auto" }, columns.ids[number]),
    ...(marks.length ? [make("p", {}, ...marks)] : []),
    ...(sample.error ? [make("div", { className: "part failure", role: "note" }, make("h3", {}, "Failed: ", make("span", { className: "text" }, type)), textBlock(message))] : []),
    ...players(settings, number, sample, signal),
    ...(sample.alignment ? [difference(sample.alignment)] : []),
    section(sample.references.length > 1 ? "References" : "Reference", ...sample.references.map((text) => textBlock(text))),
    ...(sample.hypothesis === null ? [] : [section("Output of the model, as it came", textBlock(sample.hypothesis))]),
    ...(isSame ? [] : [section("Answer read out of it", textBlock(sample.answer))]),
    ...(columns.states[number] === "u" ? [section("Answer read out of it", make("p", { className: "quiet" }, "none: unparsed"))] : []),
    section("Prompt", textBlock(sample.prompt)),
    ...(columns.metrics.length ? [section("Scores of this sample", sampleScores(samples, metrics, number, sample))] : []),
    section("Facts", facts(columns.seconds[number], sample)),
  );
}

/** The difference that the metric counted, with what its marks mean. */
function difference(alignment) {
  const legend = make(
    "p",
    { className: "legend quiet" },
    make("span", { className: "substitution" }, make("del", {}, "reference"), make("ins", {}, "answer")), " substituted · ",
    make("del", { className: "deletion" }, "deleted"), " · ", make("ins", { className: "insertion" }, "inserted"),
    ` · ${alignment.unit === "word" ? "words" : "characters"} after normalising`,
  );
  const length = alignment.edits.reduce((sum, [, reference, answer]) => sum + reference.length + answer.length, 0);
  if (length <= MAX_WOVEN) return section("Difference", alignedText(alignment), legend);
  const ask = make("button", { type: "button" }, `show the difference of ${formatCount(length)} characters`);
  ask.onclick = () => ask.replaceWith(alignedText(alignment));
  return section("Difference", ask, legend);
}

function sampleScores(samples, metrics, number, sample) {
  const counted = new Map(sample.counted);
  const rows = samples.columns.metrics.map((name, place) => {
    const { isRate } = metrics.get(name) ?? {};
    const row = counted.get(name) ?? [];
    const shown = row.length <= 12 ? row.map((value) => Number(value.toFixed(3))).join(" ") : `${row.length} numbers`;
    return [name, formatValue(samples.columns.values[place][number], isRate), shown];
  });
  return table(["metric", "value", "counted"], rows);
}

function facts(seconds, sample) {
  const rows = [
    ["length", formatSeconds(seconds)],
    ["time in the model's batch", formatSeconds(sample.latency_s)],
    ...sample.groups,
    ...sample.audio.map((path) => ["file", path]),
  ];
  const cells = rows.flatMap(([name, value]) => [make("dt", { className: "text" }, name), make("dd", { className: "text" }, value)]);
  return make("dl", {}, ...cells);
}
