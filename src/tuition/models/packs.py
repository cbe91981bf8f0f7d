"""Rectangles of packed sequences: each holds prefixes and the rows behind them, under a mask; few shapes occur.

A pack is one sequence in which every row sees its own prefix and itself (`packed_prefix` has the same idea for a CPU).
Here the order of tokens serves accelerators: the tokens from whose logits something is learned are the last columns, so
that one slice of fixed size gives all logits that are needed. The mask and explicit positions say what follows what.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import torch
from torch import nn

from tuition.models.batches import IGNORED, group_by_prefix
from tuition.models.cross_entropy import summed_cross_entropy
from tuition.models.tokens import TokenizedPrompt

Pack: TypeAlias = list[TokenizedPrompt]
Size: TypeAlias = tuple[int, int, int]
"""Packs, tokens in each, and of these the columns with logits."""

_NO_ROW, _PADDING = -1, -2


@dataclass(frozen=True, slots=True)
class Packs:
    """B packed sequences of L tokens; the last M columns are those before a token to learn.

    `owners` (B × L) numbers the prefix or row that a token is of, `sees` (B × L) the prefix that it may see as well;
    `positions` (B × L) count within prefix and row; `wanted` (B × M) holds the tokens to learn and `IGNORED`.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    owners: torch.Tensor
    sees: torch.Tensor
    wanted: torch.Tensor

    @property
    def size(self) -> Size:
        """B, L and M."""
        return self.ids.shape[0], self.ids.shape[1], self.wanted.shape[1]

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the parts by name."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def to(self, device: torch.device) -> Packs:
        """Return the packs on `device`."""
        return Packs(*(tensor.to(device) for tensor in self.tensors().values()))

    def pinned(self) -> Packs:
        """Return the packs in memory that a device can copy from without the host waiting for it."""
        return Packs(*(tensor.pin_memory() for tensor in self.tensors().values()))


def pack_size(packs: Sequence[Pack]) -> Size:
    """Return the smallest size that holds these packs."""
    asked = max(sum(len(row.target) for row in pack) for pack in packs)
    others = max(_pack_tokens(pack) - sum(len(row.target) for row in pack) for pack in packs)
    return len(packs), asked + others, asked


def collate_packs(packs: Sequence[Pack], size: Size | None = None) -> Packs:
    """Lay packs out in a rectangle of `size`, or the smallest one.

    The last target token of a row is left out of the sequence: nothing follows from it.

    Raises:
        ValueError: a row has no body or no target, or the size does not suffice.
    """
    if not all(row.body and row.target for pack in packs for row in pack):
        raise ValueError("every packed row needs a body, from whose last token its answer follows, and a target")
    count, length, asked = pack_size(packs) if size is None else size
    shape = (count, length)
    ids, positions = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    owners, sees = torch.full(shape, _PADDING), torch.full(shape, _PADDING)
    wanted = torch.full((count, asked), IGNORED)
    for at, pack in enumerate(packs):
        context, asking, targets = _laid_out(pack)
        if len(asking) > asked or len(context) > length - asked or at >= count:
            raise ValueError(
                f"packs of {len(context)} + {len(asking)} tokens do not fit into {length - asked} + {asked}"
            )
        for tokens, columns in (
            (context, slice(0, len(context))),
            (asking, slice(length - asked, length - asked + len(asking))),
        ):
            if tokens:
                rows = torch.tensor(tokens).T
                ids[at, columns], positions[at, columns], owners[at, columns], sees[at, columns] = rows
        wanted[at, : len(targets)] = torch.tensor(targets)
    return Packs(ids, positions, owners, sees, wanted)


_Token: TypeAlias = tuple[int, int, int, int]


def _laid_out(pack: Pack) -> tuple[list[_Token], list[_Token], list[int]]:
    """Return a pack's tokens (id, position, owner, sees): those without a logit, those with one, and what to learn."""
    context: list[_Token] = []
    asking: list[_Token] = []
    targets: list[int] = []
    for head, group in enumerate(group_by_prefix(pack), start=len(pack)):
        prefix = pack[group[0]].prefix
        context += [(token, place, head, _NO_ROW) for place, token in enumerate(prefix)]
        for at in group:
            row = pack[at]
            tokens = [
                (token, place, at, head) for place, token in enumerate(row.body + row.target[:-1], start=len(prefix))
            ]
            context += tokens[: len(row.body) - 1]
            asking += tokens[len(row.body) - 1 :]
            targets += row.target
    return context, asking, targets


def attention_mask(packs: Packs, dtype: torch.dtype) -> torch.Tensor:
    """Return what is added to attention scores (B × 1 × L × L): 0 where a token may look, else the least number.

    Padding looks at padding, so that no row of the mask is empty.
    """
    owned, own = packs.owners[:, :, None], packs.owners[:, None, :]
    seen = (owned == own) | (packs.sees[:, :, None] == own)
    seen &= packs.positions[:, :, None] >= packs.positions[:, None, :]
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]


def packs_loss(model: nn.Module, packs: Packs) -> torch.Tensor:
    """Return the sum of cross-entropies (nats, fp32 scalar) over all targets of packs, which are on the model's device.

    Only operations whose shapes are known from `packs.size` are launched, and nothing is read back: fit for a CUDA
    graph. Models whose layers look back over a window, and soft prompts, cannot be run so.
    """
    running: Any = model
    out: Any = running(
        input_ids=packs.ids,
        attention_mask=attention_mask(packs, next(model.parameters()).dtype),
        position_ids=packs.positions,
        use_cache=False,
        logits_to_keep=packs.wanted.shape[1],
    )
    return summed_cross_entropy(out.logits.flatten(0, 1), packs.wanted.flatten())


