"""One exchange with a judge about one answer: the question, replies without a score that are asked about, the end."""

from collections.abc import Sequence
from dataclasses import asdict

from evaluate.digests import digest
from evaluate.judging.log import Reply
from evaluate.judging.rubric import Rubric, Shown
from evaluate.metrics.base import Judged, Judgement
from evaluate.types import Failure, Sample, Turn

MAX_ASKED = 3  # how often one judgement is asked for, the first time included


class Conversation:
    """What a judge is asked about a sample in one order, until its reply holds a score.

    Args:
        item: The sample, with an answer.
        order: For a pair, 0 with the reference first and 1 with it last; else 0.
        prompt: What is asked first.
        rubric: By which it is read.
    """

    def __init__(self, item: Judged, order: int, prompt: str, rubric: Rubric) -> None:
        self.sample_id = item.sample_id
        self.order = order
        self.num_asked = 1
        self.scores: tuple[float, ...] | None = None  # as the judge gave them: of the first answer, of the second
        self.failure: Failure | None = None
        self.replies: list[Reply] = []
        self._rubric = rubric
        self.question = _question((), prompt)

    @property
    def is_open(self) -> bool:
        """Whether a reply to `question` is waited for."""
        return self.scores is None and self.failure is None and self.num_asked <= MAX_ASKED

    def hear(self, reply: Reply) -> None:
        """Take a reply: it ends the conversation with a score, or is asked about."""
        self.replies.append(reply)
        if not reply.truncated:  # or its last number may be the first half of one
            self.scores = self._rubric.read(reply.text)
        if self.scores is None:
            self.num_asked += 1
            if reply.truncated and self.num_asked > MAX_ASKED:
                reason = "its reply ended at the token limit before a score; --judge-gen max_new_tokens=N raises it"
                self.fail(Failure("JudgeCutOff", reason))
            said = (Turn("user", self.question.prompt), Turn("assistant", reply.text or "…"))  # some take no empty turn
            self.question = _question((*self.question.turns, *said), self._rubric.follow_up)

    def fail(self, failure: Failure) -> None:
        """End it: there is no reply."""
        self.failure = failure

    @property
    def own_and_reference(self) -> tuple[float, ...] | None:
        """The score of the model's answer and, of a pair, that of the reference."""
        return self.scores[::-1] if self.scores and self._rubric.is_pairwise and self.order == 0 else self.scores


def _question(turns: tuple[Turn, ...], prompt: str) -> Sample:
    """Return a question as a sample; its id is a hash of all that is shown."""
    key = digest([[asdict(turn) for turn in turns], prompt])
    return Sample(key, (), prompt, ("",), kind="chat", language="en", question=prompt, turns=turns)


def begin_conversations(items: Sequence[Judged], rubric: Rubric) -> list[Conversation]:
    """Return the conversations about samples, all orders of one sample after each other."""
    return [
        Conversation(item, order, prompt, rubric)
        for item in items
        for order, prompt in enumerate(rubric.prompts(_shown(item)))
    ]


def judgements_of(conversations: Sequence[Conversation], rubric: Rubric) -> list[Judgement]:
    """Return what ended conversations say of each sample; those that are open say nothing."""
    size = rubric.num_orders
    return [_judgement(conversations[start : start + size]) for start in range(0, len(conversations), size)]


def _judgement(orders: Sequence[Conversation]) -> Judgement:
    failure = next((one.failure for one in orders if one.failure), None)
    num_asked = sum(min(one.num_asked, MAX_ASKED) for one in orders)
    scores = tuple(pair for one in orders if (pair := one.own_and_reference))
    if failure or len(scores) < len(orders):
        return Judgement(None, failure=failure, num_asked=num_asked)
    return Judgement(sum(pair[0] for pair in scores) / len(scores), scores, num_asked=num_asked)


def _shown(item: Judged) -> Shown:
    turns = [f"{turn.role}: {turn.text}" for turn in item.turns]
    asked = item.question or item.source_text  # what is asked aloud alone
    question = "\n\n".join([*turns, f"user: {asked}"]) if turns else asked
    return Shown(question, item.answer or "", item.references, item.context)
