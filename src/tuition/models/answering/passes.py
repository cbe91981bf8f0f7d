"""The runs of a model over lanes: prefixes, bodies behind them, one token of each row, and trees of options."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tuition.models.answering.lane_attention import Layer, Prefixes, attend, causal
from tuition.models.answering.lane_cache import LaneCache


@dataclass(frozen=True, slots=True)
class PrefixPass:
    """Runs prefixes, padded at the right, and stores each in its lane."""

    cache: LaneCache
    lanes: torch.Tensor

    def attend(self, layer: Layer, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Store a layer's keys and values; attend to earlier tokens."""
        kept, length = self.cache.layer(layer.number, key, value), key.shape[2]
        kept.prefix_keys[self.lanes, :, :length] = key
        kept.prefix_values[self.lanes, :, :length] = value
        self.cache.windows[layer.number] = layer.window
        return causal(layer, query, key, value)


class LanePrefixes:
    """Where the rows of a pass find their prefixes: equal runs of rows share a lane's."""

    def __init__(self, cache: LaneCache, lanes: list[int]) -> None:
        """`lanes` has the lane of each row."""
        self._cache = cache
        self._lanes = torch.tensor(runs(lanes), dtype=torch.long, device=cache.device)
        lengths = cache.prefix_lengths[self._lanes]
        self._width = int(lengths.max())
        self._there = torch.arange(self._width, device=cache.device) < lengths[:, None]

    def of(self, layer: Layer, positions: torch.Tensor) -> Prefixes | None:
        """Return keys, values and what is there of one layer's prefixes; None where all are empty.

        `positions` (N × Q) are those of the tokens that look back.
        """
        if not self._width:
            return None
        kept = self._cache.layers[layer.number]
        keys, values = (part[self._lanes, :, : self._width] for part in (kept.prefix_keys, kept.prefix_values))
        return keys, values, self._there, near(layer, positions, self._width)


@dataclass(frozen=True, slots=True)
class BodyPass:
    """Runs bodies behind their prefixes and stores them in slots; with no slots (options to be ranked) nowhere.

    `seen` (N × Q × Q) is what tokens see of their own row, `positions` (N × Q) where they are, prefixes counted.
    """

    cache: LaneCache
    prefixes: LanePrefixes
    seen: torch.Tensor
    positions: torch.Tensor
    slots: torch.Tensor | None

    def attend(self, layer: Layer, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Store a layer's keys and values; attend to the prefix and to the row itself."""
        if self.slots is not None:
            kept, width = self.cache.layer(layer.number, key, value), key.shape[2]
            kept.keys[self.slots, :, :width] = key
            kept.values[self.slots, :, :width] = value
        seen = self.seen
        if layer.window is not None:
            seen = seen & (self.positions[:, :, None] - self.positions[:, None] < layer.window)
        return attend(query, self.prefixes.of(layer, self.positions), (key, value, seen), layer.scale)


@dataclass(frozen=True, slots=True)
class TokenPass:
    """Runs one token of every slot. All tensors keep their place and shape, so that the run can be captured."""

    cache: LaneCache
    prefix: int
    width: int
    there: torch.Tensor
    seen: torch.Tensor
    positions: torch.Tensor

    @classmethod
    def over(cls, cache: LaneCache, prefix: int, width: int) -> TokenPass:
        """Return the pass over the first `prefix` positions of prefixes and the first `width` columns of slots."""
        there = torch.arange(prefix, device=cache.device) < cache.prefix_lengths[:, None]
        column = torch.arange(width, device=cache.device)
        seen = (column >= cache.starts[:, None]) & (column <= cache.columns[:, None])
        before = cache.prefix_lengths.repeat_interleave(cache.slots)
        return cls(cache, prefix, width, there, seen[:, None], (before + cache.columns - cache.starts)[:, None])

    def attend(self, layer: Layer, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Store a layer's keys and values in each slot's next column; attend to its prefix and columns."""
        kept, cache = self.cache.layers[layer.number], self.cache
        slots = torch.arange(key.shape[0], device=key.device)
        kept.keys[slots, :, cache.columns] = key[:, :, 0]
        kept.values[slots, :, cache.columns] = value[:, :, 0]
        prefix, seen = None, self.seen
        if self.prefix:
            before = kept.prefix_keys[:, :, : self.prefix], kept.prefix_values[:, :, : self.prefix]
            prefix = (*before, self.there, near(layer, self.positions, self.prefix))
        if layer.window is not None:
            column = torch.arange(self.width, device=cache.device)
            seen = seen & (cache.columns[:, None, None] - column < layer.window)
        own = (kept.keys[:, :, : self.width], kept.values[:, :, : self.width], seen)
        return attend(query, prefix, own, layer.scale)


def near(layer: Layer, positions: torch.Tensor, width: int) -> torch.Tensor | None:
    """Return which of `width` positions of a prefix tokens at `positions` (N × Q) see; None without a window."""
    if layer.window is None:
        return None
    return positions[:, :, None] - torch.arange(width, device=positions.device) < layer.window


def runs(owners: Sequence[int]) -> list[int]:
    """Return owners as the owners of equal runs of rows, as few as there can be.

    Examples:
        >>> runs([3, 3, 5, 5, 5, 5])
        [3, 5, 5]
    """
    lengths = [len(list(run)) for _, run in itertools.groupby(owners)]
    return list(owners[:: math.gcd(*lengths)])
