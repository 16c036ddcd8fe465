"""pycocoevalcap: CIDEr-D behind its Java tokeniser, without an interval."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from answering import serve
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer


def prepare(task: Any) -> Callable[[], object]:
    references, captions = json.loads(Path(task["captions"]).read_text(encoding="utf-8"))

    def score() -> float:
        tokenizer = PTBTokenizer()
        truth = tokenizer.tokenize({k: [{"caption": text} for text in of] for k, of in enumerate(references)})
        said = tokenizer.tokenize({k: [{"caption": text}] for k, text in enumerate(captions)})
        return float(Cider().compute_score(truth, said)[0])

    return score


serve(["pycocoevalcap"], prepare)
