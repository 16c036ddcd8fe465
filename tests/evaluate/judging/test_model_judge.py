import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import MetricUnavailableError, ModelLoadError, RequestError, RunDamagedError
from evaluate.judging.conversation import MAX_ASKED
from evaluate.judging.log import Reply, ReplyLog
from evaluate.judging.model_judge import BATCH_SIZE, GIVE_UP_AFTER, ModelJudge
from evaluate.judging.rubric import load_rubric
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, Judgement, MetricSettings
from evaluate.model import ModelAdapter
from evaluate.testing import TextModel
from evaluate.types import Failure, GenerationOptions, Output, Request, Sample, Turn
from models.baseline.adapter import Baseline

ONE, PAIR = load_rubric("quality"), load_rubric("air-bench")
BROKEN = Failure("Timeout", "no answer within 60 s")
Answer = Callable[[Sample], str | Failure | Exception]


def item(answer: str, number: int = 0) -> Judged:
    return Judged(f"s{number}", ("A dog.",), answer, question="What barks?")


def items(count: int) -> list[Judged]:
    return [item(f"answer {number}.", number) for number in range(count)]


def judge_with(answer: Answer, path: Path | None = None, **more: Any) -> tuple[ModelJudge, TextModel]:
    model = TextModel(answer)
    judge = ModelJudge(model, **more)
    judge.keep_replies(path)
    return judge, model


def test_a_judgement_is_the_score_of_one_reply() -> None:
    judge, model = judge_with(lambda sample: "10" if "A dog it is." in sample.prompt else "2")
    found = judge.judge([item("A dog it is."), item("A cat.", 1)], ONE)
    assert [one.score for one in found] == [10, 2]
    assert model.num_loads == 1
    [asked] = model.batches
    assert [(one.audio, one.kind, one.turns) for one in asked] == [((), "chat", ())] * 2


def test_a_judge_reads_what_was_asked_aloud() -> None:
    judge, model = judge_with(lambda sample: "5")
    judge.judge([Judged("x", ("",), "Yes.", source_text="Do it.")], load_rubric("voicebench"))
    [[asked]] = model.batches
    assert "Do it." in asked.prompt


def test_the_score_of_a_pair_is_the_mean_of_both_orders() -> None:
    def first_is_better(sample: Sample) -> str:
        return "9 4" if sample.prompt.index("A dog.") < sample.prompt.index("A cat.") else "8 6"

    judge, _ = judge_with(first_is_better)
    assert judge.judge([item("A cat.")], PAIR) == [Judgement((4 + 8) / 2, ((4, 9), (8, 6)), num_asked=2)]


def test_a_reply_without_a_score_is_asked_about_in_the_same_conversation() -> None:
    replies = iter(["It is good.", "", "7"])
    judge, model = judge_with(lambda sample: next(replies))
    assert judge.judge([item("A cat.")], ONE) == [Judgement(7, ((7,),), num_asked=3)]
    first, second, third = model.asked
    assert second.turns == (Turn("user", first.prompt), Turn("assistant", "It is good."))
    assert second.prompt == third.prompt == ONE.follow_up
    assert third.turns == (*second.turns, Turn("user", ONE.follow_up), Turn("assistant", "…"))


def test_a_judge_that_never_gives_a_score_is_asked_a_bounded_number_of_times(tmp_path: Path) -> None:
    judge, model = judge_with(lambda sample: "Well.", tmp_path / "j.jsonl")
    assert judge.judge([item("A cat.")], ONE) == [Judgement(None, num_asked=MAX_ASKED)]
    assert len(model.asked) == MAX_ASKED
    again, model = judge_with(lambda sample: "7", tmp_path / "j.jsonl")
    assert again.judge([item("A cat.")], ONE) == [Judgement(None, num_asked=MAX_ASKED)]
    assert (model.asked, model.num_loads) == ([], 0)


