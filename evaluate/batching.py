"""Which samples go to the model together: longest first, as many as a budget of padded audio seconds holds."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
MAX_BATCH_SIZE = 512  # clips that cost next to nothing should still reach the log now and then


class BatchPlanner(Generic[Item]):
    """Hands out batches of items of like length.

    Longest first: what does not fit into memory shows at once, and the remaining time shrinks steadily. A batch costs
    its longest clip times its size, since shorter clips are padded to the longest.

    Clips that cost the same, as all do that Whisper pads to its window, are still ordered by their own length: a batch
    is decoded until its longest answer ends, and a longer clip most often has the longer answer.

    Args:
        items: What goes to the model, in any order; equal durations keep their order.
        seconds: Returns how long an item lasts, in seconds.
        max_batch_seconds: Budget of padded audio seconds per batch. A clip that is longer goes alone.
        padded_seconds: What a clip of some duration costs by itself, see `ModelAdapter.padded_seconds`.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        seconds: Callable[[Item], float],
        max_batch_seconds: float,
        padded_seconds: Callable[[float], float],
    ) -> None:
        by_length = sorted(items, key=lambda item: -seconds(item))
        self._queue = deque(sorted(by_length, key=lambda item: -padded_seconds(seconds(item))))
        self._seconds = seconds
        self._padded_seconds = padded_seconds
        self._budget = max_batch_seconds

    def next_batch(self) -> list[Item]:
        """Return the next batch, empty when all are handed out."""
        if not self._queue:
            return []
        batch = [self._queue.popleft()]
        longest = self._padded_seconds(self._seconds(batch[0]))
        while self._queue and longest * (len(batch) + 1) <= self._budget and len(batch) < MAX_BATCH_SIZE:
            batch.append(self._queue.popleft())
        return batch

    def fits(self, durations: Sequence[float]) -> bool:
        """Whether clips of these durations, in seconds, may go together; one clip always may."""
        return len(durations) <= 1 or self._padded_seconds(max(durations)) * len(durations) <= self._budget

    def halve_budget(self, durations: Sequence[float]) -> None:
        """Plan at most half of what clips of these durations cost together: they did not fit into memory."""
        self._budget = min(self._budget, self._padded_seconds(max(durations)) * len(durations) / 2)
