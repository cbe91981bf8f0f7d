"""Rows in an order in which every beginning has its labels in the shares of the whole."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from tuition.splits.content import content_key
from tuition.tasks.types import Instance


def balanced(rows: Sequence[Instance]) -> tuple[Instance, ...]:
    """Return the same rows so that the first n hold each label in its share of all rows, off by less than one row.

    A row's label is its main output, alike by `content_key`. Rows of one label keep their order, and of labels due at
    the same place the one that stands first in `rows` comes first; so nested budgets are each as balanced as can be.
    """
    groups: dict[str, list[Instance]] = {}
    for row in rows:
        groups.setdefault(content_key(row.outputs[0]) if row.outputs else "", []).append(row)
    labels = [iter(group) for group in groups.values()]
    return tuple(next(labels[label]) for label in chairs([len(group) for group in groups.values()]))


def chairs(sizes: Sequence[int]) -> list[int]:
    """Order the indices of `sizes`, each as often as its size, so that every beginning is near the shares.

    This is Tijdeman's algorithm for the chairman assignment problem (Discrete Mathematics 32, 1980): with m indices of
    shares s, each stands |taken - n * s| <= 1 - 1/(2m - 2) times in the first n, and no bound below that can be kept
    for all sizes. The j-th place of an index has a first and a last position; the one due earliest is taken.

    Args:
        sizes: how often each index stands, 1 or more.

    Examples:
        >>> chairs([2, 1])
        [0, 1, 0]
    """
    if len(sizes) < 2:
        return [0] * sum(sizes)
    total, slack = sum(sizes), 2 * len(sizes) - 2

    def window(index: int, turn: int) -> tuple[int, int]:
        """Return the first and last position (from 1) of an index's turn-th place (from 1), in whole numbers."""
        scaled, size = total, slack * sizes[index]
        first = -(-((turn - 1) * slack + 1) * scaled // size)
        last = (turn * slack - 1) * scaled // size + 1
        return first, last

    waiting = [(*window(index, 1), index, 1) for index in range(len(sizes))]
    heapq.heapify(waiting)
    ready: list[tuple[int, int, int]] = []
    order: list[int] = []
    for position in range(1, total + 1):
        while waiting and waiting[0][0] <= position:
            _, last, index, turn = heapq.heappop(waiting)
            heapq.heappush(ready, (last, index, turn))
        _, index, turn = heapq.heappop(ready)
        order.append(index)
        if turn < sizes[index]:
            heapq.heappush(waiting, (*window(index, turn + 1), index, turn + 1))
    return order
