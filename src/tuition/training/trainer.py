"""The training loop: short, seeded, on the targets only, with the prefix of each batch run once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tuition.base.errors import UserError
from tuition.base.seeds import derive_seed, named_random
from tuition.models.attention import attention_for
from tuition.models.batches import collate, group_by_prefix
from tuition.models.prefix import TargetLoss, counts_padding, sharing_is_exact
from tuition.models.recipes import Recipe
from tuition.models.tokens import TokenizedPrompt
from tuition.training.masters import MasterAdamW

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """What a run of training did: the mean loss a target token (nats) of each optimiser step, and its cost."""

    steps: int
    losses: tuple[float, ...]
    instances: int
    target_tokens: int
    trained_parameters: int
    shared_prefix: bool
    seconds: float


def train(
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    recipe: Recipe,
    *,
    seed: int,
    advance: Advance = lambda done: None,
) -> TrainingLog:
    """Tune the trainable parameters of `tuned`, in place, on the targets of `prompts`.

    The loss of an optimiser step is the mean cross-entropy over all target tokens of its batch, however the batch is
    divided by prefix. Every epoch is shuffled anew from a named seed.

    Args:
        tuned: a causal model with a tuner attached.
        prompts: the training instances.
        recipe: steps, rates and whether prefixes are shared.
        seed: decides the order.
        advance: is told after each step how many instances it used.

    Raises:
        UserError: there is nothing to learn from, or the loss is no longer a number.
    """
    if not prompts:
        raise UserError("training was asked for with no instance; give a budget of at least 1, or evaluate untrained")
    _check_targets(prompts)
    started = time.perf_counter()
    share = recipe.share_prefix and sharing_is_exact(tuned)
    loss_of = TargetLoss(tuned, share_prefix=share).train()
    torch.manual_seed(derive_seed("training", seed))
    optimiser = MasterAdamW(tuned.parameters(), recipe)
    steps = recipe.steps(len(prompts))
    losses: list[float] = []
    batches = _batches(prompts, recipe.batch_size, seed)
    longest = max(len(prompt.body) + len(prompt.target) for prompt in prompts)
    prefix = max(len(prompt.prefix) for prompt in prompts)
    with attention_for(tuned, rows=recipe.batch_size, row=longest, prefix=prefix):
        for step in range(steps):
            batch = next(batches)
            losses.append(_backward(loss_of, batch))
            _refuse_divergence(losses, steps, recipe)
            optimiser.step(recipe.learning_rate * rate_factor(recipe, step, steps), recipe.max_gradient_norm)
            advance(len(batch))
    tuned.eval()
    return TrainingLog(
        steps=steps,
        losses=tuple(losses),
        instances=len(prompts),
        target_tokens=sum(len(prompt.target) for prompt in prompts),
        trained_parameters=sum(parameter.numel() for parameter in optimiser.parameters),
        shared_prefix=share,
        seconds=time.perf_counter() - started,
    )


def rate_factor(recipe: Recipe, step: int, steps: int) -> float:
    """Return the share of the full learning rate at `step` of `steps`: a linear warm-up, then the schedule."""
    warm = math.ceil(recipe.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if recipe.schedule == "constant":
        return 1.0
    return (steps - step) / (steps - warm)


def _batches(prompts: Sequence[TokenizedPrompt], size: int, seed: int) -> Iterator[list[TokenizedPrompt]]:
    epoch = 0
    while True:
        order = list(range(len(prompts)))
        named_random("order", seed, epoch).shuffle(order)
        for start in range(0, len(order), size):
            yield [prompts[position] for position in order[start : start + size]]
        epoch += 1


def _backward(loss_of: TargetLoss, batch: Sequence[TokenizedPrompt]) -> float:
    """Accumulate the gradients of a batch's mean loss over target tokens, prefix by prefix; return that loss."""
    device, pad_right = next(loss_of.parameters()).device, counts_padding(loss_of.model)
    targets = sum(len(prompt.target) for prompt in batch)
    total = 0.0
    for group in group_by_prefix(batch):
        rows = collate([batch[position] for position in group], pad_right=pad_right)
        loss = loss_of(rows.to(device)) / targets
        loss.backward()
        total += float(loss.detach())
    return total


def _refuse_divergence(losses: Sequence[float], steps: int, recipe: Recipe) -> None:
    if not math.isfinite(losses[-1]):
        raise UserError(
            f"the loss of step {len(losses)} of {steps} is {losses[-1]}; lower the learning rate "
            f"({recipe.learning_rate:g}) or use precision float32"
        )


def _check_targets(prompts: Sequence[TokenizedPrompt]) -> None:
    """Assert what must hold of every run: each instance has an answer to learn, and it ends with the end token."""
    ends = {prompt.target[-1:] for prompt in prompts}
    if () in ends or len(ends) != 1:
        raise ValueError("every target must hold tokens and end with the one end token")
