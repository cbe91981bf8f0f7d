"""The training loop: short, seeded, on the targets only, resumable between any two steps."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.base.interrupts import deferred_interrupts
from tuition.base.seeds import derive_seed, named_random
from tuition.models.attention import attention_for
from tuition.models.batches import IGNORED, collate
from tuition.models.objective import Objective
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.training.checkpoints import Checkpoint
from tuition.training.distributed import ALONE, Group, ProcessLostError
from tuition.training.memory import Accumulator
from tuition.training.optimiser import MasterOptimiser
from tuition.training.sharding import make_whole, shard

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """What a run of training did: the mean loss a target token (nats) of each optimiser step, and its cost.

    `resumed_at` is the step that it went on from after an interruption, 0 where there was none; `halved`, how often
    memory made it divide its batches further; `processes`, how many learnt together; `together`, how many adapters were
    trained at once on the one base.
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


def train(
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    recipe: Recipe,
    *,
    seed: int,
    batches: Iterator[list[int]] | None = None,
    checkpoint: Checkpoint | None = None,
    advance: Advance = lambda done: None,
    group: Group = ALONE,
) -> TrainingLog:
    """Tune the trainable parameters of `tuned`, in place, on the targets of `prompts`.

    The loss of an optimiser step is the mean cross-entropy over all target tokens of its batch, however the batch is
    divided by prefix and by memory. By default every epoch is shuffled anew from a named seed.

    Args:
        tuned: a model, causal or encoder-decoder, with a tuner attached.
        prompts: the training instances.
        recipe: steps, rates and whether prefixes are shared.
        seed: decides the order.
        batches: positions in `prompts`, a list a step, where a mixture decides them.
        checkpoint: where the state is kept; a run that was stopped goes on from there, bit for bit on a CPU.
        advance: is told after each step how many instances it used.
        group: the processes that learn together, all of which call this with the same model, prompts and order. Under
            FSDP, `tuned` can afterwards be saved by the first of them, but not run.

    Raises:
        UserError: there is nothing to learn from, the loss is no longer a number, or memory does not suffice.
        KeyboardInterrupt: a signal to stop came; the state was kept first.
    """
    if not prompts:
        raise UserError("training was asked for with no instance; give a budget of at least 1, or evaluate untrained")
    check_targets(prompts)
    started = time.perf_counter()
    torch.manual_seed(derive_seed("training", seed))
    group.same("the weights to learn", learning_weights(tuned))
    if group.sharding is not None:
        shard(tuned, group.sharding, recipe)
    # FSDP lets go of weights after one pass forward and back, so that a prefix cannot have a pass of its own.
    packed = recipe.gradient_checkpointing or group.sharding is not None
    objective = Objective(tuned, share_prefix=recipe.share_prefix, checkpointed=packed).train()
    optimiser = MasterOptimiser(tuned.parameters(), recipe)
    run = _Run(objective, optimiser, recipe, checkpoint, group)
    done = run.begin()
    order = batches if batches is not None else epoch_batches(len(prompts), recipe.batch_size, seed)
    longest = max(len(prompt.body) + len(prompt.target) for prompt in prompts)
    prefix = max(len(prompt.prefix) for prompt in prompts)
    with attention_for(tuned, rows=recipe.batch_size, row=longest, prefix=prefix), checkpointed(tuned, recipe):
        _take_steps(run, ([prompts[at] for at in positions] for positions in order), done, seed, advance, len(prompts))
    tuned.eval()
    group.same("the learnt weights", learning_weights(tuned))
    if group.sharding is not None:
        make_whole(tuned, keep=group.first)
    return run.log(prompts, seconds=time.perf_counter() - started, resumed_at=done)


def _take_steps(
    run: _Run,
    batches: Iterator[list[TokenizedPrompt]],
    done: int,
    seed: int,
    advance: Advance,
    instances: int,
) -> None:
    """Take a run's optimiser steps, from the first that was not done before.

    Raises:
        KeyboardInterrupt: a signal to stop came; the state was kept first.
    """
    steps = run.recipe.steps(instances)
    with deferred_interrupts() as interrupts:
        for step in range(steps):
            batch = next(batches)
            if step >= done:
                run.group.reseed(seed, step)
                with run.kept_if_lost():
                    run.step(batch, steps)
                    asked = run.group.any(interrupts.asked)
                if asked:
                    run.keep()
                    raise KeyboardInterrupt
            advance(len(batch))


