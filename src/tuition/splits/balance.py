"""Order rows so that every prefix has the label distribution of all rows."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from tuition.splits.content import content_key
from tuition.tasks.types import Instance


def balanced(rows: Sequence[Instance]) -> tuple[Instance, ...]:
    """Reorder rows so that in the first n each label has its share of all rows, within less than one row.

    A row's label is its main output, normalised by `content_key`. Rows with the same label keep their order; if several
    labels are due at the same position, the one that is first in `rows` comes first. So every nested budget is as
    balanced as possible.
    """
    groups: dict[str, list[Instance]] = {}
    for row in rows:
        groups.setdefault(content_key(row.outputs[0]) if row.outputs else "", []).append(row)
    labels = [iter(group) for group in groups.values()]
    return tuple(next(labels[label]) for label in balanced_order([len(group) for group in groups.values()]))


def balanced_order(sizes: Sequence[int]) -> list[int]:
    """Order the indices of `sizes`, each repeated as often as its size, so that every prefix is near the shares.

    This is Tijdeman's algorithm for the chairman assignment problem (Discrete Mathematics 32, 1980): with m indices of
    shares s, the count of each in the first n satisfies |count - n * s| <= 1 - 1/(2m - 2), and no smaller bound holds
    for all sizes. The j-th occurrence of an index has a first and a last position; the one due earliest comes next.

    Args:
        sizes: how often each index occurs, 1 or more.

    Examples:
        >>> balanced_order([2, 1])
        [0, 1, 0]
    """
    if len(sizes) < 2:
        return [0] * sum(sizes)
    total, slack = sum(sizes), 2 * len(sizes) - 2

    def window(index: int, turn: int) -> tuple[int, int]:
        """Return the first and last position (from 1) of an index's turn-th occurrence (from 1), in whole numbers."""
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
