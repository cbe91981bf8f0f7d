"""Answering with several processes, each for its part of the prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuition.evaluation.predict import Prediction
    from tuition.models.tokens import TokenizedPrompt
    from tuition.training.distributed import Group


def answer_in_parts(
    group: Group,
    prompts: Sequence[TokenizedPrompt],
    answer: Callable[[Sequence[TokenizedPrompt]], list[Prediction]],
    *,
    drawn: bool = False,
) -> list[Prediction]:
    """Let each process answer its part of the prompts; return all answers, in the prompts' order, in each process.

    Sampled answers (`drawn`) depend on a prompt's position among all, so each process then answers all of them.
    """
    if group.size == 1 or drawn:
        return answer(prompts)
    from tuition.evaluation.predict import Prediction

    # Every n-th prompt by length, so that all processes have about the same work.
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at].prefix) + len(prompts[at].body))
    mine = order[group.rank :: group.size]
    found = answer([prompts[at] for at in mine]) if mine else []
    gathered = group.gather([[at, *astuple(answer)] for at, answer in zip(mine, found, strict=True)])
    placed = {at: Prediction(*answer) for rows in gathered for at, *answer in rows}
    return [placed[at] for at in range(len(prompts))]
