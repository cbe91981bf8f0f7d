"""Preallocated keys and values: lanes, each with one prefix, and the slots of each lane, each with one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(slots=True)
class LayerCache:
    """One layer's tensors: prefixes L × H × P × D, rows S × H × C × D (S = L × slots of a lane, H heads)."""

    prefix_keys: torch.Tensor
    prefix_values: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Return all of the layer's tensors."""
        return self.prefix_keys, self.prefix_values, self.keys, self.values


class LaneCache:
    """The keys and values of L lanes of R slots; a layer's tensors are allocated when it first runs.

    A lane's prefix (P positions at most) is stored once for all of its slots. A slot's columns (C) contain the body of
    one row, from column `starts[slot]` on, and its answer; the next token's place is `columns[slot]`, which goes on by
    `growing[slot]` a step: 1, or 0 where there is no row. `windows` has what each layer that ran over prefixes sees.
    """

    def __init__(self, lanes: int, slots: int, *, prefix: int, columns: int, device: torch.device) -> None:
        """Make room for `lanes` prefixes of `prefix` positions and `slots` rows a lane of `columns` columns."""
        self.lanes, self.slots, self.prefix, self.width = lanes, slots, prefix, columns
        self.device = device
        self.layers: dict[int, LayerCache] = {}
        self.windows: dict[int, int | None] = {}
        self.prefix_lengths = torch.zeros(lanes, dtype=torch.long, device=device)
        self.starts = torch.zeros(lanes * slots, dtype=torch.long, device=device)
        self.columns = torch.zeros(lanes * slots, dtype=torch.long, device=device)
        self.growing = torch.zeros(lanes * slots, dtype=torch.long, device=device)

    @property
    def bytes(self) -> int:
        """How much memory the allocated layers take."""
        return sum(part.numel() * part.element_size() for layer in self.layers.values() for part in layer.tensors())

    def layer(self, number: int, keys: torch.Tensor, values: torch.Tensor) -> LayerCache:
        """Return a layer's tensors, allocated by the shape (N × H × Q × D) of its first keys and values."""
        if number not in self.layers:
            heads, rows = keys.shape[1], self.lanes * self.slots
            self.layers[number] = LayerCache(
                keys.new_zeros(self.lanes, heads, self.prefix, keys.shape[3]),
                values.new_zeros(self.lanes, heads, self.prefix, values.shape[3]),
                keys.new_zeros(rows, heads, self.width, keys.shape[3]),
                values.new_zeros(rows, heads, self.width, values.shape[3]),
            )
        return self.layers[number]

    def begin(self, slots: torch.Tensor, starts: torch.Tensor, column: int) -> None:
        """Give slots to new rows, whose bodies end before `column`.

        What former rows left is removed: a masked value still counts where it is not finite.
        """
        self.starts[slots], self.columns[slots], self.growing[slots] = starts, column, 1
        for layer in self.layers.values():
            layer.values[slots] = 0

    def end(self, slots: Sequence[int]) -> None:
        """Free slots: they are run with the others, but stay at a position that every model has."""
        where = torch.tensor(slots, dtype=torch.long, device=self.device)
        self.columns[where], self.growing[where] = self.starts[where], 0

    def clear_prefixes(self, lanes: torch.Tensor) -> None:
        """Remove what former prefixes left in these lanes."""
        for layer in self.layers.values():
            layer.prefix_values[lanes] = 0

    def copy_prefix(self, source: int, target: int) -> None:
        """Give a lane the prefix of another lane."""
        self.prefix_lengths[target] = self.prefix_lengths[source]
        for layer in self.layers.values():
            layer.prefix_keys[target] = layer.prefix_keys[source]
            layer.prefix_values[target] = layer.prefix_values[source]

    def move_rows(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Copy rows from slots into other slots; no slot is in both."""
        if not sources:
            return
        start, end = (torch.tensor(slots, dtype=torch.long, device=self.device) for slots in (sources, targets))
        for state in (self.starts, self.columns, self.growing):
            state[end] = state[start]
        self.end(sources)
        for layer in self.layers.values():
            layer.keys[end], layer.values[end] = layer.keys[start], layer.values[start]

    def smaller(self, lanes: Sequence[int], slots: Sequence[int]) -> LaneCache:
        """Return a cache of only these lanes and, lane by lane, these slots; this one is empty afterwards."""
        per_lane = len(slots) // len(lanes)
        made = LaneCache(len(lanes), per_lane, prefix=self.prefix, columns=self.width, device=self.device)
        lane, slot = (torch.tensor(chosen, dtype=torch.long, device=self.device) for chosen in (lanes, slots))
        made.prefix_lengths = self.prefix_lengths[lane]
        made.starts, made.columns, made.growing = self.starts[slot], self.columns[slot], self.growing[slot]
        for number in list(self.layers):
            old = self.layers.pop(number)  # one layer at a time, so that little is in memory twice
            made.layers[number] = LayerCache(
                old.prefix_keys[lane], old.prefix_values[lane], old.keys[slot], old.values[slot]
            )
        return made
