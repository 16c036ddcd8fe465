"""Tables in the terminal: scores after a run, names of tasks, models and metrics. Numbers are rounded only here."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluate.lines import one_line
from evaluate.types import SAMPLE_SPLIT

Item = TypeVar("Item")

SMALL = 10.0
MAX_SHOWN = 200  # characters of an answer
NUM_SHOWN = 10  # answers that differ
PROSE_WIDTH = 20  # characters of the longest word of prose that a narrow terminal does not part
_ANY_WIDTH = 1_000_000
SAMPLES_APART = "clips that come with Otoscope, no benchmark figures"  # title of their table beside another


def format_value(value: float | None, *, is_rate: bool) -> str:
    """Return a value for people: rates in per cent, others as they are, an undefined one as a dash."""
    return format_number(value, is_rate=is_rate) + (" %" if is_rate and value is not None else "")


def format_number(value: float | None, *, is_rate: bool) -> str:
    """Return a value without its unit, for tables that say once that rates are in per cent."""
    if value is None:
        return "–"
    return f"{100 * value:.2f}" if is_rate else f"{value:.{_decimal_places(value)}f}"


def _decimal_places(*values: float) -> int:
    """Return how many places numbers that are no rates need: caption scores around 1 more than BLEU or milliseconds."""
    return 4 if max(map(abs, values)) < SMALL else 2


def format_interval(interval: Sequence[float] | None, *, is_rate: bool, signed: bool = False) -> str:
    """Return an interval for people, a dash where there is none; that of a difference has signs."""
    if interval is None:
        return "–"
    bounds = [100 * bound for bound in interval] if is_rate else interval
    places = 2 if is_rate else _decimal_places(*bounds)
    return " – ".join(f"{bound:{'+' if signed else ''}.{places}f}" for bound in bounds)


def format_difference(difference: float | None, *, is_rate: bool) -> str:
    """Return a difference with its sign; of two percentages it is points, and no percentage of either."""
    if difference is None:
        return "–"
    sign = "+" if difference >= 0 else "-"
    return f"{sign}{format_amount(abs(difference), is_rate=is_rate)}{' points' if is_rate else ''}"


def format_amount(amount: float, *, is_rate: bool) -> str:
    """Return by how much something differs, rates in points; what is not 0 is not shown as 0."""
    shown = 100 * amount if is_rate else amount
    text = f"{shown:.{2 if is_rate else _decimal_places(shown)}f}"
    return text if float(text) or not shown else f"{shown:.1g}"


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: Sequence[str] = (),
    prose: Sequence[str] = (),
) -> None:
    """Print a table to stdout; cells are plain text, whatever they hold.

    Where the output is no terminal, a row is one line, for programs that search lines. In a terminal prose is wrapped,
    while names and numbers stay in one piece, so that they can be searched and copied: where they need more room than
    there is, the table is wider than the terminal.

    Args:
        title: Line above the table.
        columns: Heads.
        rows: As many cells each.
        numeric: Columns that stand to the right.
        prose: Columns of sentences, whose cells may be wrapped.
    """
    console = Console()
    shown = [[one_line(cell) for cell in row] for row in rows]
    table = Table(header_style="bold")
    for number, column in enumerate(columns):
        head = _longest(column.split())  # heads are wrapped between words
        width = max(head, _longest(row[number] for row in shown))
        words = min(PROSE_WIDTH, _longest(word for row in shown for word in row[number].split()))
        is_prose = console.is_terminal and column in prose
        table.add_column(
            Text(column),
            justify="right" if column in numeric else "left",
            overflow="fold",
            width=None if is_prose else width,
            min_width=max(head, words),
        )
    for row in shown:
        table.add_row(*map(Text, row))
    needed = console.measure(table, options=console.options.update(width=_ANY_WIDTH)).minimum
    console = Console(width=max(console.width, needed) if console.is_terminal else needed)
    # Not the table's own title, which wraps at the table's width; nor does a short table cut it.
    console.print(Text(one_line(title), style="bold"), soft_wrap=True)
    console.print(table, crop=False)


def _longest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def samples_apart(items: Iterable[Item], split_of: Callable[[Item], str | None]) -> list[list[Item]]:
    """Return what may share a table: items of corpora, then those of the clips that come with the project."""
    groups: tuple[list[Item], list[Item]] = ([], [])
    for item in items:
        groups[split_of(item) == SAMPLE_SPLIT].append(item)
    return [group for group in groups if group]


def print_scores(documents: Sequence[dict[str, Any]]) -> None:
    """Print what came out of a run: every metric of every split with its interval, its counts and what is missing."""
    title = str(documents[0]["model"] or documents[0]["predictions"])
    for group in samples_apart(documents, lambda one: one["split"]):
        _print_score_table(title, group)
        title += f": {SAMPLES_APART}"
    for note in dict.fromkeys(note for document in documents for note in _notes(document)):
        print_note(note)
    for document in documents:
        _print_categories(document)


def _print_score_table(title: str, documents: Sequence[dict[str, Any]]) -> None:
    rows = []
    for document in documents:
        for name, score in document["metrics"].items():
            is_primary = name == document["primary"]
            arrow = "↑" if score["higher_is_better"] else "↓"
            edits = "/".join(str(score[key]) for key in ("substitutions", "deletions", "insertions") if key in score)
            rows.append(
                [
                    f"{document['task']}:{document['split']}" if is_primary and document["task"] else "",
                    f"{name} {arrow}",
                    format_value(score["value"], is_rate=score["is_rate"]),
                    format_interval(score["ci"] if score["n_total"] > 1 else None, is_rate=score["is_rate"]),
                    edits,
                    _format_count(document) if is_primary else "",
                    str(score["n_unparsed"]) if is_primary or score["n_unparsed"] > document["n_unparsed"] else "",
                    str(document["n_failed"]) if is_primary else "",
                ]
            )
    columns = ["task", "metric", "value", "95 % interval", "S/D/I", "samples", "unparsed", "failed"]
    shown = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    rows = [[row[number] for number in shown] for row in rows]
    print_table(title, [columns[number] for number in shown], rows, numeric=columns[2:])


def _print_categories(document: dict[str, Any]) -> None:
    """Print the primary metric of each category, for tasks that have some."""
    score = document["metrics"][document["primary"]]
    kinds = [kind for kind in document.get("categories", ()) if score["by"].get(kind)]
    is_rate = score["is_rate"]
    rows = [
        [
            kind if number == 0 else "",
            label,
            format_value(group["value"], is_rate=is_rate),
            format_interval(group["ci"] if group["n_total"] > 1 else None, is_rate=is_rate),
            str(group["n_total"]),
            str(group["n_unparsed"]),
        ]
        for kind in kinds
        for number, (label, group) in enumerate(score["by"][kind].items())
    ]
    if rows:
        columns = ["category", "", document["primary"], "95 % interval", "samples", "unparsed"]
        print_table(f"{document['task']}:{document['split']} by category", columns, rows, numeric=columns[2:])


def print_note(line: str) -> None:
    """Print a line beneath a table, whatever it holds."""
    Console(soft_wrap=True).print(Text(one_line(line)))


def _notes(document: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader of the table should know, beside what it shows."""
    of = f"{document['task']}:{document['split']}: " if document["task"] else ""
    probe = document.get("probe")
    if probe:
        yield f"{of}PROBE, audio replaced ({probe}): no score of the model; otoscope report shows the gap"
    if same := describe_same_answers(document):
        yield f"{of}{same}" + ("" if probe else "; does the model listen? --probe silence tells")
    if cut := describe_truncated(document):
        yield f"{of}{cut}" + ("" if document.get("protocol") else "; --gen max_new_tokens=N sets another")
    if policy := document.get("clip_policy"):
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in policy.items())
        yield f"{of}{describe_clips(document['clip_counts']) or 'no clip was changed'} ({said})"
    elif changed := describe_clips(document.get("clip_counts", {})):
        yield f"{of}{changed}: the model hears no more of a clip; --long-clips says what becomes of the rest"
    for name, score in document["metrics"].items():
        if note := score.get("ci_note"):
            yield f"{of}95 % interval: {note}"
        if note := score.get("note"):
            yield f"{of}{name}: {note}"
        if reason := score.get("reason"):
            yield f"{of}{name} has no value: {reason}"


