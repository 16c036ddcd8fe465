"""Benchmarks that ask a question of each clip and offer answers to it, other ones each time.

A row carries what its question offers in the field `choices`, or `choice_a` … `choice_d`, whether it comes from the
benchmark's own list, a manifest or a dataset. A model is asked with lettered options and may answer by letter or in
words (`evaluate.answers`, `option`); what is compared is the option's text, letter for letter, since options may differ
in a mark alone ("C major", "C# major").

A list may hold an answer that it does not offer. Nothing is mended: no option is right then, and who runs the split is
told how many there are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from evaluate.answers import exact_choice, match_choice
from evaluate.corpus import AUDIO_SUFFIXES, read_json
from evaluate.corpus_task import CorpusTask
from evaluate.errors import ManifestError
from evaluate.jsonl import read_jsonl, shown
from evaluate.lines import some_of
from evaluate.manifest import Row, is_there
from evaluate.task import NAMED_IDS

PROMPT = (
    "{question}\nOptions:\n{options}\nAnswer with the option's letter from the given choices directly and only give "
    "the best option."
)
LETTERED_FIELDS = ("choice_a", "choice_b", "choice_c", "choice_d")
_LABEL = re.compile(r"\(([A-Z])\)\s+(?=\S)")


class MultipleChoiceTask(CorpusTask):
    """A benchmark of questions with options of their own. A subclass says which fields of an item are groups."""

    kind, language = "question-answering", "en"
    multiple_choice = True
    metrics: tuple[str, ...] = ("accuracy",)
    normalizer = "none"  # what is compared was taken from the options
    extractor = "option"
    prompt = PROMPT
    group_fields: Mapping[str, str] = {}  # kind of group to the field of an item that names it

    def prepared(self, rows: list[Row], split: str) -> list[Row]:
        return [self._with_options(row) for row in super().prepared(rows, split)]

    def groups_of(self, row: Row) -> dict[str, str]:
        """Return the categories that an item is of."""
        named = {group: row.fields.get(field) for group, field in self.group_fields.items()}
        return {group: label for group, label in named.items() if isinstance(label, str) and label}

    def references_of(self, row: Row, split: str) -> tuple[str, ...]:
        """Return the answers as the options spell them; one that is offered by none stays as it is."""
        found = [
            exact_choice(text, row.choices) or match_choice(text, list(dict.fromkeys(row.choices)))
            for text in row.references
        ]
        if None in found and any(row.references):
            self._not_offered.setdefault(split, []).append(row.id)
        return tuple(choice or text for choice, text in zip(found, row.references, strict=True))

    def remarks(self, split: str) -> list[str]:
        found = super().remarks(split)
        if ids := sorted(set(self._not_offered.get(split, ()))):
            found.append(
                f"{len(ids)} questions do not offer their own answer, so that none is right: {some_of(ids, NAMED_IDS)}"
            )
        return found

    @cached_property
    def _not_offered(self) -> dict[str, list[str]]:
        """Split to the ids of questions whose answer is none of their options."""
        return {}

    def _with_options(self, row: Row) -> Row:
        """Return a row with what its question offers, without the labels that some lists write before each."""
        choices = options_of(row.where, row.id, row.fields)
        labelled = [_LABEL.match(choice) for choice in choices]
        if not all(found and found[1] == letter for found, letter in zip(labelled, ascii_uppercase, strict=False)):
            return replace(row, choices=choices)
        references = tuple(_LABEL.sub("", text, count=1) for text in row.references)
        return replace(row, choices=tuple(_LABEL.sub("", text, count=1) for text in choices), references=references)


def options_of(where: str, item_id: str, item: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a question offers.

    Raises:
        ManifestError: It offers no list of at least two texts, or more than there are letters.
    """
    choices = item.get("choices")
    if choices is None:
        choices = [item[field] for field in LETTERED_FIELDS if item.get(field) not in (None, "")]
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not all(map(_is_text, choices)):
        raise ManifestError(f"{where}: sample {item_id!r}: choices are {shown(choices)}, expected a list of texts")
    if not 2 <= len(choices) <= len(ascii_uppercase):
        raise ManifestError(
            f"{where}: sample {item_id!r}: {len(choices)} choices, expected 2 to {len(ascii_uppercase)}; a list or "
            "dataset names them in `choices`"
        )
    return tuple(choices)


def items_of(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the items of a benchmark's list, JSON or JSONL, each with its number from 1.

    Raises:
        ManifestError: The file is no such list, or an item lacks something.
    """
    found = [item for _, item in read_jsonl(path)] if path.suffix == ".jsonl" else read_json(path)
    for number, item in enumerate(found if isinstance(found, list) else [found], start=1):
        if not isinstance(item, dict) or not all(isinstance(item.get(field), str | int) for field in required):
            raise ManifestError(
                f"{path}: item {number}: expected an object with {', '.join(required)}, as the benchmark has it"
            )
        yield number, item


def clip_at(folder: Path, name: str) -> Path:
    """Return where the clip of an item is: where its list says, or there in another format."""
    named = folder / name
    stem = str(named).removesuffix(named.suffix)
    return next(
        (path for path in (named, *(Path(stem + suffix) for suffix in AUDIO_SUFFIXES)) if is_there(path)), named
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
