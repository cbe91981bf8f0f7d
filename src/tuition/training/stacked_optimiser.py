"""AdamW and Adafactor over a bank of adapters: few operations for all of them, each with its own rate, clip and count.

Gradients, fp32 masters and moments are tensors of K rows, one a slot. What a slot's row becomes depends on that row
alone. A slot's state has the names and shapes of the single path's `MasterOptimiser`, so each can go on from the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from tuition.models.adapters.bank import AdapterBank
from tuition.models.recipes import Recipe

_BETAS, _EPSILON = (0.9, 0.999), 1e-8
"""AdamW's, as `MasterOptimiser` has them."""
_DECAY, _LEAST_SCALE = -0.8, 1e-3
"""Adafactor's (Shazeer & Stern 2018, sections 7.2 and 8): the second moment's rate, the least weight scale."""
_AT_ONCE = 1 << 25
"""Elements that are stepped at once, so that few intermediate values are in memory."""


@dataclass(slots=True)
class _Slot:
    """What one slot's steps depend on, other than tensors."""

    recipe: Recipe
    steps: int = 0


class StackedOptimiser:
    """One recipe's optimiser for each slot of a bank; all slots have the same kind of optimiser."""

    def __init__(self, bank: AdapterBank, kind: str) -> None:
        """`kind` is a recipe's `optimiser`; from now on the bank's weights collect gradients."""
        self.bank, self.kind = bank, kind
        self.gradients = torch.zeros_like(bank.weights)
        for weight, own in zip(bank.template.weights, bank.stacked, strict=True):
            own.requires_grad_(True)
            own.grad = self.gradients[:, weight.start : weight.stop].view(own.shape)
        fp32 = bank.weights.dtype == torch.float32
        self._masters = bank.weights if fp32 else bank.weights.float()
        if kind == "adamw":
            self._moments = {name: torch.zeros_like(self._masters) for name in ("exp_avg", "exp_avg_sq")}
        else:
            self._factors = [
                {
                    "row_var": torch.zeros(*own.shape[:-1], 1, device=bank.device),
                    "col_var": torch.zeros(*own.shape[:-2], 1, own.shape[-1], device=bank.device),
                }
                for own in bank.stacked
            ]
        self._slots: dict[int, _Slot] = {}

    def begin(self, slot: int, recipe: Recipe) -> None:
        """Take up the weights that the bank has in a slot, with a fresh state."""
        self._slots[slot] = _Slot(recipe)
        self.gradients[slot].zero_()
        if self._masters is not self.bank.weights:
            self._masters[slot].copy_(self.bank.weights[slot])
        for moment in self._all_moments():
            moment[slot].zero_()

    def end(self, slot: int) -> None:
        """Forget a slot; its weights stay in the bank."""
        del self._slots[slot]

    def clear(self) -> None:
        """Set all gradients to zero."""
        self.gradients.zero_()

    def norms(self) -> torch.Tensor:
        """Return each slot's norm of all its gradients together (K, fp32)."""
        norms: torch.Tensor = torch.linalg.vector_norm(self.gradients, dim=1, dtype=torch.float32)
        return norms

    @torch.no_grad()
    def step(self, rates: Mapping[int, float], norms: Mapping[int, float]) -> None:
        """Clip the gradients of some slots, each to its recipe's norm, and take a step of each; then clear all.

        Args:
            rates: a learning rate for each slot that takes a step; the others stay as they are.
            norms: the finite norms of these slots' gradients.
        """
        for slot in rates:
            self._slots[slot].steps += 1
        for first, stop in _runs(sorted(rates)):
            slots = range(first, stop)
            shrunk = [min(1.0, self._slots[s].recipe.max_gradient_norm / (norms[s] + 1e-6)) for s in slots]
            if self.kind == "adamw":
                self._adamw(slots, [rates[s] for s in slots], shrunk)
            else:
                self._adafactor(slots, [rates[s] for s in slots], shrunk)
        self.clear()

    def state(self, slot: int) -> dict[str, torch.Tensor]:
        """Return all that a slot's next step depends on, on the host, as the single path's optimiser names it."""

        def weights(rows: torch.Tensor) -> list[torch.Tensor]:
            return self.bank.weights_of(0, rows[slot : slot + 1].cpu())  # copied whole, then divided

        found = {f"master.{at}": value for at, value in enumerate(weights(self._masters))}
        steps = self._slots[slot].steps
        if not steps:
            return found
        if self.kind == "adamw":
            for name, moment in self._moments.items():
                found |= {f"moment.{at}.{name}": value for at, value in enumerate(weights(moment))}
        else:
            for at, moments in enumerate(self._moments_of(slot)):
                found |= {f"moment.{at}.{name}": value.cpu() for name, value in moments.items()}
        return found | {f"moment.{at}.step": torch.tensor(float(steps)) for at in range(len(self.bank.stacked))}

    @torch.no_grad()
    def restore(self, slot: int, state: Mapping[str, torch.Tensor]) -> None:
        """Take up what `state`, or the single path's, returned.

        Raises:
            ValueError: it belongs to another set of weights or another optimiser.
        """
        own = self.bank.weights_of(slot, self._masters)
        saved = [state[f"master.{at}"] for at in range(len(own)) if f"master.{at}" in state]
        if [value.shape for value in saved] != [value.shape for value in own]:
            raise ValueError("the state belongs to another set of weights")
        for mine, value in zip(own, saved, strict=True):
            mine.copy_(value)
        self.bank.weights[slot].copy_(self._masters[slot])
        steps = [value for name, value in state.items() if name.endswith(".step")]
        self._slots[slot].steps = int(steps[0]) if steps else 0
        if not steps:
            return
        for at, moments in enumerate(self._moments_of(slot)):
            for name, mine in moments.items():
                if f"moment.{at}.{name}" not in state:
                    raise ValueError("the state belongs to another optimiser")
                mine.copy_(state[f"moment.{at}.{name}"])

    def _moments_of(self, slot: int) -> list[dict[str, torch.Tensor]]:
        """Return views of a slot's moments, by weight and name."""
        if self.kind != "adamw":
            return [{name: value[slot] for name, value in factors.items()} for factors in self._factors]
        names = list(self._moments)
        parts = [self.bank.weights_of(slot, self._moments[name]) for name in names]
        return [dict(zip(names, values, strict=True)) for values in zip(*parts, strict=True)]

    def _all_moments(self) -> list[torch.Tensor]:
        if self.kind == "adamw":
            return list(self._moments.values())
        return [value for factors in self._factors for value in factors.values()]

    def _numbers(self, *columns: Sequence[float]) -> list[torch.Tensor]:
        """Return columns of one number a slot as tensors (n × 1) on the device, sent there together."""
        sent = torch.tensor(columns, dtype=torch.float32).to(self.bank.device, non_blocking=True)
        return list(sent[:, :, None].unbind())

    def _adamw(self, slots: range, rates: Sequence[float], shrunk: Sequence[float]) -> None:
        """AdamW (Loshchilov & Hutter 2019, algorithm 2), in torch's order of operations."""
        state = [self._slots[slot] for slot in slots]
        decays = [1 - rate * own.recipe.weight_decay for rate, own in zip(rates, state, strict=True)]
        sizes = [rate / (1 - _BETAS[0] ** own.steps) for rate, own in zip(rates, state, strict=True)]
        corrections = [math.sqrt(1 - _BETAS[1] ** own.steps) for own in state]
        shrink, decay, size, correction = self._numbers(shrunk, decays, sizes, corrections)
        columns = max(1, _AT_ONCE // len(slots))
        rows = slice(slots.start, slots.stop)
        for start in range(0, self.bank.weights.shape[1], columns):
            part = (rows, slice(start, start + columns))
            gradient = self.gradients[part].float() * shrink
            mean, square = self._moments["exp_avg"][part], self._moments["exp_avg_sq"][part]
            mean.lerp_(gradient, 1 - _BETAS[0])
            square.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
            update = mean / (square.sqrt().div_(correction)).add_(_EPSILON)
            master = self._masters[part]
            master.mul_(decay).sub_(update.mul_(size))
            if self._masters is not self.bank.weights:
                self.bank.weights[part].copy_(master)

    def _adafactor(self, slots: range, rates: Sequence[float], shrunk: Sequence[float]) -> None:
        """Adafactor with factored second moments (Shazeer & Stern 2018), as torch has it."""
        state = [self._slots[slot] for slot in slots]
        decays = [1 - rate * own.recipe.weight_decay for rate, own in zip(rates, state, strict=True)]
        news = [own.steps**_DECAY for own in state]
        sizes = [min(rate, 1 / math.sqrt(own.steps)) for rate, own in zip(rates, state, strict=True)]
        numbers = [number[:, :, None] for number in self._numbers(shrunk, decays, news, sizes)]
        shrink, decay, new, size = numbers
        rows = slice(slots.start, slots.stop)
        least = torch.finfo(torch.float32).eps
        for weight, own, factors in zip(self.bank.template.weights, self.bank.stacked, self._factors, strict=True):
            part = (rows, slice(weight.start, weight.stop))
            gradient = self.gradients[part].view(len(slots), *own.shape[1:]).float() * shrink
            master = self._masters[part].view(gradient.shape)
            scale = _root_mean_square(master).clamp_(min=_LEAST_SCALE) * size
            master.mul_(decay)
            row, column = factors["row_var"][rows], factors["col_var"][rows]
            row.lerp_(gradient.square().mean(dim=-1, keepdim=True), new)
            column.lerp_(gradient.square().mean(dim=-2, keepdim=True), new)
            estimate = torch.bmm(row, column).div_(row.mean(dim=-2, keepdim=True).clamp_(min=least))
            update = estimate.clamp_(min=least * least).rsqrt_().mul_(gradient)
            master.sub_(update * (scale / _root_mean_square(update).clamp_(min=1.0)))
            if self._masters is not self.bank.weights:
                own[rows].data.copy_(master)


def _root_mean_square(values: torch.Tensor) -> torch.Tensor:
    """Return the root of the mean square of each matrix (n × 1 × 1)."""
    norms: torch.Tensor = torch.linalg.vector_norm(values, dim=(1, 2), keepdim=True)
    return norms / math.sqrt(values[0].numel())


def _runs(slots: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the runs of neighbouring slots: the first of each, and the one after its last."""
    start = 0
    for at in range(1, len(slots) + 1):
        if at == len(slots) or slots[at] != slots[at - 1] + 1:
            yield slots[start], slots[at - 1] + 1
            start = at
