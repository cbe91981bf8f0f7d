"""Recipes: how a model is tuned. Hyper-parameters as plain data, named, and part of every result's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuition.base.errors import UserError
from tuition.base.registry import Registry

Schedule = Literal["constant", "linear"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of tuning.

    A run takes `epochs` over its labels but never fewer than `min_steps` optimiser steps, since sixteen labels in
    batches of eight are two steps an epoch and would teach nothing. `warmup` is a share of all steps. `max_length`
    bounds prompt and target together, in tokens. What is longer is shortened (worked examples first, then the input at
    its `cut` end), left out of training, or refused, as `too_long` says; all of it is counted. Judging leaves no row
    out: there, what training would leave out is shortened.
    """

    name: str
    tuner: str = "lora"
    epochs: int = 3
    min_steps: int = 1
    batch_size: int = 8
    learning_rate: float = 5e-4
    schedule: Schedule = "linear"
    warmup: float = 0.1
    weight_decay: float = 0.0
    max_gradient_norm: float = 1.0
    max_length: int = 1152
    too_long: Literal["shorten", "drop-instance", "raise"] = "shorten"
    cut: Literal["end", "start"] = "end"
    share_prefix: bool = True

    def steps(self, labels: int) -> int:
        """Return the number of optimiser steps that `labels` training instances take; none for none.

        Raises:
            UserError: fewer than zero labels.
        """
        if labels < 0:
            raise UserError(f"{labels} labels: a budget is 0 or more")
        if labels == 0:
            return 0
        return max(self.min_steps, self.epochs * -(-labels // self.batch_size))


RECIPES: Registry[Recipe] = Registry("recipe")
for _recipe in (
    # Small data on a small machine: few, strong steps of LoRA.
    Recipe(name="small-data", epochs=2, min_steps=8, batch_size=8, learning_rate=2e-3),
):
    RECIPES.add(_recipe.name, _recipe)
