"""Stage 3: training, by the loss of the answers and that of the spelling."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from evaluate.digests import digest
from evaluate.errors import RequestError
from models.nano.training.batches import Prepared, batch_plan, make_batch
from models.nano.training.features import Features
from models.nano.training.learner import Learner
from models.qwen_audio.config import QwenAudioConfig
from models.qwen_audio.model import QwenAudioModel
from models.qwen_audio.tokenizer import QwenTokenizer

SEED = 1
PEAK_RATE, FIRST_SHARE, WEIGHT_DECAY = 2e-3, 0.05, 0.05  # of AdamW; the share of steps in which the rate grows
CLIP_NORM = 1.0
CTC_WEIGHT = 0.5  # against the loss of the answers
SAVE_EVERY = 200  # steps
STATE = "state.pt"


def fit(
    folder: Path, config: QwenAudioConfig, tokenizer: QwenTokenizer, prepared: Sequence[Prepared], *, num_epochs: int
) -> QwenAudioModel:
    """Train from the beginning, or from where an earlier training in the folder was left.

    Args:
        folder: With the features; gets the state of the training.
        config: Shape of the model.
        tokenizer: Of the model.
        prepared: The lessons of all clips.
        num_epochs: How often each clip is heard.
    """
    torch.manual_seed(SEED)
    features = Features(folder)
    learner = Learner(config, tokenizer)
    plan = [clips for epoch in range(num_epochs) for clips in batch_plan(features, seed=SEED, epoch=epoch)]
    optimizer = torch.optim.AdamW(_groups(learner), lr=PEAK_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=len(plan), pct_start=FIRST_SHARE, cycle_momentum=False
    )
    state = folder / STATE
    settings = [SEED, PEAK_RATE, FIRST_SHARE, WEIGHT_DECAY, CLIP_NORM, CTC_WEIGHT]
    made_of = digest([features.source, plan, asdict(config), [asdict(one) for one in prepared], settings])
    first = _resume(state, made_of, learner, optimizer, schedule)
    with _progress(len(plan), first) as show:
        for step in range(first, len(plan)):
            rng = np.random.default_rng([SEED, step])
            batch = make_batch(tokenizer, features, prepared, plan[step], rng)
            # Attention written out: on a CPU the fused one takes half as long again, going back.
            with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", torch.bfloat16, enabled=_has_bfloat16()):
                answers, spelling = learner(batch)
            optimizer.zero_grad(set_to_none=True)
            (answers + CTC_WEIGHT * spelling).backward()
            nn.utils.clip_grad_norm_(learner.parameters(), CLIP_NORM, error_if_nonfinite=True)
            optimizer.step()
            schedule.step()
            show(answers.item(), spelling.item())
            if (step + 1) % SAVE_EVERY == 0:
                _save(state, made_of, step + 1, learner, optimizer, schedule)
    learner.model.requires_grad_(False).eval()
    return learner.model


def _groups(learner: Learner) -> list[dict[str, object]]:
    """Return the parameters in two groups: matrices decay, norms, biases and embeddings do not."""
    embeddings = {id(module.weight) for module in learner.modules() if isinstance(module, nn.Embedding)}
    decaying = [one for one in learner.parameters() if one.dim() > 1 and id(one) not in embeddings]
    others = [one for one in learner.parameters() if one.dim() <= 1 or id(one) in embeddings]
    return [{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]


def _save(path: Path, made_of: str, step: int, *parts: Any) -> None:
    unfinished = path.with_suffix(".part")
    torch.save({"made_of": made_of, "step": step, "parts": [part.state_dict() for part in parts]}, unfinished)
    unfinished.replace(path)


def _resume(path: Path, made_of: str, *parts: Any) -> int:
    """Load an interrupted training's state; return the step that it goes on with.

    Raises:
        RequestError: The state is of other clips, or of other settings.
    """
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    if state["made_of"] != made_of:
        raise RequestError(f"{path}: an unfinished training on other clips or settings; remove it to start anew")
    for part, saved in zip(parts, state["parts"], strict=True):
        part.load_state_dict(saved)
    return int(state["step"])


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself: elsewhere it would be slower than float32."""
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch has no such function
    return bool(found.get("avx512_bf16") or found.get("amx_bf16") or found.get("bf16"))


@contextmanager
def _progress(num_steps: int, first: int) -> Iterator[Callable[[float, float], None]]:
    """Show a bar, and the two losses as means over the last steps."""
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[answers]:.3f}, spelling {task.fields[spelling]:.3f}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task("", total=num_steps, completed=first, answers=float("nan"), spelling=float("nan"))
        recent: deque[tuple[float, float]] = deque(maxlen=50)

        def show(answers: float, spelling: float) -> None:
            recent.append((answers, spelling))
            means = [sum(column) / len(recent) for column in zip(*recent, strict=True)]
            bars.update(bar, advance=1, answers=means[0], spelling=means[1])
            if len(recent) == recent.maxlen and bars.tasks[bar].completed % 100 == 0 and not bars.console.is_terminal:
                bars.console.print(
                    f"step {bars.tasks[bar].completed:.0f}: loss {means[0]:.3f}, spelling {means[1]:.3f}"
                )

        yield show
