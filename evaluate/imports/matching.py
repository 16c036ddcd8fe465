"""Which answer of a foreign log is of which sample of a split.

Logs often lack the corpus's ids, so four ways are tried in turn, each for the log as a whole:

1. id: the log names the sample's id
2. audio: the file's name without its suffix is the id, or that of the sample's own file; of clips that share a name,
   or several questions on a clip, the longest common end of the path, the references and the question decide
3. position: the log numbers the samples of the data set, and every reference is that of the sample at its place
4. reference: no other sample has that reference; where several have it, their answers must be the same

References agree where they are the same letters and digits, as they stand or after the normaliser of the language:
programs log them normalised in their own way. An answer of no sample, or of one of several, is an error.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from evaluate.errors import ManifestError
from evaluate.imports.base import LoggedAnswer
from evaluate.lines import some_of
from evaluate.normalizers import create_normalizer
from evaluate.types import Sample

Forms = frozenset[str]  # of a text, for comparison


@dataclass(frozen=True, slots=True)
class Matched:
    """Answers by sample id."""

    answers: dict[str, LoggedAnswer]
    how: str  # for people: what they were matched by
    differing: tuple[str, ...]  # ids of samples whose references in the log are not the corpus's


def clip_names(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the names of files without their folders and suffixes."""
    return tuple(_components(path)[-1] for path in paths)


def match_answers(answers: Sequence[LoggedAnswer], samples: Sequence[Sample], *, path: object, title: str) -> Matched:
    """Match the answers of a log to the samples of a whole split.

    Args:
        answers: Of one part.
        samples: Of the split; may be more than the answers.
        path: Of the log, for messages.
        title: Of the split, for messages.

    Raises:
        ManifestError: An answer is of no sample, of one of several, or of the same as another; or most references
            differ from those of the samples they were matched to.
    """
    matcher = _Matcher(answers, samples, f"{path}", title)
    found, how = matcher.match()
    differing = tuple(
        sample_id
        for sample_id, answer in found.items()
        if answer.references and not matcher.agrees(answer, matcher.by_id[sample_id])
    )
    compared = sum(bool(answer.references) for answer in found.values())
    if 2 * len(differing) > compared:
        first = found[differing[0]]
        raise ManifestError(
            f"{first.where}: {len(differing)} of {compared} references differ from those of {title}, the first "
            f"{first.references[0]!r} from {matcher.by_id[differing[0]].references[0]!r} of sample {differing[0]!r}; "
            "is the log of another split or corpus?"
        )
    return Matched(found, how, differing)