def describe_clips(counts: dict[str, int]) -> str:
    """Return how many samples had their clips changed, and how, "" for none."""
    shown = ", ".join(f"{change}: {count}" for change, count in counts.items() if count)
    return f"samples with clips {shown}" if shown else ""


def describe_same_answers(document: Mapping[str, Any]) -> str:
    """Return how many samples got one and the same answer, "" where that is not most."""
    same = document.get("same_answers")
    if not same:
        return ""
    answer = repr(one_line(same["text"])) if same["text"].strip() else "empty"
    return f"{same['count']} of {document['n_total']} answers are the same: {answer}"


def describe_truncated(document: Mapping[str, Any]) -> str:
    """Return how many answers the token limit ended, "" where it ended none, or no adapter could tell."""
    count, num_answers = document.get("n_truncated"), document["n_total"] - document["n_failed"]
    if not count or not num_answers:
        return ""
    return f"{count} of {num_answers} answers ({100 * count / num_answers:.1f} %) ended at the token limit"


def _format_count(document: dict[str, Any]) -> str:
    """Return how many samples were evaluated, and of how many where that is not all."""
    coverage = document.get("coverage") or {}
    size = coverage.get("official") or coverage.get("found") or document["n_total"]
    return str(document["n_total"]) if document["n_total"] == size else f"{document['n_total']} of {size}"


