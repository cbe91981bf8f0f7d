"""A run of training between its first and its last optimiser step: its state so far, and the next step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from tuition.base.errors import UserError
from tuition.models.objective import Objective
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.training.ahead import UNREAD, Prepared, StepsAhead, first_not_finite
from tuition.training.checkpoints import Checkpoint
from tuition.training.device_optimiser import AheadOptimiser
from tuition.training.distributed import ALONE, Group, ProcessLostError
from tuition.training.memory import Accumulator
from tuition.training.optimiser import MasterOptimiser
from tuition.training.passes import Passes


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """What training did: the mean loss per target token (nats) of each optimiser step, and its cost.

    `resumed_at` is the step at which training resumed after an interruption, 0 where there was none; `halved` is how
    often the token budget was halved to fit memory; `processes` is the number of processes; `together` is the number of
    adapters trained at once on one base; `launches` is, on an accelerator, how steps were launched, and why not as CUDA
    graphs where they were not.
    """

    steps: int
    losses: tuple[float, ...]
    instances: int
    target_tokens: int
    trained_parameters: int
    shared_prefix: bool
    seconds: float
    resumed_at: int = 0
    halved: int = 0
    processes: int = 1
    together: int = 1
    launches: str = ""


class Run(ABC):
    """A run of training: what it has done, and how it does one step more."""

    def __init__(
        self, optimiser: MasterOptimiser, recipe: Recipe, checkpoint: Checkpoint | None, group: Group = ALONE
    ) -> None:
        """Begin with nothing done."""
        self.losses: list[float] = []
        self.recipe, self.group = recipe, group
        self._optimiser, self._checkpoint = optimiser, checkpoint

    @property
    @abstractmethod
    def shares(self) -> bool:
        """Whether prefixes are shared."""

    @property
    @abstractmethod
    def halved(self) -> int:
        """How often memory made batches smaller."""

    def launches(self) -> str:
        """Return how steps were launched, where they are launched ahead."""
        return ""

    def log(self, prompts: Sequence[TokenizedPrompt], *, seconds: float, resumed_at: int) -> TrainingLog:
        """Return what was done."""
        return TrainingLog(
            steps=len(self.losses),
            losses=tuple(self.losses),
            instances=len(prompts),
            target_tokens=sum(len(prompt.target) for prompt in prompts),
            trained_parameters=sum(parameter.numel() for parameter in self._optimiser.parameters),
            shared_prefix=self.shares,
            seconds=seconds,
            resumed_at=resumed_at,
            halved=self.halved,
            processes=self.group.size,
            launches=self.launches(),
        )

    def restore(self) -> int:
        """Restore the checkpoint, if there is one; return the number of steps done.

        Raises:
            UserError: the checkpoint cannot be read, or processes see different ones.
        """
        if self._checkpoint is not None:
            self.losses = self._checkpoint.begin(self._optimiser)
        states = self.group.meet("begin", len(self.losses), self.shares)
        if len({done for done, _ in states}) > 1:
            raise UserError("the processes do not see the same checkpoint; all machines must share the results' folder")
        if len({shares for _, shares in states}) > 1:
            raise UserError("some devices share prefixes exactly and others do not; set share_prefix: false")
        return len(self.losses)

    def prepared(self, batches: Iterator[list[TokenizedPrompt]]) -> Generator[Prepared]:
        """Yield the batches of the steps to come as `step` takes them."""
        yield from (Prepared(batch) for batch in batches)

    @abstractmethod
    def step(self, batch: Prepared, steps: int) -> None:
        """Take one of `steps` optimiser steps.

        Raises:
            UserError: the loss or the gradients' norm is not finite; the state before was saved.
        """

    @abstractmethod
    def finish(self, steps: int) -> None:
        """Do what is left to do after the last of `steps`.

        Raises:
            UserError: as `step`.
        """

    def close(self) -> None:
        """Let go of what only further steps would need."""
        return

    def save(self) -> None:
        """Save the state between two steps."""
        # Where weights are sharded, every process has a part to save.
        if self._checkpoint is not None and (self.group.first or self.group.sharding is not None):
            self._checkpoint.save(self._optimiser, self.losses)

    @contextmanager
    def saved_if_lost(self) -> Iterator[None]:
        """Save the state if another process is lost; where weights are sharded, its part is lost too."""
        try:
            yield
        except ProcessLostError:
            if self.group.sharding is None:
                self._optimiser.clear()
                self.save()
            raise

    def _save_if_due(self, done: int, steps: int) -> None:
        if self._checkpoint is None or done == steps:
            return
        if self.group.any(self.group.first and self._checkpoint.due()):
            self.save()

    def _rate(self, step: int, steps: int) -> float:
        return self.recipe.learning_rate * rate_factor(self.recipe, step, steps)

    def _diverged(self, what: str, steps: int) -> NoReturn:
        self._optimiser.clear()
        self.save()
        raise diverged(what, len(self.losses) + 1, steps, self.recipe, self._checkpoint)


class StepRun(Run):
    """A run that reads each step's numbers before the next one: on CPUs, and in several processes."""

    def __init__(
        self,
        objective: Objective,
        optimiser: MasterOptimiser,
        recipe: Recipe,
        checkpoint: Checkpoint | None,
        group: Group,
    ) -> None:
        """`objective` and `optimiser` are of the same model."""
        super().__init__(optimiser, recipe, checkpoint, group)
        self.accumulator = Accumulator(objective, optimiser, recipe.memory, group)

    @property
    def shares(self) -> bool:
        """Whether prefixes are shared."""
        return self.accumulator.objective.shares

    @property
    def halved(self) -> int:
        """How often memory made batches smaller."""
        return self.accumulator.halved

    def step(self, batch: Prepared, steps: int) -> None:
        """Take one of `steps` optimiser steps.

        Raises:
            UserError: the loss or the gradients' norm is not finite; the state before was saved.
        """
        loss = self.accumulator.backward(batch.rows)
        if not math.isfinite(loss):
            self._diverged(f"the loss is {loss}", steps)
        norm = self._optimiser.step(self._rate(len(self.losses), steps), self.recipe.max_gradient_norm)
        if not math.isfinite(norm):
            self._diverged(f"the gradients' norm is {norm}", steps)
        self.losses.append(loss)
        self._save_if_due(len(self.losses), steps)

    def finish(self, steps: int) -> None:
        """Nothing is left to do: every step's numbers are known."""