_EVEN = 2048
"""The length at which masked attention costs about as much as all else in a layer; an estimate, not measured."""
_MOST_PARTS = 64


def plan_packs(prompts: Sequence[TokenizedPrompt], *, tokens: int, positions: int) -> list[list[Pack]]:
    """Divide prompts into passes of packs, each pass a rectangle of at most `tokens` tokens and `positions` logits.

    A prefix is in a pack once. Many rows of one prefix are divided into as many packs as cost least, since attention
    grows with the square of a pack's length. Short packs of several prefixes are joined. A row too long for the
    budget is alone.
    """
    groups = ([prompts[at] for at in group] for group in group_by_prefix(prompts))
    parts = [part for group in groups for part in _divided(group, tokens, positions)]
    parts.sort(key=_pack_tokens, reverse=True)
    passes: list[list[Pack]] = []
    for pack in _joined(parts, positions):
        wider = [*passes[-1], pack] if passes else [pack]
        count, length, asked = pack_size(wider)
        if passes and count * length <= tokens and count * asked <= positions:
            passes[-1] = wider
        else:
            passes.append([pack])
    return passes


def _divided(rows: Pack, tokens: int, positions: int) -> list[Pack]:
    """Divide rows of one prefix into the number of packs that costs least within the budgets."""
    rows = sorted(rows, key=_own_tokens, reverse=True)
    costs: dict[int, float] = {}
    for count in range(1, min(len(rows), _MOST_PARTS) + 1):
        parts = _balanced(rows, count)
        longest = max(map(_pack_tokens, parts))
        fits = longest <= tokens and max(sum(len(row.target) for row in part) for part in parts) <= positions
        cost = count * longest * (1 + longest / _EVEN)
        if fits:
            costs[count] = cost
        if costs and cost > 1.5 * min(costs.values()):
            break
    if costs:
        return _balanced(rows, min(costs, key=lambda count: (costs[count], count)))
    return [[row] for row in rows]


def _balanced(rows: Pack, count: int) -> list[Pack]:
    """Divide rows, the longest first, into packs of about equal length: each to the shortest so far."""
    parts: list[Pack] = [[] for _ in range(count)]
    sizes = [0] * count
    for row in rows:
        at = sizes.index(min(sizes))
        parts[at].append(row)
        sizes[at] += _own_tokens(row)
    return parts


def _joined(parts: Sequence[Pack], positions: int) -> list[Pack]:
    """Join parts, the longest first, into packs no longer than the longest, so that little is padded."""
    packs: list[Pack] = []
    sizes: list[list[int]] = []
    limit = _pack_tokens(parts[0]) if parts else 0
    for part in parts:
        size, asked = _pack_tokens(part), sum(len(row.target) for row in part)
        for pack, taken in zip(packs, sizes, strict=True):
            if taken[0] + size <= limit and taken[1] + asked <= positions:
                pack.extend(part)
                taken[0] += size
                taken[1] += asked
                break
        else:
            packs.append(list(part))
            sizes.append([size, asked])
    return packs


def _own_tokens(row: TokenizedPrompt) -> int:
    return len(row.body) + len(row.target) - 1


def _pack_tokens(pack: Pack) -> int:
    return sum(map(len, {row.prefix for row in pack})) + sum(map(_own_tokens, pack))


class Sizes:
    """Keeps the number of sizes small, since each is captured for itself: lengths are rounded up, and used again."""

    def __init__(self, *, slack: float = 0.25) -> None:
        """A size that occurred is used again where it is larger by no more than `slack`."""
        self._slack = slack
        self._known: list[Size] = []

    def fit(self, size: Size) -> Size:
        """Return a size that holds `size`."""
        count, length, asked = size
        fitting = [
            known
            for known in self._known
            if known[0] == count
            and known[2] >= asked
            and known[1] - known[2] >= length - asked
            and known[1] <= (1 + self._slack) * max(length, _LEAST_LENGTH)
        ]
        if fitting:
            return min(fitting, key=lambda known: known[1])
        columns = rounded(asked, least=_LEAST_ASKED, parts=2)
        # Both lengths are rounded, and the whole is a multiple of eight, as masked kernels want it.
        whole = rounded(length - asked + columns, least=_LEAST_LENGTH, parts=8)
        self._known.append((count, whole, columns))
        return count, whole, columns


_LEAST_ASKED, _LEAST_LENGTH = 16, 64


def rounded(number: int, *, least: int, parts: int) -> int:
    """Return `number` rounded up to a multiple of `least`, or of a `parts`-th of the power of two below it.

    Examples:
        >>> [rounded(number, least=64, parts=8) for number in (1, 437, 742, 1500)]
        [64, 448, 768, 1536]
    """
    step = max(least, (1 << (max(1, number).bit_length() - 1)) // parts)
    return -(-number // step) * step


def rows_of(packs: Sequence[Pack]) -> list[TokenizedPrompt]:
    """Return all rows of packs."""
    return list(itertools.chain.from_iterable(packs))
