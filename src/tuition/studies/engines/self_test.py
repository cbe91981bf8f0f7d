"""A self-test of some seconds: what this machine trains and answers with a model, and whether its graphs are right."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from tuition.base.seeds import named_random
from tuition.models.generation import generate_greedily
from tuition.models.graphs import GRAPHS_VARIABLE
from tuition.models.load import LoadedModel
from tuition.models.recipes import Recipe
from tuition.models.seq2seq import answer_pairs
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.studies.planning.rates import Rates, today
from tuition.training import TrainingLog, train

_PREFIX, _BODY, _TARGET, _ROWS = 128, 32, 8, 8
"""The batch of the test, about that of a single-task study: tokens of the prefix, of a row and its answer, and rows."""
_MOST_STEPS, _MOST_TOKENS = 200, 256
_LEAST_SHARE = 0.1
"""The share of the time of several tokens that those after the first must take to be distinguished from noise."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What a self-test found.

    `launches` says how training steps were launched; `graph_error` is the largest relative difference of the losses of
    a short training with graphs to those without, None where the device has no graphs.
    """

    rates: Rates
    launches: str
    graph_error: float | None
    seconds: float


def self_test(loaded: LoadedModel, seconds: float = 10.0) -> SelfTest:
    """Train and answer for about `seconds`; the model is afterwards as it was.

    Adapters are trained (LoRA, rank 16) on a made-up batch, and the same prompts answered greedily. Two steps and four
    tokens are always measured, so that a slow machine takes longer.
    """
    started = time.perf_counter()
    reading, decoding = _answering_rates(loaded, seconds / 2)
    training, log = _training_rate(loaded, max(0.5, seconds - (time.perf_counter() - started)))
    error = _graph_error(loaded) if loaded.device.type == "cuda" else None
    rates = Rates(training=training, reading=reading, decoding=decoding, measured=today())
    return SelfTest(rates, log.launches, error, time.perf_counter() - started)


def _training_rate(loaded: LoadedModel, seconds: float) -> tuple[float, TrainingLog]:
    """Return the tokens a second that training takes through the model, and the log of its run."""
    steps = 2
    log, taken = _train(loaded, steps)
    if taken < seconds / 4:
        steps = int(min(_MOST_STEPS, max(4, seconds / taken)))
        log, taken = _train(loaded, steps)
    prefix = _PREFIX if log.shared_prefix else _PREFIX * _ROWS
    return (steps - 1) * (prefix + _ROWS * (_BODY + _TARGET)) / taken, log


def _train(loaded: LoadedModel, steps: int) -> tuple[TrainingLog, float]:
    """Train an adapter and take it off again; return the log, and the seconds of all steps after the first."""
    tuner = make_tuner("lora", {})
    recipe = Recipe(name="self-test", total_steps=steps, batch_size=_ROWS, learning_rate=1e-4)
    first: list[float] = []
    tuned = tuner.attach(loaded.model, seed=0)
    try:
        log = train(tuned, _batch(loaded), recipe, seed=0, advance=lambda done: first.append(time.perf_counter()))
        ended = time.perf_counter()
    finally:
        tuner.detach(tuned)
        loaded.model.eval()
    return log, ended - first[0]


def _answering_rates(loaded: LoadedModel, seconds: float) -> tuple[float, float]:
    """Return the tokens of prompts read, and those of answers made, a second."""
    _answer(loaded, 1)
    read, made = _answer(loaded, 1), _answer(loaded, tokens := 4)
    if made < seconds / 4:
        tokens = int(min(_MOST_TOKENS, max(4, 3 * seconds / max(1e-6, made - read))))
        made = _answer(loaded, tokens)
    return (_PREFIX + _ROWS * _BODY) / read, _ROWS / _token_seconds(read, made, tokens)


def _token_seconds(read: float, made: float, tokens: int) -> float:
    """Return the seconds of one further token, from those of the first alone and of so many.

    On a busy machine the two measurements may differ by less than their noise. Then all of the time counts as
    decoding, so that the rate is too low rather than beyond any machine.
    """
    further = made - read
    return further / (tokens - 1) if further > _LEAST_SHARE * made else made / tokens


def _answer(loaded: LoadedModel, tokens: int) -> float:
    """Answer with so many tokens a row; return the seconds."""
    answer = answer_pairs if loaded.encoder_decoder else generate_greedily
    started = time.perf_counter()
    answer(loaded.model, _batch(loaded), end=frozenset(), new_tokens=tokens)
    if loaded.device.type == "cuda":
        torch.cuda.synchronize(loaded.device)
    return time.perf_counter() - started


def _graph_error(loaded: LoadedModel) -> float:
    """Return the largest relative difference of losses with graphs to those without, over some steps of training."""
    log, _ = _train(loaded, 6)
    with _without_graphs():
        plain, _ = _train(loaded, 6)
    return max(abs(a - b) / max(abs(b), 1e-9) for a, b in zip(log.losses, plain.losses, strict=True))


@contextmanager
def _without_graphs() -> Iterator[None]:
    before = os.environ.get(GRAPHS_VARIABLE)
    os.environ[GRAPHS_VARIABLE] = "0"
    try:
        yield
    finally:
        del os.environ[GRAPHS_VARIABLE]
        if before is not None:
            os.environ[GRAPHS_VARIABLE] = before


def _batch(loaded: LoadedModel) -> list[TokenizedPrompt]:
    """Return rows of one prefix, of tokens drawn from the vocabulary; each target ends with the end token."""
    end = loaded.tokens.end
    size = int(loaded.model.get_input_embeddings().weight.shape[0])
    draw = named_random("self-test")

    def ids(count: int) -> tuple[int, ...]:
        return tuple(token if token != end else (token + 1) % size for token in draw.choices(range(size), k=count))

    prefix = ids(_PREFIX)
    return [TokenizedPrompt(prefix, ids(_BODY), (*ids(_TARGET - 1), end)) for _ in range(_ROWS)]
