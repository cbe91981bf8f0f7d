"""The order of the training rows, in batches; a mixture of tasks has an order of its own (`splits/mixtures.py`)."""

from __future__ import annotations

from collections.abc import Iterator

from tuition.base.seeds import named_random


def epoch_batches(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of positions without end: each epoch is reshuffled from a named seed; its last batch is smaller."""
    epoch = 0
    while True:
        order = list(range(count))
        named_random("order", seed, epoch).shuffle(order)
        yield from (order[start : start + size] for start in range(0, count, size))
        epoch += 1
