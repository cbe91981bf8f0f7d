"""Layers of a frozen base with one adapter a group of rows: LoRA and IA³ over stacked weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class Rows:
    """Which slot computes which rows: the batch dimension is divided into equal groups, one slot each."""

    def __init__(self, slots: int) -> None:
        """`slots` is the size of the bank; no rows are set yet."""
        self.slots = slots
        self.groups = 0
        self.bypass = False
        self._span: tuple[int, int] | None = None
        self._index = torch.empty(0, dtype=torch.long)

    def set(self, index: Sequence[int], device: torch.device, held: torch.Tensor | None = None) -> None:
        """Let group i be computed by slot `index[i]`; `held` is the same on the device, where the caller has it there.

        Raises:
            ValueError: a slot is out of range, or there is none.
        """
        if not index or not all(0 <= slot < self.slots for slot in index):
            raise ValueError(f"rows need slots from 0 to {self.slots - 1}, not {list(index)}")
        self.groups, self._span = len(index), neighbours(index)
        if self._span is None:
            self._index = torch.tensor(index, dtype=torch.long, device=device) if held is None else held

    def clear(self) -> None:
        """Set no rows."""
        self.groups = 0

    def of(self, stacked: torch.Tensor) -> torch.Tensor:
        """Return the weights of each group (G × …) from those of each slot (K × …).

        Raises:
            RuntimeError: no rows are set.
        """
        if not self.groups:
            raise RuntimeError("a model with stacked adapters runs only inside bank.rows(...) or bank.bypassed()")
        if self._span is None:
            return stacked.index_select(0, self._index)
        return stacked if self._span == (0, self.slots) else stacked.narrow(0, *self._span)


def neighbours(index: Sequence[int]) -> tuple[int, int] | None:
    """Return the first of slots that follow one another, and their number: they are a view of the stack, no copy."""
    first = index[0]
    return (first, len(index)) if list(index) == list(range(first, first + len(index))) else None


class _Wrapped(nn.Module):
    """A layer of the base inside one of ours; what ours lacks, such as `weight`, is the base layer's."""

    def __init__(self, base_layer: nn.Module, rows: Rows) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.rows = rows

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("base_layer"), name)

    def grouped(self, values: torch.Tensor) -> torch.Tensor:
        """Return values (B × … × features) as one matrix a group (G × rows × features)."""
        return values.reshape(self.rows.groups, -1, values.shape[-1])


class StackedLoRA(_Wrapped):
    """A linear layer and K low-rank updates: y = base(x) + scale · x Aᵀ Bᵀ, with the A and B of each row's slot."""

    def __init__(self, base_layer: nn.Module, rows: Rows, down: nn.Parameter, up: nn.Parameter, scale: float) -> None:
        """`down` is A (K × r × in), `up` is B (K × out × r)."""
        super().__init__(base_layer, rows)
        self.stacked = (down, up)  # in a tuple, so that they are no parameters of the model
        self.scale = scale

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return the layer's output with each group's own update."""
        result: torch.Tensor = self.base_layer(x, *args, **kwargs)
        if self.rows.bypass:
            return result
        down, up = self.rows.of(self.stacked[0]), self.rows.of(self.stacked[1])
        low = torch.bmm(self.grouped(x), down.mT)
        return torch.baddbmm(self.grouped(result), low, up.mT, alpha=self.scale).view(result.shape)


class StackedScale(_Wrapped):
    """A layer and K vectors (IA³) that scale its output, or, in a feed-forward layer, its input."""

    def __init__(self, base_layer: nn.Module, rows: Rows, factors: nn.Parameter, *, inputs: bool) -> None:
        """`factors` has one a channel for each slot (K × channels × 1, or K × 1 × channels)."""
        super().__init__(base_layer, rows)
        self.stacked = (factors,)
        self.inputs = inputs

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return the layer's output with each group's own scales."""
        if self.rows.bypass:
            result: torch.Tensor = self.base_layer(x, *args, **kwargs)
            return result
        factors = self.rows.of(self.stacked[0]).flatten(1)[:, None]
        if self.inputs:
            x = (self.grouped(x) * factors).view(x.shape)
        result = self.base_layer(x, *args, **kwargs)
        return result if self.inputs else (self.grouped(result) * factors).view(result.shape)
