"""Passes forward and backward on an accelerator: prepared on the host ahead of time, launched without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from tuition.models.graphs import StepGraphs, Tensors
from tuition.models.objective import Objective, most_positions, whole_rows
from tuition.models.packs import Packs, Sizes, collate_packs, pack_size, packs_loss, plan_packs, rows_of
from tuition.models.prefix import packing_is_exact
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.training.memory import tokens_of


@dataclass(frozen=True, slots=True)
class Pass:
    """Rows that go through the model together, as `tokens` tokens; `packs` where they are packed already."""

    rows: Sequence[TokenizedPrompt]
    tokens: int
    packs: Packs | None = None


class Passes(Protocol):
    """How batches go through a model."""

    shares: bool

    def prepare(self, batch: Sequence[TokenizedPrompt], tokens: int) -> list[Pass]:
        """Divide a batch into passes of at most `tokens` tokens; needs no device, and may run in another thread."""

    def run(self, one: Pass, targets: int) -> torch.Tensor:
        """Add the gradients of a pass's summed loss divided by `targets`; return that loss, on the device, unread."""

    def forget(self) -> None:
        """Let go of memory that is kept from pass to pass."""

    def close(self) -> None:
        """Let go of all that further passes would need."""

    def launches(self) -> str:
        """Return how passes were launched, for the run's record."""


def make_passes(tuned: nn.Module, recipe: Recipe, *, packed: bool) -> Passes:
    """Return passes in packs where these are asked for and exact for this model, else in its plain micro-batches."""
    if packed and packing_is_exact(tuned):
        return PackedPasses(tuned, recipe)
    return PlainPasses(tuned, recipe)


class PackedPasses:
    """Batches as rectangles of packs, of few sizes, each captured as a graph."""

    def __init__(self, tuned: nn.Module, recipe: Recipe, *, graphs: StepGraphs | None = None) -> None:
        """`graphs` replaces the capture of this device's steps, in tests."""
        self.shares = recipe.share_prefix
        self._model = tuned
        self._device = next(tuned.parameters()).device
        self._positions = most_positions(tuned)
        self._sizes = Sizes()
        self.graphs = StepGraphs(self._step, self._device) if graphs is None else graphs

    def prepare(self, batch: Sequence[TokenizedPrompt], tokens: int) -> list[Pass]:
        """Divide a batch into passes and lay each out in pinned memory."""
        rows = list(batch) if self.shares else whole_rows(batch)
        prepared = []
        for packs in plan_packs(rows, tokens=tokens, positions=self._positions):
            count, length, asked = self._sizes.fit(pack_size(packs))
            made = collate_packs(packs, (count, length, asked))
            prepared.append(
                Pass(rows_of(packs), count * length, made.pinned() if self._device.type == "cuda" else made)
            )
        return prepared

    def run(self, one: Pass, targets: int) -> torch.Tensor:
        """Run a pass, by its graph where there is one."""
        assert one.packs is not None  # noqa: S101 - for the type checker
        (loss,) = self.graphs(**one.packs.tensors(), targets=torch.tensor(float(targets)))
        return loss

    def _step(self, targets: torch.Tensor, **packs: torch.Tensor) -> Tensors:
        loss = packs_loss(self._model, Packs(**packs)) / targets
        loss.backward()  # type: ignore[no-untyped-call]
        return (loss.detach(),)

    def forget(self) -> None:
        """Drop all graphs, with their memory."""
        self.graphs.forget()

    def close(self) -> None:
        """Drop all graphs, for good."""
        self.graphs.close()

    def launches(self) -> str:
        """Return how passes were launched."""
        return f"packed passes, {self.graphs.summary()}"


class PlainPasses:
    """Batches in the micro-batches of `Objective`, for models that packs are not exact for."""

    def __init__(self, tuned: nn.Module, recipe: Recipe) -> None:
        """Look for what is exact on this model."""
        self._objective = Objective(tuned, share_prefix=recipe.share_prefix, checkpointed=recipe.gradient_checkpointing)
        self.shares = self._objective.shares

    def prepare(self, batch: Sequence[TokenizedPrompt], tokens: int) -> list[Pass]:
        """Divide a batch into micro-batches."""
        return [Pass(run, tokens_of(run)) for run in self._objective.micro_batches(batch, tokens)]

    def run(self, one: Pass, targets: int) -> torch.Tensor:
        """Run a micro-batch."""
        loss = self._objective(one.rows) / targets
        loss.backward()
        detached: torch.Tensor = loss.detach()
        return detached

    def forget(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is kept."""

    def launches(self) -> str:
        """Return how passes were launched."""
        return "plain passes: packs are not exact for this model"
