"""Chat: conversations about any number of clips, from a list of one's own; the last turn is answered.

    {"id": "c-1", "turns": [
        {"role": "user", "text": "What is this?", "audio": "clips/kettle.wav"},
        {"role": "assistant", "text": "A kettle."},
        {"role": "user", "text": "And which of these two is louder?", "audio": ["clips/a.wav", "clips/b.wav"]}],
     "references": ["The first one."], "context": "the first clip is a kettle, whistling; …"}

The `context` is optional: it tells the judge, who hears nothing, what the clips hold. What was answered before stands
in the list, so that all models are asked the same. A line may be a single question too, with `question` and `audio`.
Read from `chat_eval.jsonl` in the data folder or in its `chat/`, or with --manifest.
"""

from evaluate.corpus import CorpusRows
from evaluate.corpus_task import CorpusTask


class Chat(CorpusTask):
    """The judge's score."""

    name, version, kind = "chat", "1", "chat"
    description = "conversations of several turns and clips, from a list"
    source = "a list of one's own"
    splits = ("test",)
    default_splits = splits
    metrics = ("judge",)
    prompt = "{question}"
    top_folders = ("chat",)
    evaluation_lists = ("chat_eval.jsonl",)

    def corpus_splits(self) -> tuple[str, ...]:
        return ()

    def read_corpus(self, split: str) -> CorpusRows:
        raise self.not_here(split, "there is no corpus of it")
