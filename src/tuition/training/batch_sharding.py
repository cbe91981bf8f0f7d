"""Dividing an optimiser's batch among processes: about equal work for each, rows of one prefix together."""

from __future__ import annotations

from collections.abc import Sequence

from tuition.models.batches import group_by_prefix
from tuition.models.tokens import TokenizedPrompt


def divide(rows: Sequence[TokenizedPrompt], parts: int, *, share_prefix: bool) -> list[list[TokenizedPrompt]]:
    """Divide rows into `parts` lists whose largest cost, in tokens, is as small as an order by prefix allows.

    Where prefixes are shared, one counts once in each part that holds rows of it. A part may be empty.
    """
    order = [
        rows[at]
        for group in group_by_prefix(rows)
        for at in sorted(group, key=lambda at: len(rows[at].body) + len(rows[at].target), reverse=True)
    ]
    low, high = 0, sum(len(row.prefix) + len(row.body) + len(row.target) for row in rows)
    while low < high:
        middle = (low + high) // 2
        if len(_filled(order, middle, share_prefix)) <= parts and _most(order) <= middle:
            high = middle
        else:
            low = middle + 1
    made = _filled(order, high, share_prefix)
    return made + [[] for _ in range(parts - len(made))]


def _filled(order: Sequence[TokenizedPrompt], limit: int, share_prefix: bool) -> list[list[TokenizedPrompt]]:
    """Fill one part after another up to `limit` tokens each."""
    made: list[list[TokenizedPrompt]] = []
    cost = 0
    for row in order:
        own = len(row.body) + len(row.target)
        shared = bool(made) and share_prefix and made[-1][-1].prefix == row.prefix
        added = own if shared else own + len(row.prefix)
        if not made or cost + added > limit:
            made.append([])
            cost, added = 0, own + len(row.prefix)
        made[-1].append(row)
        cost += added
    return made


def _most(order: Sequence[TokenizedPrompt]) -> int:
    return max((len(row.prefix) + len(row.body) + len(row.target) for row in order), default=0)
