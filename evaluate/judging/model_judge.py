"""A judge that is a model: any that `--model` can name and that answers text.

It is asked in batches, greedily unless told otherwise, and never hears anything. A reply without a score is answered
with what was wrong and asked again, at most twice: the same question, word for word, would get the same reply. Retries
of calls that a network broke are the model's own. A call that fails in the end leaves no judgement, and no score.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluate.digests import digest
from evaluate.errors import MachineError, ModelOutputError, RequestError
from evaluate.judging.agreement import agreement_of
from evaluate.judging.conversation import MAX_ASKED, Conversation, begin_conversations, judgements_of
from evaluate.judging.log import ReplyLog
from evaluate.judging.rubric import Rubric
from evaluate.lines import one_line
from evaluate.metrics.base import Judged, Judgement
from evaluate.model import ModelAdapter
from evaluate.progress import progress_bar
from evaluate.runner import is_out_of_memory
from evaluate.secrets import hide_secrets, without_secrets
from evaluate.task import Coverage, Split, Task
from evaluate.types import Failure, GenerationOptions, Notice, Output, Request, Sample

MAX_NEW_TOKENS = 1024  # room for the thoughts of a model that thinks aloud
BATCH_SIZE = 32  # questions at once: a server has many under way, and a kill loses no more than these
GIVE_UP_AFTER = 32  # calls that fail in a row: no server there, or no key; asking on would only take time


class _Judging(Task):
    """What a judge is asked, as a task, so that a model can say that it is not for it."""

    name, version, kind, language = "judging", "1", "chat", "en"
    splits = default_splits = ("answers",)
    metrics = ("judge",)
    prompt = "{question}"

    def read_split(self, split: str) -> Split:
        raise NotImplementedError("what is judged is in a run, not in a corpus")


class ModelJudge:
    """A model as a judge.

    Args:
        model: Not yet loaded; it is, once, when there is something to ask.
        arguments: Its settings as typed, for the record; secrets are left out.
        generation: Options other than greedy decoding of at most `MAX_NEW_TOKENS`.
        notice: Gets what people should know, a line at a time; None: nobody.

    Raises:
        RequestError: The model cannot answer text, or not so.
    """

    def __init__(
        self,
        model: ModelAdapter,
        *,
        arguments: Mapping[str, str] | None = None,
        generation: Mapping[str, Any] | None = None,
        notice: Notice | None = None,
    ) -> None:
        self.name = model.name
        self._model = model
        self._arguments = without_secrets(arguments or {})
        self._notice = notice or _nobody
        self._options = GenerationOptions(**{"max_new_tokens": MAX_NEW_TOKENS, **(generation or {})})
        self._log = ReplyLog()
        self._is_loaded = False
        self._heard: list[Conversation] = []
        self._gone: Failure | None = None  # why it will answer nothing any more
        self._batch_size = BATCH_SIZE
        task, first = _Judging(Path()), Sample("0", (), "How good is this answer?", ("",), kind="chat", language="en")
        if reason := model.refusal(task, [first]):
            raise RequestError(f"{model.name} cannot judge: {reason}; name a model that answers text")
        if reason := model.option_refusal(self._options):
            raise RequestError(f"{model.name} cannot judge so: it {reason}")
        model.begin(task, Split("answers", (first,), Coverage(1, 1)), [first])

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What determines its replies besides what it is shown."""
        source = {"source": self._model.source_hash} if self._model.source_hash else {}
        neutral = self._model.neutral_settings  # as timeouts: another one is no other judge
        return {
            "name": self.name,
            **self._model.identity(),
            **source,
            "arguments": {name: value for name, value in self._arguments.items() if name not in neutral},
            "generation": asdict(self._options),
        }

    @cached_property
    def id(self) -> str:
        """A hash of that: what tells judges apart."""
        return digest({**self.facts, "generation": self._options.chosen()})[:12]

    def keep_replies(self, path: Path | None) -> None:
        """Look for replies in a file before asking, and add to it; None: in memory."""
        self._log = ReplyLog(path)

    def judge(self, items: Sequence[Judged], rubric: Rubric) -> list[Judgement]:
        """Return a judgement of each sample, all of which have an answer."""
        conversations = begin_conversations(items, rubric)
        for _ in range(MAX_ASKED):
            self._follow(conversations, self.id)
            waiting = [one for one in conversations if one.is_open]
            failures = self._ask(waiting, rubric) if waiting else {}
            for one in waiting:
                if failure := failures.get(one.question.id):
                    one.fail(failure)
        self._follow(conversations, self.id)
        self._heard = conversations
        return judgements_of(conversations, rubric)

    def said(self) -> dict[str, Any]:
        """Return what a server said with the replies to the last call of `judge`: which models it is, and the usage."""
        replies = {id(reply): reply for one in self._heard for reply in one.replies}.values()  # one may serve several
        models = sorted({reply.details["model"] for reply in replies if "model" in reply.details})
        usage: dict[str, float] = {}
        for reply in replies:
            for what, amount in reply.usage.items():
                usage[what] = usage.get(what, 0.0) + amount
        return {"judge_models": models, "judge_usage": usage}

    def agreement(
        self, items: Sequence[Judged], judgements: Sequence[Judgement], rubric: Rubric
    ) -> list[dict[str, Any]]:
        """Return how far other judges agree that judged the same answers by the same rubric before."""
        found = []
        for judge_id, name in self._log.judges.items():
            if judge_id == self.id:
                continue
            conversations = begin_conversations(items, rubric)
            self._follow(conversations, judge_id)
            both = zip(judgements, judgements_of(conversations, rubric), strict=True)
            pairs = [
                (own.score, other.score) for own, other in both if own.score is not None and other.score is not None
            ]
            if pairs:
                found.append({"judge": name, "judge_id": judge_id, **agreement_of(pairs)})
        return found

    def _follow(self, conversations: Sequence[Conversation], judge_id: str) -> None:
        """Let conversations go as far as the log knows the replies."""
        for one in conversations:
            while one.is_open and (reply := self._log.find(judge_id, one.question.id)):
                one.hear(reply)

    def _ask(self, conversations: Sequence[Conversation], rubric: Rubric) -> dict[str, Failure]:
        """Ask the questions of conversations, log the replies, and return why there are none, by question."""
        if not self._is_loaded and not self._gone:
            self._load()
        about = {one.question.id: one for one in conversations}  # equal answers to equal questions are judged once
        rest = [one.question for one in about.values()]
        failures: dict[str, Failure] = {}
        num_in_a_row = 0
        with progress_bar(f"{self.name} judges", num_samples=len(rest)) as advance:
            while rest and num_in_a_row < GIVE_UP_AFTER:
                batch, rest = rest[: self._batch_size], rest[self._batch_size :]
                of_batch = self._put(batch, lambda output: self._line(about[output.sample_id], output, rubric))
                for question in batch:
                    num_in_a_row = num_in_a_row + 1 if question.id in of_batch else 0
                failures |= of_batch
                advance(len(batch), 0.0)
        if rest:
            last = list(failures.values())[-1]
            reason = f"not asked, since what was asked before had failed: {last.message}"
            failures |= {question.id: Failure(last.type, reason) for question in rest}
        return failures

    def _load(self) -> None:
        """Load the model; one that cannot be had must not end an evaluation of other tasks."""
        try:
            self._model.load()
        except MachineError as error:
            self._gone = _failure(error)
            return
        self._is_loaded = True
        for remark in self._model.remarks():
            self._notice(f"NOTE: judge {self.name}: {remark}")

    def _put(self, batch: Sequence[Sample], line: Callable[[Output], dict[str, Any]]) -> dict[str, Failure]:
        """Put questions to the model, log what comes, and return why the others have no reply.

        What breaks the whole call is halved until the question at fault stands alone, as the runner does it; what came
        before is kept, since it may have been paid for.
        """
        if self._gone:
            return {question.id: self._gone for question in batch}
        asked, found = {question.id for question in batch}, dict[str, Output]()
        failure = Failure(ModelOutputError.__name__, "the judge returned nothing for this question")
        is_broken = out_of_memory = False
        outputs: Iterable[Output] = ()
        try:
            outputs = self._model.generate([Request(question, ()) for question in batch], self._options)
            for output in outputs:
                if output.sample_id in found or output.sample_id not in asked:
                    found.clear()  # replies may stand with the wrong questions
                    raise ModelOutputError(
                        "the judge's replies do not fit the questions: one is of none, or the second"
                    )
                found[output.sample_id] = output
                if self._model.answers_singly and output.error is None:
                    self._log.append([line(output)])
        except Exception as error:  # any model, any fault: that there is no judgement is said, not guessed
            failure = _failure(error)
            is_broken, out_of_memory = True, is_out_of_memory(error)
            if isinstance(error, MachineError):  # a server that is gone answers no other question either
                self._gone = failure
        finally:  # also where somebody stops it
            if isinstance(outputs, Generator):
                outputs.close()  # what it has under way ends now, not when it is collected
            if not self._model.answers_singly:
                self._log.append(line(output) for output in found.values() if output.error is None)
        failures = {key: output.error for key, output in found.items() if output.error}
        left = [question for question in batch if question.id not in found]
        if out_of_memory:
            self._model.release_memory()
            self._batch_size = max(1, len(batch) // 2)
        if not is_broken or self._gone or len(left) <= 1:
            return failures | {question.id: failure for question in left}
        for part in (left[: len(left) // 2], left[len(left) // 2 :]):
            failures |= self._put(part, line)
        return failures

    def _line(self, conversation: Conversation, output: Output, rubric: Rubric) -> dict[str, Any]:
        return {
            "key": output.sample_id,
            "judge_id": self.id,
            "judge": self.name,
            "rubric": rubric.title,
            "sample": conversation.sample_id,
            "order": conversation.order,
            "prompt": conversation.question.prompt,
            "reply": output.text,
            "truncated": output.truncated,
            "usage": dict(output.usage),
            "details": dict(output.details),
        }


def _failure(error: Exception) -> Failure:
    return Failure(type(error).__name__, one_line(hide_secrets(str(error))) or "no message")


def _nobody(line: str) -> None:
    """Tell nobody."""


def create_judge(
    spec: str, *, arguments: Mapping[str, str], generation: Mapping[str, Any], notice: Notice
) -> ModelJudge:
    """Return the judge that a command names; nothing large is loaded.

    Args:
        spec: A model spec.
        arguments: The model's own settings, as typed.
        generation: Options of `GenerationOptions`.
        notice: Gets what people should know, a line at a time.

    Raises:
        RequestError: There is no such model or setting, or it cannot answer text.
    """
    from models import create_model

    try:
        model = create_model(spec, device="auto", dtype="auto", arguments=arguments)
        return ModelJudge(model, arguments=arguments, generation=generation, notice=notice)
    except RequestError as error:
        raise type(error)(f"--judge: {error}") from error