def test_a_reply_that_the_token_limit_cut_is_no_score() -> None:
    class Cut(TextModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            return [Output(one.sample.id, text="1", truncated=not one.sample.turns) for one in batch]

    judge = ModelJudge(Cut(lambda sample: ""))
    assert judge.judge([item("A cat.")], ONE) == [Judgement(1, ((1,),), num_asked=2)]


def test_replies_are_kept_and_not_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    judge, _ = judge_with(lambda sample: "8 7", path)
    first = judge.judge(items(3), PAIR)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["sample"], line["order"], line["reply"]) for line in lines[:2]] == [
        ("s0", 0, "8 7"),
        ("s0", 1, "8 7"),
    ]
    assert {(line["judge"], line["judge_id"], line["rubric"]) for line in lines} == {
        ("text-model", judge.id, "air-bench@1")
    }
    again, model = judge_with(lambda sample: "1 1", path)
    assert again.judge(items(4), PAIR)[:3] == first
    assert len(model.asked) == 2  # of the fourth sample, in both orders


@pytest.mark.parametrize(
    "change",
    [{"arguments": {"effort": "high"}}, {"generation": {"temperature": 0.5}}, {"generation": {"max_new_tokens": 9}}],
)
def test_another_judge_answer_or_rubric_is_judged_anew(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    judge, _ = judge_with(lambda sample: "8", path)
    judge.judge([item("A cat.")], ONE)
    for other, changed, rubric in (
        ({}, item("A bird."), ONE),
        ({}, Judged("s0", ("A dog.",), "A cat.", question="What barks?", context="A dog barks."), ONE),
        ({}, Judged("s0", ("A dog.",), "A cat.", question="What?", turns=(Turn("user", "Hear!"),)), ONE),
        ({}, item("A cat."), load_rubric("voicebench")),
        (change, item("A cat."), ONE),
    ):
        again, model = judge_with(lambda sample: "5", path, **other)
        again.judge([changed], rubric)
        assert len(model.asked) == 1


def test_another_revision_or_file_is_another_judge_and_a_secret_is_no_part_of_it() -> None:
    class Revised(TextModel):
        def identity(self) -> dict[str, Any]:
            return {"revision": "abc"}

    plain = ModelJudge(TextModel(lambda sample: ""))
    edited = TextModel(lambda sample: "")
    edited.source_hash = "0123"
    with_key = ModelJudge(TextModel(lambda sample: ""), arguments={"api_key": "SECRET", "base_url": "http://u:p@h/v1"})
    assert len({plain.id, ModelJudge(edited).id, ModelJudge(Revised(lambda sample: "")).id}) == 3
    assert with_key.facts["arguments"] == {"base_url": "http://***@h/v1"}
    assert plain.facts["generation"]["max_new_tokens"] == 1024
    assert plain.facts["generation"]["temperature"] == 0


def test_a_call_that_fails_is_no_score_and_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    judge, _ = judge_with(lambda sample: BROKEN if "answer 1." in sample.prompt else "8", path)
    assert [(one.score, one.failure) for one in judge.judge(items(3), ONE)] == [(8, None), (None, BROKEN), (8, None)]
    assert len(path.read_text().splitlines()) == 2
    again, model = judge_with(lambda sample: "9", path)
    assert [one.score for one in again.judge(items(3), ONE)] == [8, 9, 8]
    assert len(model.asked) == 1


def test_one_order_of_a_pair_that_fails_leaves_no_judgement() -> None:
    judge, _ = judge_with(lambda s: BROKEN if s.prompt.index("A dog.") < s.prompt.index("A cat.") else "8 7")
    assert judge.judge([item("A cat.")], PAIR) == [Judgement(None, failure=BROKEN, num_asked=2)]


def test_one_order_of_a_pair_that_cannot_be_read_leaves_no_score() -> None:
    judge, _ = judge_with(
        lambda s: "8 7" if not s.turns and s.prompt.index("A dog.") < s.prompt.index("A cat.") else "x"
    )
    assert judge.judge([item("A cat.")], PAIR) == [Judgement(None, num_asked=1 + MAX_ASKED)]


def test_a_question_that_breaks_the_call_fails_alone(tmp_path: Path) -> None:
    judge, model = judge_with(lambda sample: ValueError("too long") if "answer 5." in sample.prompt else "8")
    found = judge.judge(items(20), ONE)
    assert [number for number, one in enumerate(found) if one.score is None] == [5]
    assert found[5].failure == Failure("ValueError", "too long")
    assert len({sample.id for sample in model.asked}) == 20


def test_a_batch_that_does_not_fit_is_halved_and_the_next_ones_with_it() -> None:
    class Small(TextModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            self.batches.append([one.sample for one in batch])
            if len(batch) > 8:
                raise MemoryError
            return [Output(one.sample.id, text="8") for one in batch]

    model = Small(lambda sample: "")
    assert {one.score for one in ModelJudge(model).judge(items(BATCH_SIZE + 16), ONE)} == {8}
    assert max(map(len, model.batches[-2:])) == 8


def test_a_server_that_is_gone_is_asked_nothing_more_and_what_came_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    judge, model = judge_with(lambda s: ModelLoadError("http://h: gone") if "answer 5." in s.prompt else "8", path)
    found = judge.judge(items(2 * BATCH_SIZE), ONE)
    assert [one.score for one in found[:6]] == [8, 8, 8, 8, 8, None]
    assert {one.failure for one in found[5:]} == {Failure("ModelLoadError", "http://h: gone")}
    assert len(model.batches) == 1
    assert len(path.read_text().splitlines()) == 5
    assert judge.judge([item("more.")], ONE)[0].failure == Failure(
        "ModelLoadError", "http://h: gone"
    )  # of the next split
    assert len(model.batches) == 1


def test_a_judge_that_cannot_be_loaded_has_failed_and_is_not_tried_again() -> None:
    class Missing(TextModel):
        def load(self) -> None:
            super().load()
            raise ModelLoadError("/models/judge: no such folder")

    model = Missing(lambda sample: "8")
    judge = ModelJudge(model)
    for _ in range(2):
        assert [one.failure for one in judge.judge(items(2), ONE)] == [
            Failure("ModelLoadError", "/models/judge: no such folder")
        ] * 2
    assert (model.num_loads, model.asked) == (1, [])


def test_a_judge_that_fails_all_the_time_is_not_asked_to_the_end() -> None:
    judge, model = judge_with(lambda sample: BROKEN)
    found = judge.judge(items(4 * GIVE_UP_AFTER), ONE)
    assert len(model.asked) == GIVE_UP_AFTER
    assert all(one.score is None and one.failure for one in found)
    assert found[-1].failure == Failure(
        "Timeout", "not asked, since what was asked before had failed: no answer within 60 s"
    )


@pytest.mark.parametrize("wrong", ["another", "twice"])
def test_replies_that_do_not_fit_the_questions_are_not_kept(wrong: str, tmp_path: Path) -> None:
    class Confused(TextModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            yield Output(batch[0].sample.id, text="8")
            yield Output(batch[0].sample.id if wrong == "twice" else "x", text="8")

    judge = ModelJudge(Confused(lambda sample: ""))
    judge.keep_replies(tmp_path / "j.jsonl")
    assert {one.failure.type for one in judge.judge(items(3), ONE) if one.failure} == {"ModelOutputError"}
    assert not (tmp_path / "j.jsonl").exists()


def test_a_judge_that_returns_nothing_has_failed() -> None:
    class Silent(TextModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            return []

    [found] = ModelJudge(Silent(lambda sample: "")).judge([item("A cat.")], ONE)
    assert found.failure == Failure("ModelOutputError", "the judge returned nothing for this question")


def test_what_was_said_before_somebody_stopped_it_is_kept(tmp_path: Path) -> None:
    class Stopped(TextModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            yield Output(batch[0].sample.id, text="8")
            raise KeyboardInterrupt

    judge = ModelJudge(Stopped(lambda sample: ""))
    judge.keep_replies(tmp_path / "j.jsonl")
    with pytest.raises(KeyboardInterrupt):
        judge.judge(items(3), ONE)
    assert len((tmp_path / "j.jsonl").read_text().splitlines()) == 1


def test_replies_that_come_one_by_one_are_logged_so(tmp_path: Path) -> None:
    path, lengths = tmp_path / "j.jsonl", []

    class Single(TextModel):
        answers_singly = True

        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            for one in batch:
                lengths.append(len(path.read_text().splitlines()) if path.exists() else 0)
                yield Output(one.sample.id, text="8")

    judge = ModelJudge(Single(lambda sample: ""))
    judge.keep_replies(path)
    judge.judge(items(3), ONE)
    assert (lengths, len(path.read_text().splitlines())) == ([0, 1, 2], 3)


def test_equal_answers_to_equal_questions_are_judged_once() -> None:
    judge, model = judge_with(lambda sample: "8")
    assert [one.score for one in judge.judge([item("A cat.", 1), item("A cat.", 2)], ONE)] == [8, 8]
    assert len(model.asked) == 1


def test_nothing_is_loaded_where_nothing_is_to_judge() -> None:
    judge, model = judge_with(lambda sample: "8")
    assert (judge.judge([], PAIR), model.num_loads) == ([], 0)


def test_a_conversation_is_shown_with_all_its_turns() -> None:
    judge, model = judge_with(lambda sample: "8")
    turns = (Turn("user", "What is this?", 1), Turn("assistant", "A kettle."))
    judge.judge([Judged("1", ("The first.",), "The second.", question="Which is louder?", turns=turns)], ONE)
    [asked] = model.asked
    assert "user: What is this?\n\nassistant: A kettle.\n\nuser: Which is louder?\n[END" in asked.prompt


def test_what_a_server_says_of_itself_and_what_it_took_are_remembered(tmp_path: Path) -> None:
    class Served(TextModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            for one in batch:
                used, said = {"prompt_tokens": 10.0, "cost_usd": 0.5}, {"model": "big-1", "finish_reason": "stop"}
                yield Output(one.sample.id, text="8" if one.sample.turns else "Well.", usage=used, details=said)

        def remarks(self) -> Sequence[str]:
            return ["its key is sent unencrypted"]

    for _ in range(2):
        notices: list[str] = []
        judge = ModelJudge(Served(lambda sample: ""), notice=notices.append)
        judge.keep_replies(tmp_path / "j.jsonl")
        judge.judge([item("A cat.", 1), item("A cat.", 2), item("A bird.", 3)], ONE)
        expected = {"prompt_tokens": 40, "cost_usd": 2.0}  # two questions, each with a follow-up
        assert judge.said() == {"judge_models": ["big-1"], "judge_usage": expected}
    assert notices == []  # the second time nothing was loaded
    judge.judge([item("A third.", 4)], ONE)
    assert notices == ["NOTE: judge text-model: its key is sent unencrypted"]


def test_a_setting_that_bears_on_no_reply_makes_no_other_judge() -> None:
    class Server(TextModel):
        neutral_settings = frozenset({"timeout_s"})

        def option_refusal(self, options: GenerationOptions) -> str | None:
            return "cannot be told num_beams" if options.num_beams > 1 else None

    plain, slow, other = (
        ModelJudge(Server(lambda sample: ""), arguments=arguments)
        for arguments in ({}, {"timeout_s": "9"}, {"system": "x"})
    )
    assert plain.id == slow.id != other.id
    with pytest.raises(RequestError, match="text-model cannot judge so: it cannot be told num_beams"):
        ModelJudge(Server(lambda sample: ""), generation={"num_beams": 2})


def test_a_model_that_cannot_answer_text_is_no_judge() -> None:
    class Deaf(TextModel):
        def refusal(self, task: Any, asked: Sequence[Sample]) -> str | None:
            return f"it does not do {task.kind}"

    with pytest.raises(RequestError, match="text-model cannot judge: it does not do chat; name a model that answers"):
        ModelJudge(Deaf(lambda sample: ""))


def test_any_adapter_may_judge() -> None:
    assert isinstance(Baseline("empty"), ModelAdapter)
    assert ModelJudge(Baseline("empty")).judge([item("A cat.")], ONE)[0].score is None


def test_judges_of_the_same_answers_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    other, _ = judge_with(lambda s: next(str(n + 1) for n in range(4) if f"answer {n}." in s.prompt), path)
    other.judge(items(4), ONE)
    fails = {"arguments": {"a": "b"}}
    mine, _ = judge_with(
        lambda s: BROKEN if "answer 3." in s.prompt else "8" if "answer 0." in s.prompt else "9", path, **fails
    )
    found = mine.judge(items(4), ONE)
    [agreement] = mine.agreement(items(4), found, ONE)
    assert agreement == {
        "judge": "text-model",
        "judge_id": other.id,
        "n": 3,  # (8, 1), (9, 2), (9, 3)
        "pearson": pytest.approx(0.8660254),  # by hand: cov 1/3, standard deviations sqrt(2)/3 and sqrt(2/3)
        "spearman": pytest.approx(0.8660254),
        "mean_absolute_difference": pytest.approx(20 / 3),
        "means": [pytest.approx(26 / 3), 2],
    }
    assert mine.agreement(items(4), found, PAIR) == []


def test_a_torn_last_line_is_cut_off_and_its_question_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    judge_with(lambda sample: "8", path)[0].judge(items(3), ONE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    judge, model = judge_with(lambda sample: "8", path)
    judge.judge(items(3), ONE)
    assert len(model.asked) == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "x",
        '{"key": "a", "judge_id": "b", "judge": "c", "reply": null, "truncated": null}',
        '{"key": "a", "judge_id": "b", "judge": "c", "reply": "8", "truncated": "no"}',
        '{"key": "a", "judge_id": "b", "judge": "c", "reply": "8", "truncated": true, "usage": {"cost_usd": "1"}}',
        '{"key": "a", "judge_id": "b", "judge": "c", "reply": "8", "truncated": true, "details": [1]}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_reply_is_an_error_that_names_it(line: str, tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(RunDamagedError, match=r"judgements\.jsonl:1: is no reply of a judge .*; move the file away"):
        ReplyLog(path)


def test_any_reply_survives_the_log(tmp_path: Path) -> None:
    path, reply = tmp_path / "judgements.jsonl", "a \ud800\u2028\x85\n</script> 🐕"
    line = {"key": "a", "judge_id": "b", "judge": "c", "reply": reply, "truncated": True}
    ReplyLog(path).append([line])
    ReplyLog(path).append([{**line, "key": "d"}])
    assert [ReplyLog(path).find("b", key) for key in "ad"] == [Reply(reply, True)] * 2
    assert ReplyLog(path).find("x", "a") is None


def test_a_judge_that_is_cut_off_each_time_has_not_judged() -> None:
    class Cut(TextModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            for request in batch:
                yield Output(request.sample.id, text="<think>it could be a 7", truncated=True)

    judge = ModelJudge(Cut(lambda sample: ""))
    judge.keep_replies(None)
    [judgement] = judge.judge([item("A cat.")], ONE)
    assert judgement.failure is not None
    assert "--judge-gen max_new_tokens=N raises it" in judgement.failure.message


def test_a_judge_of_which_nothing_can_be_read_gives_no_value() -> None:
    judge, _ = judge_with(lambda sample: "I would rather not say.")
    metric = create_metric("judge", MetricSettings(judge=judge))
    with pytest.raises(MetricUnavailableError, match="no score could be read in any of judge .* replies to 2 answers"):
        metric.rows(items(2))
