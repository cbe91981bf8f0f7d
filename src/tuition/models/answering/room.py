"""How many rows are answered at once: as memory allows, and as many as help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tuition.models.answering.lane_plan import Key, Row, slots_a_lane

MOST_ROWS = {"cuda": 512, "cpu": 64}
"""Rows at once: beyond this a step takes about as much longer as it has more rows."""
_CPU_BYTES = 1 << 30
_GPU_SHARE = 0.6
"""Of the free memory of a GPU, what the cache may take; the rest is for what passes need meanwhile."""
_LOGITS_BYTES = 48
"""What sampling a token takes for each entry of a row's logits: its distribution is sorted in float64."""


@dataclass(frozen=True, slots=True)
class Room:
    """The size of a cache: L lanes of so many slots, prefixes and rows of so many positions at most."""

    lanes: int
    slots: int
    prefix: int
    columns: int


def free_bytes(device: torch.device) -> int:
    """Return how much memory a cache may take on a device."""
    if device.type != "cuda":
        return _CPU_BYTES
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(_GPU_SHARE * (torch.cuda.mem_get_info(device)[0] + unused))


def waves(rows: Sequence[Row], *, most: int, soft: int, column_bytes: int, logits: int, free: int) -> list[list[Row]]:
    """Divide rows into those that share a cache: all of them, or by length where memory then has room for more at once.

    Args:
        rows: what is to be answered.
        most: the most rows at once.
        soft: the vectors before every prefix.
        column_bytes: what a column takes.
        logits: the size of the vocabulary.
        free: the memory that there is.
    """
    groups = _by_key(rows)
    keys = sorted(groups, key=lambda key: _longest(groups[key]), reverse=True)
    made: list[list[Row]] = []
    while keys:
        left = [row for key in keys for row in groups[key]]
        sized = room(left, most=most, soft=soft, column_bytes=column_bytes, logits=logits, free=free)
        enough = sized.lanes * sized.slots >= min(most, len(left))
        taken = keys if enough else [key for key in keys if 2 * _longest(groups[key]) >= _longest(groups[keys[0]])]
        keys = [key for key in keys if key not in set(taken)]
        chosen = set(taken)
        made.append([row for row in rows if row.key in chosen])
    return made


def room(rows: Sequence[Row], *, most: int, soft: int, column_bytes: int, logits: int, free: int) -> Room:
    """Return the size of the cache for these rows; at least one slot, whatever memory there is."""
    groups = _by_key(rows)
    prefix = soft + max(len(prefix) for _, prefix in groups)
    columns = max(len(row.body) for row in rows) + max(row.new_tokens for row in rows)
    sizes = [len(own) for own in groups.values()]
    slots = slots_a_lane(sizes, min(most, len(rows)))
    bytes_a_row = column_bytes * (columns + prefix / slots) + _LOGITS_BYTES * logits
    count = max(min(most, int(free / bytes_a_row)), 1)
    slots = min(slots, slots_a_lane(sizes, count))
    lanes = max(min(count // slots, sum(-(-own // slots) for own in sizes)), 1)
    return Room(lanes, slots, prefix, columns)


def _by_key(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.key, []).append(row)
    return groups


def _longest(rows: Sequence[Row]) -> int:
    return max(row.needs for row in rows)
