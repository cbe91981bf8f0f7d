"""What steps and whole plans cost, before they run: optimiser steps, tokens, trained parameters, disk and time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import TUNERS, make_tuner
from tuition.studies.planning.rates import Rates, kept_rates
from tuition.studies.planning.steps import EvaluateStep, Step, TrainStep, evaluation_steps, training_steps

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel

_BYTES = {"float32": 4, "bfloat16": 2, "nf4": 4}
_ROWS, _ROW, _ANSWER = 8, 24, 6
"""The probe of a machine's pace: rows, the tokens of each, and those of its answer."""
_TRAIN_COST, _DECODE_COST = 3.0, 2.0
"""The cost of a token that is trained on, or generated, where one that is only read costs 1."""
_CHARACTERS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The work that is left in a plan.

    `parameters` are those that the largest training trains and `disk` is in bytes, None where the model's shape is not
    known; `seconds` is None where no pace was taken; `measured` is the day on which `tuition doctor` measured it, empty
    where it is the present one.
    """

    training: int
    judging: int
    optimiser_steps: int
    tokens: float
    parameters: int | None = None
    disk: int | None = None
    seconds: float | None = None
    measured: str = ""

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{self.judging} to evaluate"]
        if self.training:
            parts.insert(0, f"{self.training} models to train in {self.optimiser_steps:,} optimiser steps")
            if self.parameters is not None and self.disk is not None:
                parts.append(f"up to {self.parameters / 1e6:.2f} M parameters trained each")
                parts.append(f"{self.disk / 1e6:,.0f} MB of disk")
        size = f"about {self.tokens / 1e3:,.0f} k tokens"
        if self.seconds is not None:
            pace = f"pace of {self.measured}, as `tuition doctor` measured it" if self.measured else "present pace"
            size += f", roughly {_duration(self.seconds)} at this machine's {pace} (updated after each step)"
        return "; ".join([*parts, size])


def step_cost(step: Step) -> float:
    """Return a rough estimate of a step's work, in tokens run forward."""
    if step.kind == "train":
        return _training_cost(step)
    return 1.0 if step.heuristic else generation_cost(step) + option_scoring_cost(step)


def generation_cost(step: EvaluateStep) -> float:
    """Return the part of a step's cost that goes into generated answers, in tokens run forward."""
    return _prompt_cost(step) + _DECODE_COST * _answer_tokens(step) if step.metrics else 0.0


def _answer_tokens(step: EvaluateStep) -> float:
    """Return the tokens that a step generates, over all rows and beams."""
    longest = max((len(out) for out in step.typical_outputs), default=40) / _CHARACTERS_PER_TOKEN
    # An untrained model runs to its limit; a trained one answers about as long as the references are.
    answer = longest if step.after else 1.5 * longest + 4
    return len(step.instances) * answer * step.decoding.beams


def option_scoring_cost(step: EvaluateStep) -> float:
    """Return the part of a step's cost that goes into scoring options, in tokens run forward."""
    if step.option_scoring is None:
        return 0.0
    return _prompt_cost(step) + sum(len(o) for own in step.option_scoring.options for o in own) / _CHARACTERS_PER_TOKEN


def _training_cost(step: TrainStep) -> float:
    size = min(step.recipe.batch_size, step.rows)
    prefixes = min(size, len(step.task_batches)) if step.recipe.share_prefix else size
    tokens = (prefixes * step.lengths.prefix + size * step.lengths.row) / _CHARACTERS_PER_TOKEN
    return _TRAIN_COST * step.recipe.steps(step.rows) * tokens


def _prompt_cost(step: EvaluateStep) -> float:
    """Return the tokens of all prompts, of which a shared prefix is run once."""
    prefixes = 1 if step.recipe.share_prefix else len(step.instances)
    return (prefixes * step.lengths.prefix + len(step.instances) * step.lengths.row) / _CHARACTERS_PER_TOKEN


def outline(pending: Sequence[Step], precision: str, empty: Callable[[], nn.Module] | None = None) -> Estimate:
    """Say what the pending steps will take except time, which only a running model can show.

    Args:
        pending: the steps that are left.
        precision: the number format that weights are kept in.
        empty: makes the base model without weights; None where its shape is not known.
    """
    training = training_steps(pending)
    sizes = _sizes(training, empty) if empty else None
    return Estimate(
        training=len(training),
        judging=len(pending) - len(training),
        optimiser_steps=sum(step.recipe.steps(step.rows) for step in training),
        tokens=sum(step_cost(step) for step in pending),
        parameters=None if sizes is None else max(sizes, default=0),
        disk=None if sizes is None else sum(sizes) * _BYTES[precision],
    )


