// What an error rate counted in a sample, as the two texts it compared, one woven into the other.

/** Returns the line of text; `edits` are [what happened, to which part of the reference, became what]. */
function alignedText({ unit, edits }) {
  const between = unit === "word" ? " " : "";
  const line = make("p", { className: "text difference", dir: "auto" });
  const seen = (text) => text.replace(/ /g, "␣").replace(/\n/g, "⏎"); // a lone blank could not be seen in colour either
  const changed = (text) => (between ? text : seen(text));
  edits.forEach(([kind, reference, answer], place) => {
    if (place) line.append(between);
    if (kind === "=") line.append(answer);
    else if (kind === "d") line.append(make("del", { className: "deletion" }, changed(reference)));
    else if (kind === "i") line.append(make("ins", { className: "insertion" }, changed(answer)));
    else line.append(make("span", { className: "substitution" }, make("del", {}, changed(reference)), make("ins", {}, changed(answer))));
  });
  return line;
}
