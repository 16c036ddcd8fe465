"""A benchmark that is read from its corpus's own folders, from a manifest, or from a Hugging Face dataset.

All three give rows, and one method turns a row into a sample, so that the samples are the same wherever they come from.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.resources import files
from operator import attrgetter
from pathlib import Path
from typing import Any

from evaluate.answers import match_choice
from evaluate.corpus import CorpusRows, find_folder, name_no_split
from evaluate.errors import CorpusAbsentError, ManifestError, ProtocolError, RequestError
from evaluate.jsonl import refuse_doubled
from evaluate.manifest import Row, as_texts, misnamed_fields
from evaluate.protocols import render_prompt
from evaluate.registry import is_misspelt
from evaluate.row_sources import DatasetRows, ManifestRows, choose_rows
from evaluate.task import Coverage, Split, Task
from evaluate.types import SAMPLE_SPLIT, Sample


class CorpusTask(Task):
    """A benchmark. A subclass says where the corpus keeps its splits, and what its labels and lists are called."""

    top_folders: tuple[str, ...]  # names of the corpus's own top folder, under `data_dir`; case and marks may differ
    evaluation_lists: tuple[str, ...] = ()  # names of the Qwen-Audio evaluations' lists; "": `<name>_eval.jsonl`
    split_names: dict[str, tuple[str, ...]] = {}  # what else lists and datasets call a split
    reference_fields: tuple[str, ...] = ()  # of a manifest's line or a dataset's row that hold the truth
    context_field = "context"  # of a manifest's line or a row that tells a judge, who cannot hear, what the audio holds
    id_fields: tuple[str, ...] = ()  # of a dataset's row, whose values are ids though they are numbers
    multilabel = False  # whether any number of labels is true of a sample, none too
    splits_share_samples = False  # whether the default splits ask different things of the same samples
    merges_rows = False  # whether rows with one id are one sample: each annotator has a line of his own

    @property
    def is_listed(self) -> bool:
        """Whether samples come from a manifest or a dataset, not from the corpus's own folders."""
        return self._source is not None

    @cached_property
    def root(self) -> Path:
        """The corpus's top folder, or where it was looked for."""
        return find_folder(self.data_dir, self.top_folders)

    @abstractmethod
    def corpus_splits(self) -> tuple[str, ...]:
        """Return the splits, official or not, that the corpus's folders hold."""

    @abstractmethod
    def read_corpus(self, split: str) -> CorpusRows:
        """Read a split, one of `corpus_splits`, from the corpus's own files.

        Raises:
            CorpusAbsentError: Its audio or its list is not here.
            ManifestError: A line of its list is wrong.
        """

    def dataset_splits(self, split: str) -> tuple[str, ...]:
        """Return what a dataset may call the part that a split is of, where its configuration says the rest."""
        del split
        return ()

    def groups_of(self, row: Row) -> dict[str, str]:
        """Return what an id says of its origin, e.g. the speaker."""
        del row
        return {}

    def prompt_of(self, split: str) -> str:
        """Return what a split asks, with its places unfilled."""
        del split
        return self.prompt

    def reference_field(self, split: str) -> str:
        """Return which field of a manifest's line or a dataset's row holds the truth of this split alone, or ""."""
        del split
        return ""

    def references_of(self, row: Row, split: str) -> tuple[str, ...]:
        """Return a row's references; where there are labels, as the label set spells them."""
        choices = self.choices_of(split)
        if not choices or self.protocol:
            return row.references
        return tuple(self._label(row, text, choices) for text in row.references)

    def prepared(self, rows: list[Row], split: str) -> list[Row]:
        """Return the rows of a manifest or dataset in the form that `sample_of` wants, e.g. with another id."""
        own = self.reference_field(split)
        return [
            replace(row, references=as_texts(row.fields[own]) or ("",)) if own in row.fields else row for row in rows
        ]

    def official_size(self, split: str, rows: Sequence[Row]) -> int | None:
        """Return how many samples the published split has, None if unknown; `rows` are those that its list holds."""
        del rows
        return self.official_sizes.get(split)

    def sample_of(self, row: Row, split: str) -> Sample:
        """Make a sample of a row."""
        language, spoken = self.language_of(split), self.spoken_language(split) or row.language
        listed = self._listed_prompt(row)
        template = self._template(row, split) if listed is None else listed
        sample = Sample(
            id=row.id,
            audio=row.audio,
            prompt=self._known.setdefault(template, template),
            references=self.references_of(row, split),
            kind=self.kind,
            language=spoken,
            groups=self._shared({**self.groups_of(row), **row.groups}),
            choices=row.choices or self.choices_of(split),
            source_text=row.source_text,
            question=row.question,
            answer_language=language if language != spoken else "",
            turns=row.turns,
            context=_as_text(row.fields.get(self.context_field)),
        )
        if listed is not None or "{" not in template:
            return sample
        prompt = render_prompt(template, sample)
        return replace(sample, prompt=self._known.setdefault(prompt, prompt))

    def remarks(self, split: str) -> list[str]:
        found = []
        if self.protocol and self.choices_of(split) and not self.is_listed:
            found.append(
                f"{self.protocol_name} compares labels letter for letter; here they are spelt as in the corpus, that "
                "evaluation's own list (--manifest) may spell them otherwise"
            )
        if self.dataset and self._source and not self.dataset.split and name_no_split(self._source.rows(split)):
            found.append("the dataset does not say that its rows are of this split; they are taken for it")
        return [*found, *self._misnamed.get(split, ())]

    def spoken_language(self, split: str) -> str:
        """Return the language of a split's speech; "" where each row names its own, or there is none."""
        return self.language if self.answer_language else self.language_of(split)

    @classmethod
    def has_samples(cls) -> bool:
        return SAMPLE_SPLIT not in cls.splits and bool(_shipped_splits(cls(samples_dir())))

    def read_samples(self) -> Split:
        """Read the clips that come with the project, which are laid out as the corpus is.

        Of the splits that papers report, all that ship are one split here, so that each may have few clips.

        Raises:
            ProtocolError: The protocol does not cover the task.
        """
        shipped = type(self)(samples_dir(), protocol=self.protocol_name)
        parts = [shipped.read_split(name) for name in _shipped_splits(shipped)]
        samples = tuple(sample for part in parts for sample in part.samples)
        missing = tuple(one for part in parts for one in part.coverage.missing_audio)
        coverage = Coverage(found=len(samples), official=len(samples) + len(missing), missing_audio=missing)
        return Split(SAMPLE_SPLIT, samples, coverage, stands_for=parts[0].name)

    def read_split(self, split: str) -> Split:
        if split == SAMPLE_SPLIT and self.manifest is None and self.dataset is None and self.has_samples():
            return self.read_samples()
        if self.protocol and not self.covers(split):
            raise ProtocolError(f"protocol {self.protocol_name!r} does not cover {self.name}:{split}")
        if self._source is not None:
            return self._split(split, self._chosen(self._source.rows(split), split))
        if split not in self.corpus_splits():
            if split not in self.splits and (self.root.is_dir() or is_misspelt(split, self.known_splits())):
                raise self.unknown_split(split)
            raise self.not_here(
                split, f"{self.root} " + ("holds no such split" if self.root.is_dir() else "is no folder")
            )
        return self._split(split, self.read_corpus(split))

    def read_default_splits(self) -> list[Split]:
        several = len(self.default_splits) > 1 and not self.splits_share_samples
        if several and self._source is not None and (self.dataset or name_no_split(self._source.rows(""))):
            raise RequestError(
                f"the {self._source.what} does not say which split of {self.name} it is of; name it, e.g. --task "
                f"{self.name}:{self.default_splits[0]}"
            )
        return super().read_default_splits()

    def present_splits(self) -> tuple[str, ...]:
        if self.dataset is not None:
            return self.splits  # which of them it holds shows when it is read
        if self._source is not None:
            rows = self._source.rows("")
            if name_no_split(rows):
                return self.default_splits if len(self.default_splits) == 1 else ()
            return tuple(split for split in self.splits if self._chosen(rows, split).rows)
        there = self.corpus_splits()
        return (*(split for split in self.splits if split in there), *sorted(set(there) - set(self.splits)))

    def not_here(self, split: str, found: str) -> CorpusAbsentError:
        """Return the error for a split that is not here, with what was found in its place."""
        names = {self.root.name, *self.top_folders}
        is_inside = self.data_dir.resolve().name in names or (self.data_dir / split).is_dir()
        inside = " (--data-dir is the folder above it)" if is_inside else ""
        return CorpusAbsentError(
            f"{self.name}:{split} is not here: {found}{inside}; {self._how_to_get(split)}name the folder that holds it "
            "with --data-dir, a list with --manifest, or a dataset with --dataset"
        )

    def _how_to_get(self, split: str) -> str:
        """Return what there is to do, up to the next thing, "" where nothing is known."""
        from evaluate.data.sources import read_sources

        known = read_sources().get(self.name)
        if known:
            return f"{known.how_to_get(split)}; or "
        return f"it comes from {self.source}; or " if self.source else ""

    def require_audio(self, split: str, folder: Path, audio: object) -> None:
        """Raise where a folder holds no audio, unless nobody will listen.

        Raises:
            CorpusAbsentError: With what the folder holds instead.
        """
        if not audio and not self.labels_only:
            raise self.not_here(split, f"{folder} holds no audio{_archives_hint(folder)}")

    @cached_property
    def _source(self) -> ManifestRows | DatasetRows | None:
        """Where rows come from; None: the corpus's own folders."""
        if self.dataset is not None:
            whole = self.merges_rows or not self.dataset.streaming  # a limit counts samples, not rows
            return DatasetRows(
                replace(self.dataset, limit=None) if whole else self.dataset,
                lambda split: (*self.split_names.get(split, ()), *self.dataset_splits(split)),
                lambda split: tuple(filter(None, (self.reference_field(split), *self.reference_fields))),
                self.id_fields,
                self.multilabel,
            )
        paths = [self.manifest] if self.manifest else [] if self.corpus_splits() else self._evaluation_lists()
        fields = (*self.reference_fields, *filter(None, map(self.reference_field, self.splits)))
        return ManifestRows(paths, self.data_dir, fields, self.multilabel) if paths else None

    @cached_property
    def _known(self) -> dict[Any, Any]:
        """One object for equal prompts and equal groups: there may be a million samples."""
        return {}

    @cached_property
    def _misnamed(self) -> dict[str, list[str]]:
        """Split to what is to be said of fields that its manifest may have meant otherwise."""
        return {}

    def _shared(self, groups: dict[str, str]) -> Mapping[str, str]:
        known: Mapping[str, str] = self._known.setdefault(tuple(groups.items()), groups)
        return known

    def _evaluation_lists(self) -> list[Path]:
        """Return the lists of the published evaluations, in the data folder or in one of its own folders."""
        found = []
        for name in self.evaluation_lists or (f"{self.name}_eval.jsonl",):
            places = [self.data_dir / name, *sorted(self.data_dir.glob(f"*/{name}"))]
            found += [path for path in places if path.is_file()][:1]
        return found

    def _chosen(self, rows: Sequence[Row], split: str) -> CorpusRows:
        names = {one: (one, *self.split_names.get(one, ())) for one in (split, *self.splits)}
        return choose_rows(rows, split, names, is_default=self.default_splits == (split,))

    def _split(self, split: str, found: CorpusRows) -> Split:
        """Make a split of rows; rows whose audio is not there are counted, not an error."""
        rows = list(found.rows)
        if self.is_listed:
            if self.dataset is None:
                read = {self.context_field, self.reference_field(split), *self.reference_fields}
                self._misnamed[split] = misnamed_fields(rows, read)
            rows = self.prepared(rows, split)
        self._check_language(rows, split)
        _refuse_doubled(rows)
        absent = {row.id for row in rows if not row.has_audio}  # looked for once: a look costs as much as a line
        heard = any(row.id not in absent for row in rows)
        labels_only = self.labels_only and not heard
        if not heard and not (labels_only and rows):
            raise self._nothing_here(split, rows)
        missing = tuple(row.id for row in rows if row.id in absent)
        kept = list(rows) if labels_only else [row for row in rows if row.id not in absent or row.id in self.answered]
        coverage = Coverage(
            found=len(kept),
            official=self.official_size(split, rows),
            missing_audio=missing,
            untranscribed=found.untranscribed,
            labels_only=labels_only,
            unassigned=found.unassigned,
            is_own_size=split not in self.official_sizes,
        )
        del found, rows
        kept.reverse()
        samples = []
        while kept:  # each row goes when its sample is made: not both of a million are held at once
            samples.append(self.sample_of(kept.pop(), split))
        self._known.clear()
        return Split(split, tuple(samples), coverage)

    def _check_language(self, rows: list[Row], split: str) -> None:
        spoken = self.spoken_language(split)
        for row in rows:
            if spoken and row.language not in ("", spoken):
                raise ManifestError(
                    f"{row.place}: sample {row.id!r}: language is {row.language!r}, but it would be scored by the "
                    f"task's, {spoken!r}; make it a task of its own"
                )

    def _nothing_here(self, split: str, rows: list[Row]) -> CorpusAbsentError:
        first = f" (first: {rows[0].audio[0].path})" if rows and rows[0].audio else ""
        if not self.is_listed:
            return self.not_here(
                split, f"none of its {len(rows)} audio files is there{first}" if rows else "it has no samples"
            )
        where = self._source.what if self._source else "manifest"
        what = (
            f"none of the {where}'s {len(rows)} audio files is there{first}"
            if rows
            else f"the {where} has no line of it"
        )
        return CorpusAbsentError(
            f"{self.name}:{split}: {what}; paths are taken relative to the manifest or to --data-dir, and splits from "
            "the lines' own `split` or `source`"
        )

    def _listed_prompt(self, row: Row) -> str | None:
        """Return the prompt that a published evaluation's own list gives a row; None: none, or it is not used."""
        own = row.fields.get("prompt") if row.source and self.dataset is None else None
        return own if self.protocol_name == "qwen2-audio" and isinstance(own, str) else None

    def _template(self, row: Row, split: str) -> str:
        """Return what a row asks, with its places unfilled."""
        if self.protocol:
            return self.protocol.prompt
        template = self.prompt_of(split)
        if row.question and "{question}" not in template:
            template = f"{template}\n{{question}}" if template else "{question}"
        return template

    def _label(self, row: Row, reference: str, choices: tuple[str, ...]) -> str:
        """Return the choice that a reference is."""
        choice = match_choice(reference, choices, self.aliases)
        if choice is None:
            raise ManifestError(
                f"{row.place}: sample {row.id!r}: reference {reference!r} is none of the choices: {', '.join(choices)}"
            )
        return choice


def _as_text(value: object) -> str:
    """Return a field as text, "" where there is none."""
    return (
        value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    )


def samples_dir() -> Path:
    """Return the folder with the clips that come with the project, a data folder like any other."""
    return Path(str(files("tasks") / "samples"))


def _shipped_splits(shipped: CorpusTask) -> tuple[str, ...]:
    """Return which of the splits that papers report the samples hold; the first where all ask about the same clips."""
    present = shipped.present_splits()
    found = tuple(split for split in shipped.default_splits if split in present)
    return found[:1] if shipped.splits_share_samples else found


def _refuse_doubled(rows: list[Row]) -> None:
    seen: dict[str, Row] = {}
    for row in rows:
        refuse_doubled(seen, row.id, row, attrgetter("place"))


def _archives_hint(folder: Path) -> str:
    """Say so where the archives inside a corpus were not unpacked."""
    archives = sorted(folder.rglob("*.tar.gz")) or sorted(folder.parent.glob("*.tar.gz"))
    return f", but {len(archives)} .tar.gz archives such as {archives[0].name}: unpack them" if archives else ""
