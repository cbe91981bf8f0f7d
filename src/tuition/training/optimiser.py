"""Optimisers with fp32 master weights: bfloat16 weights are updated in fp32, where small steps are not rounded away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import torch

from tuition.models.recipes import Recipe
from tuition.training.sharding import like, whole

_Pair: TypeAlias = tuple[torch.nn.Parameter, torch.Tensor]
"""A parameter and its master weight."""
_AT_ONCE = 1 << 24
"""Elements whose gradients are copied to fp32 at once."""


class MasterOptimiser:
    """A recipe's optimiser over fp32 master copies of the trainable parameters; fp32 parameters are not copied."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], recipe: Recipe) -> None:
        """Copy the parameters that are not fp32; the copies live as long as the optimiser."""
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._masters = [
            parameter if parameter.dtype == torch.float32 else parameter.detach().float().requires_grad_(True)
            for parameter in self.parameters
        ]
        self._optimiser = _make(self._masters, recipe)

    def step(self, learning_rate: float, max_gradient_norm: float) -> float:
        """Clip the gradients, take one step, clear them; return their norm before clipping.

        Where the norm is not finite, no step is taken and the weights do not change.
        """
        pairs = [pair for pair in zip(self.parameters, self._masters, strict=True) if pair[0].grad is not None]
        # Kept only here: otherwise a parameter that is its own master is updated with another's step, and unclipped.
        gradients = {id(pair[0]): pair[0].grad for pair in pairs if pair[0].grad is not None}
        self._let_go()
        norm = _norm(gradients.values())
        if math.isfinite(norm):
            for group in self._optimiser.param_groups:
                group["lr"] = learning_rate
            scale = min(1.0, max_gradient_norm / (norm + 1e-6))
            for few in _batched(pairs):
                self._step(few, gradients, scale)
        return norm

    @torch.no_grad()
    def _step(self, few: Sequence[_Pair], gradients: dict[int, torch.Tensor], scale: float) -> None:
        """Update a few parameters; the optimiser skips those without a gradient."""
        for parameter, master in few:
            master.grad = gradients.pop(id(parameter)).float().mul_(scale)
        self._optimiser.step()
        for parameter, master in few:
            master.grad = None
            if master is not parameter:
                parameter.copy_(master)

    def clear(self) -> None:
        """Clear all gradients."""
        self._let_go()

    def _let_go(self) -> None:
        for parameter, master in zip(self.parameters, self._masters, strict=True):
            parameter.grad = master.grad = None

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that the next step depends on, as named tensors: master weights, moments, step counts.

        Under FSDP these are this process's shards.
        """
        state = {f"master.{at}": master.detach() for at, master in enumerate(self._masters)}
        for at, moments in self._optimiser.state_dict()["state"].items():
            for name, value in moments.items():
                state[f"moment.{at}.{name}"] = value if isinstance(value, torch.Tensor) else torch.tensor(value)
        return state

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Restore the weights and moments that `state` returned.

        Raises:
            ValueError: the state is that of another model.
        """
        masters = [state[f"master.{at}"] for at in range(len(self._masters)) if f"master.{at}" in state]
        if [saved.shape for saved in masters] != [master.shape for master in self._masters]:
            raise ValueError("the state belongs to another set of weights")
        with torch.no_grad():
            for parameter, master, saved in zip(self.parameters, self._masters, masters, strict=True):
                master.copy_(like(saved, master))
                if master is not parameter:
                    parameter.copy_(master)
        moments: dict[int, dict[str, Any]] = {}
        for name, value in state.items():
            if name.startswith("moment."):
                _, at, key = name.split(".", 2)
                moments.setdefault(int(at), {})[key] = like(value, self._masters[int(at)])
        fresh = self._optimiser.state_dict()
        self._optimiser.load_state_dict({**fresh, "state": moments})


def _norm(gradients: Iterable[torch.Tensor]) -> float:
    """Return the norm of all gradients together, computed in fp32; 0 where there are none."""
    norms = [torch.linalg.vector_norm(gradient.float()) for gradient in gradients]
    return float(whole(torch.linalg.vector_norm(torch.stack(norms)))) if norms else 0.0


def _batched(pairs: Sequence[_Pair]) -> Iterator[list[_Pair]]:
    """Yield parameters in groups of at most `_AT_ONCE` elements, so that few gradients are in fp32 at once."""
    run: list[_Pair] = []
    elements = 0
    for pair in pairs:
        if run and elements + pair[0].numel() > _AT_ONCE:
            yield run
            run, elements = [], 0
        run.append(pair)
        elements += pair[0].numel()
    if run:
        yield run


def _make(masters: list[torch.nn.Parameter] | list[torch.Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimiser == "adafactor":
        return torch.optim.Adafactor(masters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return torch.optim.AdamW(masters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.999))
