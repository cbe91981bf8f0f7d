"""The training loop: seeded, with a loss on the targets only, resumable between any two steps."""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.base.interrupts import deferred_interrupts
from tuition.base.seeds import derive_seed
from tuition.models.attention import attention_for
from tuition.models.batches import IGNORED, collate
from tuition.models.execution import execution_for
from tuition.models.objective import Objective
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.training.batch_order import epoch_batches
from tuition.training.checkpoints import Checkpoint
from tuition.training.device_optimiser import AheadOptimiser
from tuition.training.distributed import ALONE, Group
from tuition.training.optimiser import MasterOptimiser
from tuition.training.passes import make_passes
from tuition.training.runs import AheadRun, Run, StepRun, TrainingLog, diverged, rate_factor
from tuition.training.sharding import make_whole, shard

__all__ = [
    "Advance",
    "TrainingLog",
    "check_targets",
    "checkpointed",
    "diverged",
    "rate_factor",
    "train",
    "trainable_weights",
]

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
    tuned.train()
    order = batches if batches is not None else epoch_batches(len(prompts), recipe.batch_size, seed)
    run = _make_run(tuned, recipe, checkpoint, group, packed=packed)
    done = run.restore()
    with _attention(tuned, prompts, recipe), checkpointed(tuned, recipe), closing(run):
        _take_steps(run, ([prompts[at] for at in positions] for positions in order), done, seed, advance, len(prompts))
    tuned.eval()
    group.same("the trained weights", trainable_weights(tuned))
    if group.sharding is not None:
        make_whole(tuned, keep=group.first)
    return run.log(prompts, seconds=time.perf_counter() - started, resumed_at=done)


def _attention(tuned: nn.Module, prompts: Sequence[TokenizedPrompt], recipe: Recipe) -> AbstractContextManager[None]:
    longest = max(len(prompt.body) + len(prompt.target) for prompt in prompts)
    prefix = max(len(prompt.prefix) for prompt in prompts)
    return attention_for(tuned, rows=recipe.batch_size, row=longest, prefix=prefix)


def _make_run(tuned: nn.Module, recipe: Recipe, checkpoint: Checkpoint | None, group: Group, *, packed: bool) -> Run:
    execution = execution_for(next(tuned.parameters()).device)
    if execution.ahead and group.size == 1:
        passes = make_passes(tuned, recipe, packed=execution.packed)
        return AheadRun(passes, AheadOptimiser(tuned.parameters(), recipe), recipe, checkpoint)
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
    """Take a run's optimiser steps, from the first that is not done yet.

    Raises:
        KeyboardInterrupt: the run was interrupted; the state was saved first.
    """
    steps = run.recipe.steps(instances)
    for known in itertools.islice(batches, done):
        advance(len(known))
    with deferred_interrupts() as interrupts, closing(run.prepared(itertools.islice(batches, steps - done))) as ready:
        for step, batch in enumerate(ready, start=done):
            run.group.reseed(seed, step)
            with run.saved_if_lost():
                run.step(batch, steps)
                interrupted = run.group.any(interrupts.requested)
            if interrupted:
                run.save()
                raise KeyboardInterrupt
            advance(len(batch))
        run.finish(steps)
        if run.group.any(interrupts.requested):  # during the last step's end
            run.save()
            raise KeyboardInterrupt
    if len(run.losses) < steps:
        raise ValueError(f"the batches ended after {len(run.losses)} of {steps} steps")


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
