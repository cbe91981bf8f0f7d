"""The runs of a model over lanes: prefixes, bodies behind them, one token of each row, and trees of options."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tuition.models.answering.lane_attention import Prefixes, attend, causal
from tuition.models.answering.lane_cache import LaneCache


@dataclass(frozen=True, slots=True)
class PrefixPass:
    """Runs prefixes, padded at the right, and stores each in its lane."""

    cache: LaneCache
    lanes: torch.Tensor

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Store a layer's keys and values; attend to earlier tokens."""
        kept, length = self.cache.layer(layer, key, value), key.shape[2]
        kept.prefix_keys[self.lanes, :, :length] = key
        kept.prefix_values[self.lanes, :, :length] = value
        return causal(query, key, value, scale)


class LanePrefixes:
    """Where the rows of a pass find their prefixes: equal runs of rows share a lane's."""

    def __init__(self, cache: LaneCache, lanes: list[int]) -> None:
        """`lanes` has the lane of each row."""
        self._cache = cache
        self._lanes = torch.tensor(runs(lanes), dtype=torch.long, device=cache.device)
        lengths = cache.prefix_lengths[self._lanes]
        self._width = int(lengths.max())
        self._there = torch.arange(self._width, device=cache.device) < lengths[:, None]

    def of(self, layer: int) -> Prefixes | None:
        """Return keys, values and what is there of one layer's prefixes; None where all are empty."""
        if not self._width:
            return None
        kept = self._cache.layers[layer]
        keys, values = (part[self._lanes, :, : self._width] for part in (kept.prefix_keys, kept.prefix_values))
        return keys, values, self._there


@dataclass(frozen=True, slots=True)
class BodyPass:
    """Runs bodies behind their prefixes and stores them in slots; with no slots (options to be ranked) nowhere."""

    cache: LaneCache
    prefixes: LanePrefixes
    seen: torch.Tensor
    slots: torch.Tensor | None

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Store a layer's keys and values; attend to the prefix and to what `seen` (N × Q × Q) shows of the row."""
        if self.slots is not None:
            kept, width = self.cache.layer(layer, key, value), key.shape[2]
            kept.keys[self.slots, :, :width] = key
            kept.values[self.slots, :, :width] = value
        return attend(query, self.prefixes.of(layer), (key, value, self.seen), scale)


@dataclass(frozen=True, slots=True)
class TokenPass:
    """Runs one token of every slot. All tensors keep their place and shape, so that the run can be captured."""

    cache: LaneCache
    prefix: int
    width: int
    there: torch.Tensor
    seen: torch.Tensor

    @classmethod
    def over(cls, cache: LaneCache, prefix: int, width: int) -> TokenPass:
        """Return the pass over the first `prefix` positions of prefixes and the first `width` columns of slots."""
        there = torch.arange(prefix, device=cache.device) < cache.prefix_lengths[:, None]
        column = torch.arange(width, device=cache.device)
        seen = (column >= cache.starts[:, None]) & (column <= cache.columns[:, None])
        return cls(cache, prefix, width, there, seen[:, None])

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Store a layer's keys and values in each slot's next column; attend to its prefix and columns."""
        kept = self.cache.layers[layer]
        slots = torch.arange(key.shape[0], device=key.device)
        kept.keys[slots, :, self.cache.columns] = key[:, :, 0]
        kept.values[slots, :, self.cache.columns] = value[:, :, 0]
        prefix = None
        if self.prefix:
            prefix = (kept.prefix_keys[:, :, : self.prefix], kept.prefix_values[:, :, : self.prefix], self.there)
        own = (kept.keys[:, :, : self.width], kept.values[:, :, : self.width], self.seen)
        return attend(query, prefix, own, scale)


def runs(owners: Sequence[int]) -> list[int]:
    """Return owners as the owners of equal runs of rows, as few as there can be.

    Examples:
        >>> runs([3, 3, 5, 5, 5, 5])
        [3, 5, 5]
    """
    lengths = [len(list(run)) for _, run in itertools.groupby(owners)]
    return list(owners[:: math.gcd(*lengths)])
