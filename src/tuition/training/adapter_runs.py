"""Runs of training that share a base: what each is given, which can be together, and where each is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.models.adapters.suitability import drops_at_random, why_not
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.training.checkpoints import Checkpoint
from tuition.training.trainer import Advance, TrainingLog, rate_factor

Save = Callable[[Path], None]
"""Writes the trained adapter into a folder, as the tuner's `save` does; it works only while `finish` runs."""


@dataclass(frozen=True, slots=True)
class AdapterRun:
    """One run of training among others: what `train` takes, and who is called when it ends.

    `start` is the folder of a saved adapter to continue with; without it the weights are drawn from `seed`. One of
    `finish` and `fail` is called, once, unless training is interrupted: then every state is saved.
    """

    prompts: Sequence[TokenizedPrompt]
    recipe: Recipe
    seed: int
    finish: Callable[[TrainingLog, Save], None]
    fail: Callable[[UserError], None]
    batches: Iterator[list[int]] | None = None
    checkpoint: Checkpoint | None = None
    advance: Advance = lambda done: None
    start: Path | None = None


def group_key(recipe: Recipe) -> Hashable:
    """Return what recipes must have in common for their runs to be trained together."""
    options = tuple(sorted(recipe.tuner_options.items()))
    shared = (recipe.share_prefix, recipe.gradient_checkpointing, recipe.memory)
    return (recipe.tuner, options, recipe.optimiser, *shared)


def why_alone(model: nn.Module, recipe: Recipe, *, processes: int = 1) -> str:
    """Return why runs of a recipe on this model are trained one after another; nothing where they can be together.

    `processes` is how many processes train one model together, each on a part of its batches.
    """
    if processes > 1:
        return f"{processes} processes divide each batch among them"
    if reason := why_not(model, make_tuner(recipe.tuner, recipe.tuner_options)):
        return reason
    if dropping := drops_at_random(model):
        return f"the model drops activations at random ({dropping}), which a run alone draws otherwise than a group"
    return ""


class Waiting:
    """Runs that have no slot yet: those that lost theirs first, then the caller's, fetched one at a time."""

    def __init__(self, runs: Iterable[AdapterRun]) -> None:
        """`runs` is read one run at a time."""
        self._fresh = iter(runs)
        self._back: deque[AdapterRun | Running] = deque()

    def put_back(self, run: AdapterRun | Running) -> None:
        """Put a run before all others that wait."""
        self._back.appendleft(run)

    def take(self) -> AdapterRun | Running | None:
        """Return the next run; None where there is none left."""
        return self._back.popleft() if self._back else next(self._fresh, None)

    def peek(self) -> AdapterRun | None:
        """Return the first run, which stays the first; None where there is none."""
        run = next(self._fresh, None)
        if run is not None:
            self.put_back(run)
        return run


@dataclass(slots=True)
class Running:
    """A run that has begun: where it is, and, between two banks, the state that it left the first with."""

    run: AdapterRun
    steps: int
    batches: Iterator[list[int]]
    losses: list[float] = field(default_factory=list)
    resumed_at: int = 0
    seconds: float = 0.0
    batch: list[TokenizedPrompt] = field(default_factory=list)
    following: list[TokenizedPrompt] = field(default_factory=list)
    aside: dict[str, torch.Tensor] = field(default_factory=dict)

    def next_batch(self) -> list[TokenizedPrompt]:
        """Return the prompts of the next step, the same until it is taken."""
        if not self.batch:
            self.batch = self._fetch()
        return self.batch

    def batch_after(self) -> list[TokenizedPrompt]:
        """Return the prompts of the step after the next one."""
        if not self.following:
            self.following = self._fetch()
        return self.following

    def took(self, loss: float) -> int:
        """Record a step; return how many instances it used."""
        self.losses.append(loss)
        used = len(self.batch)
        self.batch, self.following = self.following, []
        return used

    def _fetch(self) -> list[TokenizedPrompt]:
        return [self.run.prompts[at] for at in next(self.batches)]

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        recipe = self.run.recipe
        return recipe.learning_rate * rate_factor(recipe, len(self.losses), self.steps)

    @property
    def ended(self) -> bool:
        """Whether all steps are taken."""
        return len(self.losses) >= self.steps
