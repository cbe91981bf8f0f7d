"""Dividing a batch among processes: about equal work for each, rows with the same prefix together."""

from __future__ import annotations

from collections.abc import Sequence

from tuition.models.batches import group_by_prefix
from tuition.models.tokens import TokenizedPrompt


def divide(rows: Sequence[TokenizedPrompt], parts: int, *, share_prefix: bool) -> list[list[TokenizedPrompt]]:
    """Divide rows into `parts` lists, minimising the largest cost (tokens) of a part while rows stay in prefix order.

    Where prefixes are shared, a prefix counts once in each part that contains rows with it. A part may be empty.
    """
    order = [
        rows[at]
        for group in group_by_prefix(rows)
        for at in sorted(group, key=lambda at: len(rows[at].body) + len(rows[at].target), reverse=True)
    ]
    least, most = 0, sum(len(row.prefix) + len(row.body) + len(row.target) for row in rows)
    while least < most:
        middle = (least + most) // 2
        if len(_filled(order, middle, share_prefix)) <= parts and _longest(order) <= middle:
            most = middle
        else:
            least = middle + 1
    filled = _filled(order, most, share_prefix)
    return filled + [[] for _ in range(parts - len(filled))]


def _filled(order: Sequence[TokenizedPrompt], limit: int, share_prefix: bool) -> list[list[TokenizedPrompt]]:
    """Fill one part after another up to `limit` tokens each."""
    filled: list[list[TokenizedPrompt]] = []
    cost = 0
    for row in order:
        own = len(row.body) + len(row.target)
        shared = bool(filled) and share_prefix and filled[-1][-1].prefix == row.prefix
        added = own if shared else own + len(row.prefix)
        if not filled or cost + added > limit:
            filled.append([])
            cost, added = 0, own + len(row.prefix)
        filled[-1].append(row)
        cost += added
    return filled


def _longest(order: Sequence[TokenizedPrompt]) -> int:
    return max((len(row.prefix) + len(row.body) + len(row.target) for row in order), default=0)
