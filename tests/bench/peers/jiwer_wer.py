"""Bare jiwer: the word error rate, without an interval."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jiwer
from answering import serve


def prepare(task: Any) -> Callable[[], object]:
    references, hypotheses = json.loads(Path(task["pairs"]).read_text(encoding="utf-8"))
    return partial(jiwer.wer, references, hypotheses)


serve(["jiwer"], prepare)
