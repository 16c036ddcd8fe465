"""What can be had without a model to speak of: a linear classifier of MFCC statistics, trained on a task's train split.

Features are those of `models.baseline.features`; scikit-learn makes them of mean 0 and variance 1 and fits a logistic
regression (L2, C = 1, solver lbfgs), which draws nothing at random. Only features are kept in memory, so that a train
split may be of any length; none are kept on disk, a broken-off run learns anew before it goes on.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.audio import load_waveform
from evaluate.digests import corpus_fingerprint
from evaluate.errors import CorpusError, ModelLoadError, RequestError
from evaluate.progress import progress_bar
from evaluate.task import Split, Task
from evaluate.types import Request, Sample
from models.baseline.features import RECIPE, SAMPLE_RATE_HZ, clip_features
from models.baseline.floors import Floor, asks_for_letter, say

MAX_ITERATIONS = 2_000
NUM_THREADS = min(8, os.cpu_count() or 1)
_AT_ONCE = 256  # clips under way or waiting to be collected


class Mfcc(Floor):
    """Learns a split's labels from its task's train split.

    Args:
        name: As it stands in messages.
        train_split: To learn from; "": the one that the task names.
    """

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, name: str, train_split: str) -> None:
        self._name = name
        self._asked_split = train_split
        self._train: Split | None = None
        self._title = ""  # of what it learns from
        self._fingerprint = ""
        self._learned: str | None = None  # fingerprint of what the classifier has learned from
        self._classifier: Any = None
        self._facts: dict[str, Any] = {}
        self.remarks: list[str] = []
        self._is_letter = False

    def identity(self) -> dict[str, Any]:
        train = self._train.name if self._train else ""
        return {"revision": RECIPE, "train_split": train, "train_fingerprint": self._fingerprint}

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        if task.kind != "classification" or not all(sample.choices for sample in asked):
            return f"it learns the labels of a classification, and this is {task.kind} without a label set"
        if len({sample.choices for sample in asked}) > 1 or any(sample.question for sample in asked):
            return "each sample asks something of its own, and it learns one set of labels"
        if any(len(sample.references) != 1 or not sample.references[0] for sample in asked):
            return "it learns one label for each sample, and here there may be several or none"
        wanted = self._asked_split or task.train_split_of(task.default_splits[0])
        if wanted not in (here := task.present_splits()):
            return (
                f"it learns from the split {wanted!r}, which is not here ({_listed(here)}); get it, or name another "
                "with --model-arg train_split=NAME"
            )
        try:
            task.read_split(wanted)
        except RequestError as error:
            return f"it learns from the split {wanted!r}: {error}"
        return None

    def load(self) -> None:
        try:
            import sklearn.linear_model  # noqa: F401
        except ImportError as error:
            raise ModelLoadError(
                f'{self._name} needs scikit-learn, which is not installed; pip install "otoscope[mfcc]"'
            ) from error

    def begin(self, task: Task, split: Split) -> None:
        """Read the lists of the train split; its audio is looked at only to tell it from other audio.

        Raises:
            RequestError: It is the split under evaluation, or shares clips with it, or cannot be learned from.
        """
        name = self._asked_split or task.train_split_of(split.asks_as)
        self._title = f"{task.name}:{name}"
        self._is_letter = asks_for_letter(task)
        if name == split.name:
            raise RequestError(
                f"{self._name} would learn from {self._title}, the split under evaluation; evaluate another, or name "
                "one to learn from with --model-arg train_split=NAME"
            )
        self._train = task.read_split(name)
        self._check_labels(self._train.samples, split.samples)
        self._check_clips(self._train.samples, split)
        self._fingerprint = corpus_fingerprint(self._train.samples)

    def prepare(self) -> dict[str, Any]:
        """Learn, unless that is what has been learned already; say what could not be read.

        Raises:
            CorpusError: Of fewer than two labels a clip could be read.
        """
        assert self._train is not None, "begin() comes first"
        if self._learned != self._fingerprint:
            text = self._train.coverage.describe()
            self.remarks = [f"PARTIAL: learns from {self._title}: {text}"] if text else []
            self._facts = self._learn(self._train.samples)
            self._learned = self._fingerprint
        return self._facts

    def answer(self, request: Request) -> str:
        features = clip_features(np.concatenate(request.waveforms))
        label = str(self._classifier.predict(features[None])[0])
        return say(label, request.sample, is_letter=self._is_letter)

    def _check_labels(self, train: Sequence[Sample], evaluated: Sequence[Sample]) -> None:
        if any(sample.choices != evaluated[0].choices for sample in train):
            raise RequestError(f"{self._name}: {self._title} has other labels than the split under evaluation")
        for sample in train:
            if len(sample.references) != 1 or not sample.references[0]:
                raise RequestError(
                    f"{self._name}: {self._title}: sample {sample.id!r} has {len(sample.references)} labels, "
                    "expected one"
                )
        if len({sample.references for sample in train}) < 2:
            raise RequestError(f"{self._name}: {self._title} has one label only, there is nothing to learn")

    def _check_clips(self, train: Sequence[Sample], split: Split) -> None:
        """Raise where a clip is in both splits: what was learned by heart is no floor."""
        evaluated = {clip for sample in split.samples for clip in _clips(sample)}
        both = [sample.id for sample in train if not evaluated.isdisjoint(_clips(sample))]
        if both:
            raise RequestError(
                f"{self._name}: {len(both)} of the {len(train)} samples of {self._title} are clips of {split.name} too "
                f"(first {both[0]!r}), the split under evaluation; name splits that share none"
            )

    def _learn(self, samples: Sequence[Sample]) -> dict[str, Any]:
        features = np.zeros((len(samples), len(clip_features(np.zeros(1, np.float32)))), np.float32)
        failed: list[str] = []
        with progress_bar(f"{self._name} learns from {self._title}", num_samples=len(samples)) as advance:
            for row, found in enumerate(_features(samples)):
                if isinstance(found, Exception):
                    failed.append(f"{samples[row].id!r}: {found}")
                    features[row] = np.nan
                else:
                    features[row], seconds = found
                advance(1, 0.0 if isinstance(found, Exception) else seconds)
        is_known = ~np.isnan(features[:, 0])
        labels = np.array([sample.references[0] for sample in samples])[is_known]
        if failed:
            self.remarks.append(
                f"{len(failed)} of {len(samples)} clips of {self._title} were not read, first {failed[0]}"
            )
        if len(set(labels)) < 2:
            raise CorpusError(
                f"{self._name}: of {self._title} clips of {len(set(labels))} labels could be read, expected 2 or more"
                + (f"; {len(failed)} were not, first {failed[0]}" if failed else "")
            )
        self._classifier = _fit(features[is_known], labels)
        num_iterations = int(self._classifier[-1].n_iter_.max())
        if num_iterations >= MAX_ITERATIONS:
            self.remarks.append(f"learning from {self._title} was stopped after {num_iterations} iterations")
        return {
            "train_split": self._title,
            "num_samples": len(samples),
            "num_failed": len(failed),
            "num_labels": len(set(labels)),
            "num_iterations": num_iterations,
        }


def _fit(features: NDArray[np.float32], labels: NDArray[np.str_]) -> Any:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # whoever runs it is told in one line
        return classifier.fit(features.astype(np.float64), labels)


def _features(samples: Sequence[Sample]) -> Iterator[tuple[NDArray[np.float32], float] | Exception]:
    """Yield features and seconds of each sample in order, or what its audio made a library throw."""
    pool = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="learn")
    try:
        for start in range(0, len(samples), _AT_ONCE):
            yield from pool.map(_features_of, samples[start : start + _AT_ONCE])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _features_of(sample: Sample) -> tuple[NDArray[np.float32], float] | Exception:
    try:
        waveform = np.concatenate([load_waveform(ref, sample_rate_hz=SAMPLE_RATE_HZ) for ref in sample.audio])
        return clip_features(waveform), len(waveform) / SAMPLE_RATE_HZ
    except Exception as error:  # whatever a decoder throws at a broken file: the sample is left out, and counted
        return error


def _clips(sample: Sample) -> Iterator[tuple[str, float, float | None]]:
    return ((str(ref.path.resolve()), ref.start_s, ref.duration_s) for ref in sample.audio)


def _listed(splits: Sequence[str]) -> str:
    return f"splits here: {', '.join(splits)}" if splits else "no split is"
