"""AdamW in few launches, which never waits for the device: norm, clipping and update are computed there.

Every step of the recipe's optimiser needs the gradients' norm, to clip them and to notice a training that diverges.
Reading it back makes the host wait for the device in each step. Here the device itself skips the update where the loss
or the norm is not finite, and all updates after it, so that weights and moments stay as they were before that step
until the host has read the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from tuition.models.graphs import StepGraphs, Tensors
from tuition.models.recipes import Recipe
from tuition.training.optimiser import MasterOptimiser

_EPSILON = 1e-6
"""What `MasterOptimiser` adds to a norm that gradients are divided by, as torch's `clip_grad_norm_` does."""


class AheadOptimiser(MasterOptimiser):
    """A recipe's optimiser whose gradients stay in one place, and whose steps return tensors that are not read yet.

    Backward passes add to the gradients; a step clears them. The numbers are those of `MasterOptimiser` up to rounding.
    A weight that no backward pass reaches has a gradient of zero here, and none there: only its decay differs.
    Adafactor, as torch has it, reads values back for every weight: its steps are those of `MasterOptimiser`.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], recipe: Recipe) -> None:
        """Allocate the gradients and, for weights in other precisions, fp32 masters."""
        super().__init__(parameters, recipe)
        device = self.parameters[0].device
        self._gradients: list[torch.Tensor] = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._hold_gradients()
        self._alive = torch.ones((), device=device)
        self._fused = recipe.optimiser == "adamw"
        self._limit = recipe.max_gradient_norm
        if self._fused:
            self._rate = torch.full((), recipe.learning_rate, device=device)
            self._optimiser = self._make_fused(recipe)
        self._runs = list(self._few_at_once())
        self._graphs = StepGraphs(self._update, device)

    def _make_fused(self, recipe: Recipe) -> torch.optim.Optimizer:
        made = torch.optim.AdamW(
            self._masters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.999), fused=True
        )
        # A graph is captured with the addresses of its tensors: counts of steps and the rate are on the device.
        for group in made.param_groups:
            group["capturable"] = self._alive.device.type == "cuda"
            group["lr"] = self._rate
        return made

    def step_ahead(self, loss: torch.Tensor, learning_rate: float) -> torch.Tensor:
        """Take one step and clear the gradients; return their norm before clipping (fp32 scalar on the device).

        From the first step whose `loss` or norm is not finite, weights and moments are not changed any more.

        Args:
            loss: of the batch (scalar on the device).
            learning_rate: of this step.
        """
        if not self._fused:
            return self._step_read_back(loss, learning_rate)
        rate = torch.tensor(learning_rate, dtype=torch.float32)
        if self._alive.device.type == "cuda":
            rate = rate.pin_memory()
        (norm,) = self._graphs(loss=loss, rate=rate)
        return norm

    @torch.no_grad()
    def _update(self, loss: torch.Tensor, rate: torch.Tensor) -> Tensors:
        norms = torch._foreach_norm(self._gradients, 2, dtype=torch.float32)
        norm = torch.linalg.vector_norm(torch.stack(norms))
        self._alive.mul_(torch.isfinite(norm) & torch.isfinite(loss))
        self._rate.copy_(rate)
        optimiser: Any = self._optimiser
        # What torch's gradient scaler sets: a fused step divides by the one, and changes nothing where the other is 1.
        optimiser.grad_scale = ((norm + _EPSILON) / self._limit).clamp(min=1.0)
        optimiser.found_inf = 1.0 - self._alive
        for few in self._runs:
            self._update_few(few)
        torch._foreach_zero_(self._gradients)
        return (norm,)

    def _update_few(self, few: Sequence[int]) -> None:
        """Update weights by their positions, a part of all, so that few gradients are in fp32 at once."""
        masters = [self._masters[at] for at in few]
        gradients = [self._gradients[at] for at in few]
        others = [at for at, master in zip(few, masters, strict=True) if master is not self.parameters[at]]
        in_fp32 = {at: torch.empty_like(self._masters[at]) for at in others}
        if others:
            torch._foreach_copy_(list(in_fp32.values()), [self._gradients[at] for at in others])
        for at, master, gradient in zip(few, masters, gradients, strict=True):
            master.grad = in_fp32.get(at, gradient)
        self._optimiser.step()
        for at in few:
            self._masters[at].grad = None
        if others:
            torch._foreach_copy_([self.parameters[at].data for at in others], [self._masters[at] for at in others])
        self._hold_gradients(few)

    def _step_read_back(self, loss: torch.Tensor, learning_rate: float) -> torch.Tensor:
        """Take a step that waits for the device; none after a number that is not finite."""
        if not (bool(torch.isfinite(loss)) and bool(self._alive)):
            self._alive.zero_()
            self.clear()
            return loss.detach().float()
        norm = torch.tensor(self.step(learning_rate, self._limit))
        self._alive.mul_(torch.isfinite(norm).to(self._alive.device))
        self.clear()
        return norm

    def _hold_gradients(self, few: Sequence[int] | None = None) -> None:
        for at in range(len(self.parameters)) if few is None else few:
            self.parameters[at].grad = self._gradients[at]

    def _few_at_once(self) -> Iterator[list[int]]:
        """Yield positions of parameters in runs of at most so many elements; those in fp32 are copied nowhere."""
        run: list[int] = []
        elements = 0
        for at, (parameter, master) in enumerate(zip(self.parameters, self._masters, strict=True)):
            own = 0 if master is parameter else parameter.numel()
            if run and elements + own > _AT_ONCE:
                yield run
                run, elements = [], 0
            run.append(at)
            elements += own
        if run:
            yield run

    def clear(self) -> None:
        """Set all gradients to zero, where they are."""
        self._let_go()
        torch._foreach_zero_(self._gradients)
        self._hold_gradients()

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from what `state` returned, of this kind of optimiser or of `MasterOptimiser`.

        Raises:
            ValueError: it is another model's.
        """
        super().restore(state)
        if self._fused:
            for group in self._optimiser.param_groups:
                group["lr"] = self._rate
        self._graphs.forget()

    def close(self) -> None:
        """Let go of gradients and graphs; weights, masters and moments stay."""
        self._graphs.close()
        self._let_go()

    def launches(self) -> str:
        """Return how steps were launched, for the run's record."""
        return self._graphs.summary() if self._fused else "Adafactor reads values back, and runs without graphs"


_AT_ONCE = 1 << 26
"""Elements whose gradients are copied to fp32 at once (256 MB)."""
