"""The training loop: short, seeded, on the targets only, resumable between any two steps."""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.base.interrupts import deferred_interrupts
from tuition.base.seeds import derive_seed, named_random
from tuition.models.attention import attention_for
from tuition.models.batches import IGNORED, collate
from tuition.models.execution import execution_for
from tuition.models.objective import Objective
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.training.checkpoints import Checkpoint
from tuition.training.device_optimiser import AheadOptimiser
from tuition.training.distributed import ALONE, Group
from tuition.training.optimiser import MasterOptimiser
from tuition.training.passes import make_passes
from tuition.training.runs import AheadRun, Run, StepRun, TrainingLog
from tuition.training.sharding import make_whole, shard

Advance = Callable[[int], None]


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
    _check_targets(prompts)
    started = time.perf_counter()
    torch.manual_seed(derive_seed("training", seed))
    group.same("the weights to learn", learning_weights(tuned))
    if group.sharding is not None:
        shard(tuned, group.sharding, recipe)
    # FSDP lets go of weights after one pass forward and back, so that a prefix cannot have a pass of its own.
    packed = recipe.gradient_checkpointing or group.sharding is not None
    tuned.train()
    order = batches if batches is not None else epoch_batches(len(prompts), recipe.batch_size, seed)
    longest = max(len(prompt.body) + len(prompt.target) for prompt in prompts)
    prefix = max(len(prompt.prefix) for prompt in prompts)
    run = _make_run(tuned, recipe, checkpoint, group, packed=packed)
    done = run.begin()
    with (
        attention_for(tuned, rows=recipe.batch_size, row=longest, prefix=prefix),
        _checkpointed(tuned, recipe),
        closing(run),
    ):
        _take_steps(run, ([prompts[at] for at in positions] for positions in order), done, seed, advance, len(prompts))
    tuned.eval()
    group.same("the learnt weights", learning_weights(tuned))
    if group.sharding is not None:
        make_whole(tuned, keep=group.first)
    return run.log(prompts, seconds=time.perf_counter() - started, resumed_at=done)


def _make_run(tuned: nn.Module, recipe: Recipe, checkpoint: Checkpoint | None, group: Group, *, packed: bool) -> Run:
    execution = execution_for(next(tuned.parameters()).device)
    if execution.ahead and group.size == 1:
        passes = make_passes(tuned, recipe, packed=execution.packed)
        optimiser = AheadOptimiser(tuned.parameters(), recipe)
        return AheadRun(passes, optimiser, recipe, checkpoint)
    objective = Objective(tuned, share_prefix=recipe.share_prefix, checkpointed=packed)
    return StepRun(objective, MasterOptimiser(tuned.parameters(), recipe), recipe, checkpoint, group)


def _take_steps(
    run: Run,
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
    for known in itertools.islice(batches, done):
        advance(len(known))
    with deferred_interrupts() as interrupts, closing(run.prepared(itertools.islice(batches, steps - done))) as ready:
        for step, batch in enumerate(ready, start=done):
            run.group.reseed(seed, step)
            with run.kept_if_lost():
                run.step(batch, steps)
                asked = run.group.any(interrupts.asked)
            if asked:
                run.keep()
                raise KeyboardInterrupt
            advance(len(batch))
        run.finish(steps)
    if len(run.losses) < steps:
        raise ValueError(f"the batches ended after {len(run.losses)} of {steps} steps")


def learning_weights(tuned: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the weights of a model that learn."""
    return (parameter for parameter in tuned.parameters() if parameter.requires_grad)


@contextmanager
def _checkpointed(tuned: nn.Module, recipe: Recipe) -> Iterator[None]:
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


def epoch_batches(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Yield positions in batches for ever: every epoch shuffled anew from a named seed, its last batch the rest."""
    epoch = 0
    while True:
        order = list(range(count))
        named_random("order", seed, epoch).shuffle(order)
        yield from (order[start : start + size] for start in range(0, count, size))
        epoch += 1


def _check_targets(prompts: Sequence[TokenizedPrompt]) -> None:
    """Assert what must hold of every run: each instance's answer, and nothing else, is learnt, with its end token."""
    ends = {prompt.target[-1:] for prompt in prompts}
    if () in ends or len(ends) != 1:
        raise ValueError("every target must hold tokens and end with the one end token")
    first = TokenizedPrompt((), prompts[0].prefix + prompts[0].body, prompts[0].target)
    labels = collate([first]).labels[0]
    learnt = tuple(int(label) for label in labels[labels != IGNORED])
    if learnt != prompts[0].target:
        raise ValueError("the label mask leaves out a part of the target, or lets something else in")