def format_p_value(p_value: float | None) -> str:
    """Return a probability as tables show it; one that is small is not none."""
    if p_value is None:
        return "–"
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def print_comparison(comparison: dict[str, Any]) -> None:
    """Print what `evaluate.compare.compare_runs` found."""
    rows = []
    for name, found in comparison["metrics"].items():
        arrow, is_rate = "↑" if found["higher_is_better"] else "↓", found["is_rate"]
        values = [format_value(value, is_rate=is_rate) for value in found["values"]]
        values.append(format_difference(found["difference"], is_rate=is_rate))
        p_values = [found["p_value"], found.get("mcnemar_p_value")]
        shown = [format_p_value(p_value) for p_value in p_values]
        rows.append([f"{name} {arrow}", *values, format_interval(found["ci"], is_rate=is_rate), *shown])
    models = [run["name"] for run in comparison["runs"]]
    title = f"{comparison['task']}:{comparison['split']}, {comparison['n_samples']} samples: {models[0]} → {models[1]}"
    columns = ["metric", "first", "second", "difference", "95 % interval", "p (permutation)", "p (McNemar)"]
    print_table(title, columns, rows, numeric=columns[1:])
    for note in comparison_notes(comparison):
        print_note(note)
    if comparison["changed"]:
        _print_changed(comparison)


def comparison_notes(comparison: dict[str, Any]) -> list[str]:
    """Return what a reader of a comparison should know beside its numbers, each once."""
    return list(dict.fromkeys(_notes_of_comparison(comparison)))


def _notes_of_comparison(comparison: dict[str, Any]) -> Iterator[str]:
    if comparison["n_better"] is not None:
        better, worse = comparison["n_better"], comparison["n_worse"]
        same = comparison["n_samples"] - better - worse
        samples = "sample" if better == 1 else "samples"
        yield f"{comparison['primary']}: {better} {samples} better, {worse} worse, {same} the same"
    for name, found in comparison["metrics"].items():
        if reason := found.get("reason"):
            yield f"{name} has no difference: {reason}"
        elif found["ci_method"]["unit"] != "sample":
            yield f"intervals and permutations by {found['ci_method']['unit']}"
        if note := found.get("ci_note"):
            yield f"95 % interval: {note}"


def _print_changed(comparison: dict[str, Any]) -> None:
    is_rate = comparison["metrics"][comparison["primary"]]["is_rate"]
    rows = [
        [one["id"], *(format_value(value, is_rate=is_rate) for value in one["values"]), *map(_shorten, one["answers"])]
        for one in comparison["changed"]
    ]
    columns = ["sample", "first", "second", "first answer", "second answer"]
    title = f"Changed most in {comparison['primary']}"
    print_table(title, columns, rows, numeric=columns[1:3], prose=columns[3:])


def print_batching(checked: dict[str, Any]) -> None:
    """Print which answers of a split differ between batches of one and the batches of a run, and what that is worth."""
    count, total = checked["n_different"], checked["n_total"]
    where = f"{checked['model']} on {checked['task']}:{checked['split']}, {checked['dtype'] or 'dtype unknown'}"
    outcome = f"{count} of {total} answers differ" if count else f"all {total} answers are the same"
    console = Console(soft_wrap=True)
    console.print(Text(one_line(f"{where}: {outcome} alone and in batches of up to {checked['largest_batch']}")))
    if failed := {way: number for way, number in checked["n_failed"].items() if number}:
        console.print(Text("failed: " + ", ".join(f"{number} {way}" for way, number in failed.items())))
    if not count:
        return
    scores = [
        [name, *(format_value(one[way], is_rate=one["is_rate"]) for way in ("alone", "batched"))]
        for name, one in checked["metrics"].items()
    ]
    print_table("Scores", ["metric", "alone", "batched"], scores, numeric=["alone", "batched"])
    rows = [[one["id"], _shorten(one["alone"]), _shorten(one["batched"])] for one in checked["different"][:NUM_SHOWN]]
    columns = ["sample", "alone", "batched"]
    print_table(f"Answers that differ, {len(rows)} of {count}", columns, rows, prose=columns[1:])


def _shorten(answer: str | None) -> str:
    text = "(none)" if answer is None else " ".join(answer.split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