def estimate(pending: Sequence[Step], loaded: LoadedModel, precision: str) -> Estimate:
    """Estimate what the pending steps will take, their time by a small step of each kind.

    Args:
        pending: the steps that are left.
        loaded: the base model, on the machine that will run them.
        precision: the number format that weights are kept in.
    """
    import torch

    def empty() -> nn.Module:
        with torch.device("meta"):
            made: nn.Module = type(loaded.model)(loaded.model.config)
            return made

    outlined = outline(pending, precision, empty)
    rates = kept_rates(loaded)
    return dataclasses.replace(
        outlined, seconds=_seconds(pending, loaded, rates), measured="" if rates is None else rates.measured
    )


def _sizes(training: Sequence[TrainStep], empty: Callable[[], nn.Module]) -> list[int]:
    """Return how many parameters each step trains, counted on models without weights."""
    by_tuner: dict[str, int] = {}
    sizes = []
    for step in training:
        recipe = step.recipe
        settings = repr((recipe.tuner, sorted(recipe.tuner_options.items())))
        if settings not in by_tuner:
            tuned = make_tuner(recipe.tuner, recipe.tuner_options).attach(empty(), 0)
            by_tuner[settings] = sum(p.numel() for p in tuned.parameters() if p.requires_grad)
        sizes.append(by_tuner[settings])
    return sizes


def _seconds(pending: Sequence[Step], loaded: LoadedModel, rates: Rates | None) -> float:
    """Return the time that steps will take: by measured rates, else their costs times the pace of a small step.

    On a machine that others use too, the pace is that of the moment. Full tuning has no measured rate.
    """
    training = training_steps(pending)
    adapters = sum(step_cost(step) for step in training if not TUNERS[step.recipe.tuner].changes_base)
    full = sum(step_cost(step) for step in training if TUNERS[step.recipe.tuner].changes_base)
    evaluated = sum(step_cost(step) for step in evaluation_steps(pending) if step.uses_model)
    seconds = full * _learning_pace(loaded, full=True) if full else 0.0
    if rates is not None:
        steps = [step for step in evaluation_steps(pending) if step.uses_model]
        answers = sum(_answer_tokens(step) for step in steps if step.metrics)
        read = evaluated - _DECODE_COST * answers
        return seconds + adapters / _TRAIN_COST / rates.training + read / rates.reading + answers / rates.decoding
    if adapters:
        seconds += adapters * _learning_pace(loaded, full=False)
    return seconds + (evaluated * _evaluation_pace(loaded) if evaluated else 0.0)


def _learning_pace(loaded: LoadedModel, *, full: bool) -> float:
    """Return the seconds a unit of cost that a pass forward and backward takes.

    An adapter's backward pass goes through all layers but needs no gradient of their weights, so the embedding's
    gradient is computed here in their place; full tuning needs all of them.
    """
    import torch

    from tuition.models.objective import Objective

    objective = Objective(loaded.model, share_prefix=False)
    weights = list(loaded.model.parameters()) if full else [loaded.model.get_input_embeddings().weight]
    wanted = [weight.requires_grad for weight in weights]

    def step(rows: int) -> float:
        loss = objective(_rows(loaded, rows))
        made = torch.autograd.grad(loss, weights, allow_unused=True)
        return float(loss.detach()) + sum(float(part.flatten()[0]) for part in made if part is not None)

    try:
        for weight in weights:
            weight.requires_grad_(True)
        return _timed(step) / (_TRAIN_COST * _ROWS * (_ROW + _ANSWER))
    finally:
        for weight, before in zip(weights, wanted, strict=True):
            weight.requires_grad_(before)


def _evaluation_pace(loaded: LoadedModel) -> float:
    """Return the seconds a unit of cost that a few answers take."""
    from tuition.models.generation import generate_greedily
    from tuition.models.seq2seq import answer_pairs

    never: frozenset[int] = frozenset()
    answer = answer_pairs if loaded.encoder_decoder else generate_greedily

    def step(rows: int) -> float:
        return float(len(answer(loaded.model, _rows(loaded, rows), end=never, new_tokens=_ANSWER)))

    return _timed(step) / (_ROWS * (_ROW + _DECODE_COST * _ANSWER))


def _timed(step: Callable[[int], float]) -> float:
    """Return the seconds of a step of all rows; one of a single row before it warms the machine up."""
    step(1)
    started = time.perf_counter()
    step(_ROWS)
    return time.perf_counter() - started


def _rows(loaded: LoadedModel, count: int) -> list[TokenizedPrompt]:
    end = loaded.tokens.end
    return [TokenizedPrompt((), (end,) * _ROW, (end,) * _ANSWER)] * count


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