class _Matcher:
    def __init__(self, answers: Sequence[LoggedAnswer], samples: Sequence[Sample], path: str, title: str) -> None:
        self._answers = answers
        self._samples = samples
        self._path = path
        self._title = title
        self._forms: dict[tuple[str, str], Forms] = {}
        self.by_id = {sample.id: sample for sample in samples}

    def match(self) -> tuple[dict[str, LoggedAnswer], str]:
        """Return answers by sample id, and how they were matched."""
        if all(one.id for one in self._answers) and any(one.id in self.by_id for one in self._answers):
            return self._assigned(lambda one: [self.by_id[one.id]] if one.id in self.by_id else []), "id"
        if all(one.audio for one in self._answers):
            named = self._by_name()
            if any(named[clip_names(one.audio)] for one in self._answers if clip_names(one.audio) in named):
                return self._assigned(
                    lambda one: self._of_clip(one, named.get(clip_names(one.audio), []))
                ), "audio file"
        if not any(one.references for one in self._answers):
            raise ManifestError(
                f"{self._path}: its answers have no id, audio file or reference of {self._title}, by which they could "
                "be matched; is it the log of another split or corpus?"
            )
        if self._in_place():
            places = {id(one): self._samples[one.index or 0] for one in self._answers}
            how = "position, every reference agrees (samples of one reference may stand in another order in the log)"
            return self._assigned(lambda one: [places[id(one)]]), how
        return self._by_reference(), "reference"

    def agrees(self, answer: LoggedAnswer, sample: Sample) -> bool:
        """Whether every reference of an answer is one of the sample's."""
        own = frozenset[str]().union(*(self._forms_of(text, sample) for text in sample.references))
        return all(self._forms_of(text, sample) & own for text in answer.references)

    def _forms_of(self, text: str, sample: Sample) -> Forms:
        language = sample.answer_language or sample.language
        if (text, language) not in self._forms:
            normalizer = create_normalizer(None, language=language)
            self._forms[text, language] = frozenset({_core(text), _core(normalizer(text))})
        return self._forms[text, language]

    def _assigned(self, candidates: Callable[[LoggedAnswer], Sequence[Sample]]) -> dict[str, LoggedAnswer]:
        found: dict[str, LoggedAnswer] = {}
        strangers: list[LoggedAnswer] = []
        unclear: list[tuple[LoggedAnswer, Sequence[Sample]]] = []
        for answer in self._answers:
            fitting = candidates(answer)
            if len(fitting) > 1:
                unclear.append((answer, fitting))
            elif not fitting:
                strangers.append(answer)
            elif fitting[0].id in found:
                raise ManifestError(
                    f"{answer.where}: is of sample {fitting[0].id!r}, which {found[fitting[0].id].where} is of already"
                )
            else:
                found[fitting[0].id] = answer
        self._refuse(strangers, unclear)
        return found

    def _refuse(self, strangers: list[LoggedAnswer], unclear: list[tuple[LoggedAnswer, Sequence[Sample]]]) -> None:
        if strangers:
            raise ManifestError(
                f"{strangers[0].where}: {_named(strangers[0])} is of no sample of {self._title} "
                f"({len(strangers)} such answers of {len(self._answers)}); is the log of another split, or --part?"
            )
        if unclear:
            answer, fitting = unclear[0]
            raise ManifestError(
                f"{answer.where}: {_named(answer)} could be of samples "
                f"{some_of([repr(sample.id) for sample in fitting], 3)} of "
                f"{self._title} ({len(unclear)} such answers of {len(self._answers)}); the log does not tell them apart"
            )

    def _by_name(self) -> dict[tuple[str, ...], list[Sample]]:
        """Return the samples by the names of their files, and by their ids."""
        named: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
        for sample in self._samples:
            for key in {clip_names(ref.path.as_posix() for ref in sample.audio), (sample.id,)}:
                named[key].append(sample)
        return named

    def _of_clip(self, answer: LoggedAnswer, candidates: Sequence[Sample]) -> Sequence[Sample]:
        """Return those that the answer can be of, among the samples whose file has its name."""
        if len(candidates) < 2:
            return candidates
        shared = [_shared_end(answer.audio, sample) for sample in candidates]
        candidates = [sample for sample, length in zip(candidates, shared, strict=True) if length == max(shared)]
        narrowing: tuple[Callable[[Sample], bool], ...] = (
            lambda sample: bool(answer.references) and self.agrees(answer, sample),
            lambda sample: bool(sample.question) and _core(sample.question) in _core(answer.question),
            lambda sample: bool(sample.question) and _core(sample.question) == _core(answer.question),
        )
        for holds in narrowing:
            candidates = [sample for sample in candidates if holds(sample)] or candidates
        return candidates

    def _in_place(self) -> bool:
        return all(
            one.index is not None
            and one.index < len(self._samples)
            and self.agrees(one, self._samples[one.index])
            and _same_question(one, self._samples[one.index])
            for one in self._answers
        )

    def _by_reference(self) -> dict[str, LoggedAnswer]:
        holders: dict[str, list[Sample]] = defaultdict(list)
        for sample in self._samples:
            for form in frozenset[str]().union(*(self._forms_of(text, sample) for text in sample.references)):
                holders[form].append(sample)
        languages = {sample.answer_language or sample.language: sample for sample in self._samples}
        claims: dict[tuple[str, ...], list[LoggedAnswer]] = defaultdict(list)
        fitting: dict[tuple[str, ...], list[Sample]] = {}
        known: dict[tuple[tuple[str, ...], str], tuple[str, ...]] = {}  # of labels there are few
        for answer in self._answers:
            asked = (answer.references, answer.question)
            if asked not in known:
                near = {
                    sample.id: sample
                    for text in answer.references[:1]
                    for of_language in languages.values()
                    for form in self._forms_of(text, of_language)
                    for sample in holders.get(form, [])
                    if self.agrees(answer, sample) and _same_question(answer, sample)
                }
                known[asked] = tuple(sorted(near))
                fitting[known[asked]] = [near[sample_id] for sample_id in known[asked]]
            claims[known[asked]].append(answer)
        # As many answers as samples, and all the same: whichever is whose, nothing depends on it.
        alike = {
            key
            for key, of_key in claims.items()
            if len(of_key) == len(key) > 1 and len({str(one.hypothesis) for one in of_key}) == 1
        }
        taken = {id(one): fitting[key][number] for key in alike for number, one in enumerate(claims[key])}
        key_of = {id(one): key for key, of_key in claims.items() for one in of_key}
        return self._assigned(lambda one: [taken[id(one)]] if id(one) in taken else fitting[key_of[id(one)]])


def _named(answer: LoggedAnswer) -> str:
    if answer.id:
        return f"id {answer.id!r}"
    if answer.audio:
        return f"audio {answer.audio[0]!r}"
    return f"the answer to {answer.references[0]!r}" if answer.references else "the answer"


def _core(text: str) -> str:
    """Return a text's letters and digits."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _same_question(answer: LoggedAnswer, sample: Sample) -> bool:
    """Whether an answer's question holds the sample's; true where either names none."""
    return not answer.question or not sample.question or _core(sample.question) in _core(answer.question)


def _components(path: str) -> list[str]:
    """Return the parts of a path or URL, from either system, the last without its suffix."""
    if "://" in path:
        path = path.partition("?")[0]
    parts = [part for part in path.replace("\\", "/").split("/") if part]
    stem, dot, _ = parts[-1].rpartition(".") if parts else ("", "", "")
    return [*parts[:-1], stem if dot and stem else parts[-1]] if parts else [""]


def _shared_end(paths: tuple[str, ...], sample: Sample) -> int:
    """Return how many parts, from their ends, the paths of an answer's and a sample's first clip share."""
    if not sample.audio:
        return 0
    named, own = (_components(path)[::-1] for path in (paths[0], sample.audio[0].path.as_posix()))
    return next((n for n, (a, b) in enumerate(zip(named, own, strict=False)) if a != b), min(len(named), len(own)))
