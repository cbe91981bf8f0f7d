"""What a plan will take, told before its first step: optimiser steps, tokens, trained parameters, disk and time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuition.models.tuners import make_tuner
from tuition.studies.steps import Step, TrainStep

if TYPE_CHECKING:
    from tuition.models.load import LoadedModel

_BYTES = {"float32": 4, "bfloat16": 2, "nf4": 4}
_PROBE = 192
"""Tokens of the sequence by which the machine's pace is taken."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The work that is left in a plan. `parameters` are those that the largest training trains; `disk` is in bytes."""

    training: int
    judging: int
    optimiser_steps: int
    tokens: float
    parameters: int
    disk: int
    seconds: float

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{self.judging} to judge"]
        if self.training:
            parts.insert(0, f"{self.training} models to train in {self.optimiser_steps:,} optimiser steps")
            parts.append(f"up to {self.parameters / 1e6:.2f} M parameters trained each")
            parts.append(f"{self.disk / 1e6:,.0f} MB of disk")
        parts.append(f"about {self.tokens / 1e3:,.0f} k tokens, {_duration(self.seconds)} at this machine's pace")
        return "; ".join(parts)


def estimate(pending: Sequence[Step], loaded: LoadedModel, precision: str) -> Estimate:
    """Estimate what the pending steps will take, from their costs and the pace of one forward pass.

    Args:
        pending: the steps that are left.
        loaded: the base model, on the machine that will run them.
        precision: the number format that weights are kept in.
    """
    training = [step for step in pending if isinstance(step, TrainStep)]
    by_tuner: dict[str, int] = {}
    sizes = {}
    for step in training:
        told = repr((step.recipe.tuner, sorted(step.recipe.tuner_options.items())))
        if told not in by_tuner:
            by_tuner[told] = _trained(step, loaded)
        sizes[step.key] = by_tuner[told]
    tokens = sum(step.cost for step in pending)
    return Estimate(
        training=len(training),
        judging=len(pending) - len(training),
        optimiser_steps=sum(step.recipe.steps(step.rows) for step in training),
        tokens=tokens,
        parameters=max(sizes.values(), default=0),
        disk=sum(sizes.values()) * _BYTES[precision],
        seconds=tokens * _pace(loaded),
    )


def _trained(step: TrainStep, loaded: LoadedModel) -> int:
    """Count the parameters that a step trains, on a copy of the model without weights."""
    import torch

    with torch.device("meta"):
        empty = type(loaded.model)(loaded.model.config)
    tuned = make_tuner(step.recipe.tuner, step.recipe.tuner_options).attach(empty, 0)
    return sum(parameter.numel() for parameter in tuned.parameters() if parameter.requires_grad)


def _pace(loaded: LoadedModel) -> float:
    """Return the seconds that one token takes forward: the lesser of two passes over a short sequence."""
    import torch

    ids = torch.full((1, _PROBE), loaded.tokens.end, device=loaded.device)
    given = {"input_ids": ids, **({"labels": ids[:, :1]} if loaded.encoder_decoder else {})}
    times = []
    for _ in range(2):
        started = time.perf_counter()
        with torch.inference_mode():
            loaded.model(**given)
        times.append(time.perf_counter() - started)
    return min(times) / _PROBE


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