def learning_weights(tuned: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the weights of a model that learn."""
    return (parameter for parameter in tuned.parameters() if parameter.requires_grad)


@contextmanager
def checkpointed(tuned: nn.Module, recipe: Recipe) -> Iterator[None]:
    """Compute activations anew in backward passes meanwhile, if the recipe says so."""
    if not recipe.gradient_checkpointing:
        yield
        return
    switch: Any = tuned
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # transformers 5 renames it, and keeps the old name
        switch.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        try:
            yield
        finally:
            switch.gradient_checkpointing_disable()


class _Run:
    """A run of training: what it has done, and how it does one step more."""

    def __init__(
        self,
        objective: Objective,
        optimiser: MasterOptimiser,
        recipe: Recipe,
        checkpoint: Checkpoint | None,
        group: Group,
    ) -> None:
        self.losses: list[float] = []
        self.accumulator = Accumulator(objective, optimiser, recipe.memory, group)
        self._optimiser, self.recipe, self._checkpoint, self.group = optimiser, recipe, checkpoint, group

    def log(self, prompts: Sequence[TokenizedPrompt], *, seconds: float, resumed_at: int) -> TrainingLog:
        return TrainingLog(
            steps=len(self.losses),
            losses=tuple(self.losses),
            instances=len(prompts),
            target_tokens=sum(len(prompt.target) for prompt in prompts),
            trained_parameters=sum(parameter.numel() for parameter in self._optimiser.parameters),
            shared_prefix=self.accumulator.objective.shares,
            seconds=seconds,
            resumed_at=resumed_at,
            halved=self.accumulator.halved,
            processes=self.group.size,
        )

    def begin(self) -> int:
        if self._checkpoint is not None:
            self.losses = self._checkpoint.begin(self._optimiser)
        met = self.group.meet("begin", len(self.losses), self.accumulator.objective.shares)
        if len({found for found, _ in met}) > 1:
            raise UserError("the processes do not see the same kept state; all machines must share the results' folder")
        if len({shares for _, shares in met}) > 1:
            raise UserError("some devices share prefixes exactly and others do not; say share_prefix: false")
        return len(self.losses)

    def step(self, batch: Sequence[TokenizedPrompt], steps: int) -> None:
        recipe = self.recipe
        loss = self.accumulator.backward(batch)
        if not math.isfinite(loss):
            self._diverged(f"the loss is {loss}", steps)
        rate = recipe.learning_rate * rate_factor(recipe, len(self.losses), steps)
        norm = self._optimiser.step(rate, recipe.max_gradient_norm)
        if not math.isfinite(norm):
            self._diverged(f"the gradients' norm is {norm}", steps)
        self.losses.append(loss)
        if self._checkpoint is None or len(self.losses) == steps:
            return
        if self.group.any(self.group.first and self._checkpoint.due()):
            self.keep()

    def keep(self) -> None:
        # Of whole weights, one process has all; of divided ones, each has a part to give.
        if self._checkpoint is not None and (self.group.first or self.group.sharding is not None):
            self._checkpoint.keep(self._optimiser, self.losses)

    @contextmanager
    def kept_if_lost(self) -> Iterator[None]:
        """Keep the state before another process was lost; of divided weights, a part went with it."""
        try:
            yield
        except ProcessLostError:
            if self.group.sharding is None:
                self._optimiser.clear()
                self.keep()
            raise

    def _diverged(self, what: str, steps: int) -> None:
        self._optimiser.clear()
        self.keep()
        raise diverged(what, len(self.losses) + 1, steps, self.recipe, self._checkpoint)


def diverged(what: str, step: int, steps: int, recipe: Recipe, checkpoint: Checkpoint | None) -> UserError:
    """Return the error of a run whose loss or gradients are no numbers at `step` of `steps`."""
    kept = f" The state before it is kept in {checkpoint.folder}." if checkpoint else ""
    return UserError(
        f"at step {step} of {steps} {what}; lower the learning rate "
        f"({recipe.learning_rate:g}) or use precision float32.{kept}"
    )


def rate_factor(recipe: Recipe, step: int, steps: int) -> float:
    """Return the share of the full learning rate at `step` of `steps`: a linear warm-up, then the schedule."""
    warm = math.ceil(recipe.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if recipe.schedule == "constant":
        return 1.0
    return (steps - step) / (steps - warm)


def epoch_batches(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Yield positions in batches for ever: every epoch shuffled anew from a named seed, its last batch the rest."""
    epoch = 0
    while True:
        order = list(range(count))
        named_random("order", seed, epoch).shuffle(order)
        yield from (order[start : start + size] for start in range(0, count, size))
        epoch += 1


def check_targets(prompts: Sequence[TokenizedPrompt]) -> None:
    """Assert what must hold of every run: each instance's answer, and nothing else, is learnt, with its end token."""
    ends = {prompt.target[-1:] for prompt in prompts}
    if () in ends or len(ends) != 1:
        raise ValueError("every target must hold tokens and end with the one end token")
    first = TokenizedPrompt((), prompts[0].prefix + prompts[0].body, prompts[0].target)
    labels = collate([first]).labels[0]
    learnt = tuple(int(label) for label in labels[labels != IGNORED])
    if learnt != prompts[0].target:
        raise ValueError("the label mask leaves out a part of the target, or lets something else in")
