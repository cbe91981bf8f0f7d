"""The training loop: seeded, with a loss on the targets only, resumable between any two steps."""

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
    """What training did: the mean loss per target token (nats) of each optimiser step, and its cost.

    `resumed_at` is the step at which training resumed after an interruption, 0 where there was none; `halved` is how
    often the token budget was halved to fit memory; `processes` is the number of processes; `together` is the number of
    adapters trained at once on one base.
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
    """Train the trainable parameters of `tuned`, in place, on the targets of `prompts`.

    The loss of a step is the mean cross-entropy over all target tokens of its batch, whatever the micro-batches. By
    default, each epoch is reshuffled with a seed derived from `seed` and the epoch's number.

    Args:
        tuned: a model, causal or encoder-decoder, with a tuner attached.
        prompts: the training instances.
        recipe: steps, rates and whether prefixes are shared.
        seed: decides the order of the instances.
        batches: positions in `prompts`, one list per step, where a mixture decides them.
        checkpoint: where the state is saved; an interrupted run resumes from there, bit for bit on a CPU.
        advance: called after each step with the number of instances it used.
        group: the processes that train together, all of which call this with the same model, prompts and order. Under
            FSDP, `tuned` can afterwards be saved by the first of them, but not run.

    Raises:
        UserError: there is no instance, the loss is no longer finite, or memory runs out.
        KeyboardInterrupt: the run was interrupted; the state was saved first.
    """
    if not prompts:
        raise UserError("there is no instance to train on; give a budget of at least 1, or evaluate untrained")
    check_targets(prompts)
    started = time.perf_counter()
    torch.manual_seed(derive_seed("training", seed))
    group.same("the weights to train", trainable_weights(tuned))
    if group.sharding is not None:
        shard(tuned, group.sharding, recipe)
    # FSDP frees weights after one forward and backward pass, so a prefix cannot have a pass of its own.
    packed = recipe.gradient_checkpointing or group.sharding is not None
    objective = Objective(tuned, share_prefix=recipe.share_prefix, checkpointed=packed).train()
    optimiser = MasterOptimiser(tuned.parameters(), recipe)
    run = _Run(objective, optimiser, recipe, checkpoint, group)
    done = run.restore()
    order = batches if batches is not None else epoch_batches(len(prompts), recipe.batch_size, seed)
    longest = max(len(prompt.body) + len(prompt.target) for prompt in prompts)
    prefix = max(len(prompt.prefix) for prompt in prompts)
    with attention_for(tuned, rows=recipe.batch_size, row=longest, prefix=prefix), checkpointed(tuned, recipe):
        _take_steps(run, ([prompts[at] for at in positions] for positions in order), done, seed, advance, len(prompts))
    tuned.eval()
    group.same("the trained weights", trainable_weights(tuned))
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
    """Take a run's optimiser steps, from the first that is not done yet.

    Raises:
        KeyboardInterrupt: the run was interrupted; the state was saved first.
    """
    steps = run.recipe.steps(instances)
    with deferred_interrupts() as interrupts:
        for step in range(steps):
            batch = next(batches)
            if step >= done:
                run.group.reseed(seed, step)
                with run.saved_if_lost():
                    run.step(batch, steps)
                    interrupted = run.group.any(interrupts.requested)
                if interrupted:
                    run.save()
                    raise KeyboardInterrupt
            advance(len(batch))


def trainable_weights(tuned: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the trainable weights of a model."""
    return (parameter for parameter in tuned.parameters() if parameter.requires_grad)


@contextmanager
def checkpointed(tuned: nn.Module, recipe: Recipe) -> Iterator[None]:
    """Turn gradient checkpointing on within the block, if the recipe sets it."""
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
    """A run of training: its state so far, and the next step."""

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

    def restore(self) -> int:
        """Restore the checkpoint, if there is one; return the number of steps done."""
        if self._checkpoint is not None:
            self.losses = self._checkpoint.begin(self._optimiser)
        states = self.group.meet("begin", len(self.losses), self.accumulator.objective.shares)
        if len({done for done, _ in states}) > 1:
            raise UserError("the processes do not see the same checkpoint; all machines must share the results' folder")
        if len({shares for _, shares in states}) > 1:
            raise UserError("some devices share prefixes exactly and others do not; set share_prefix: false")
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
            self.save()

    def save(self) -> None:
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

    def _diverged(self, what: str, steps: int) -> None:
        self._optimiser.clear()
        self.save()
        raise diverged(what, len(self.losses) + 1, steps, self.recipe, self._checkpoint)


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


def epoch_batches(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of positions without end: each epoch is reshuffled from a named seed; its last batch is smaller."""
    epoch = 0
    while True:
        order = list(range(count))
        named_random("order", seed, epoch).shuffle(order)
        yield from (order[start : start + size] for start in range(0, count, size))
        epoch += 1


def check_targets(prompts: Sequence[TokenizedPrompt]) -> None:
    """Check that each instance is trained on its answer and end token, and on nothing else."""
    ends = {prompt.target[-1:] for prompt in prompts}
    if () in ends or len(ends) != 1:
        raise ValueError("every target must have tokens and end with the same end token")
    first = TokenizedPrompt((), prompts[0].prefix + prompts[0].body, prompts[0].target)
    labels = collate([first]).labels[0]
    labelled = tuple(int(label) for label in labels[labels != IGNORED])
    if labelled != prompts[0].target:
        raise ValueError("the label mask omits a part of the target, or includes tokens outside it")