class AheadRun(Run):
    """A run whose steps are launched without waiting for the device; their numbers are read every few steps.

    A step whose loss or norm is not finite changes nothing, nor does any after it, so that when it is noticed the state
    before it is still there to be saved.
    """

    def __init__(
        self, passes: Passes, optimiser: AheadOptimiser, recipe: Recipe, checkpoint: Checkpoint | None
    ) -> None:
        """`passes` and `optimiser` are of the same model."""
        super().__init__(optimiser, recipe, checkpoint)
        self.ahead = StepsAhead(passes, optimiser, recipe.memory)
        self._steps = 0

    @property
    def shares(self) -> bool:
        """Whether prefixes are shared."""
        return self.ahead.passes.shares

    @property
    def halved(self) -> int:
        """How often memory made batches smaller."""
        return self.ahead.halved

    def launches(self) -> str:
        """Return how steps were launched."""
        return self.ahead.launches()

    def prepared(self, batches: Iterator[list[TokenizedPrompt]]) -> Generator[Prepared]:
        """Yield batches that another thread has prepared."""
        return self.ahead.prepared(batches)

    def step(self, batch: Prepared, steps: int) -> None:
        """Launch one of `steps` optimiser steps.

        Raises:
            UserError: the loss or norm of one of the last few steps is not finite; the state before it was saved.
        """
        self._steps = steps
        done = len(self.losses) + self.ahead.unread
        self.ahead.step(batch, self._rate(done, steps))
        if self.ahead.unread >= UNREAD:
            self.finish(steps)
        self._save_if_due(done + 1, steps)

    def finish(self, steps: int) -> None:
        """Wait for the steps that were launched, and read their numbers.

        Raises:
            UserError: as `step`.
        """
        numbers = self.ahead.read()
        bad = first_not_finite(numbers)
        good = numbers if bad is None else numbers[: bad[0]]
        self.losses += [loss for loss, _ in good]
        if bad is not None:
            self._diverged(bad[1], steps)

    def close(self) -> None:
        """Let go of graphs and gradients."""
        self.ahead.close()

    def save(self) -> None:
        """Save the state after all steps that were launched.

        Raises:
            UserError: as `step`.
        """
        self.finish(self._steps)
        super().save()


def diverged(what: str, step: int, steps: int, recipe: Recipe, checkpoint: Checkpoint | None) -> UserError:
    """Return the error for a loss or gradients that are not finite at `step` of `steps`."""
    saved = f" The state before this step is saved in {checkpoint.folder}." if checkpoint else ""
    return UserError(
        f"at step {step} of {steps} {what}; lower the learning rate "
        f"({recipe.learning_rate:g}) or use precision float32.{saved}"
    )


def rate_factor(recipe: Recipe, step: int, steps: int) -> float:
    """Return the factor on the learning rate at `step` of `steps`: a linear warm-up, then the schedule."""
    warm = math.ceil(recipe.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if recipe.schedule == "constant":
        return 1.0
    return (steps - step) / (steps - warm)
