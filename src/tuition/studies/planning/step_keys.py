"""The keys of steps: hashes of all that decides a result, under which results are stored.

Each step has two. Its `key` includes the whole description of its encoding, so two encodings that give the same prompts
have two keys. Its `same` includes only the prompts: steps with equal ones cannot differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tuition.base.fingerprints import HOLE, fingerprint, fingerprint_around
from tuition.models.recipes import Recipe, Start
from tuition.prompts.types import Encoding
from tuition.splits.mixtures import Mixture
from tuition.studies.planning.prompt_rows import PromptSet
from tuition.studies.planning.steps import ParentStep

_TRAIN_VERSION = 2
"""Raised whenever training the same inputs would give other weights than before."""
_EVALUATE_VERSION = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """The key of a step, and the key that it shares with steps that cannot differ from it."""

    key: str
    same: str


def train_keys(
    base: tuple[str, str],
    after: Sequence[ParentStep],
    task_batches: Sequence[tuple[str, PromptSet]],
    encoding: Encoding,
    *,
    recipe: Recipe,
    start: Start,
    mixture: Mixture | None,
    seed: int,
) -> Keys:
    """Return the keys of a training step.

    Args:
        base: the base model's fingerprint, and the number format that it computes in.
        after: the stages before.
        task_batches: the training prompts of each task, by its name.
        encoding: the prompts' encoding.
        recipe: how weights are tuned.
        start: how the stage builds on the one before.
        mixture: how often each task is sampled.
        seed: decides random choices.
    """
    settings = dataclasses.asdict(recipe)
    decides = (
        ("train", _TRAIN_VERSION, base, [(e.key, e.start) for e in after], start),
        (HOLE, encoding, settings, mixture, seed),
    )
    digests = [(name, prompts.digest) for name, prompts in task_batches]
    same = (
        ("train", _TRAIN_VERSION, base, [(e.same, e.start) for e in after], start),
        (digests, settings | {"name": ""}, mixture, seed),
    )
    return Keys(fingerprint_around(decides, _listed(prompts for _, prompts in task_batches)), fingerprint(same))


def evaluate_keys(
    base: tuple[str, str],
    after: Sequence[ParentStep],
    task: str,
    prompts: PromptSet,
    encoding: Encoding,
    more: Sequence[Any],
) -> Keys:
    """Return the keys of an evaluation step.

    Args:
        base: the base model's fingerprint, and the number format that it computes in.
        after: the stages whose model answers.
        task: the task's name.
        prompts: the test prompts, with the accepted answers.
        encoding: the prompts' encoding.
        more: all else that decides answers and scores.
    """
    decides = (("evaluate", _EVALUATE_VERSION, base, [(e.key, e.start) for e in after], HOLE, encoding), *more)
    same = (("evaluate", _EVALUATE_VERSION, base, [(e.same, e.start) for e in after], task, prompts.digest), *more)
    return Keys(fingerprint_around(decides, _listed([prompts])), fingerprint(same))


def _listed(sets: Iterable[PromptSet]) -> Iterator[bytes]:
    """Yield the JSON of a list of all prompts."""
    yield b"["
    first = True
    for prompts in sets:
        if prompts.rows:
            yield prompts.json if first else b"," + prompts.json
            first = False
    yield b"]"
