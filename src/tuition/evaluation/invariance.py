"""The batch-invariance self-test: whether a model answers a prompt alike alone, in a batch, and beside padding.

In lower precisions sums depend on the shape of a batch, so that near ties fall either way. How much that moves is
measured on a few rows and kept beside the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuition.base.errors import UserError
from tuition.evaluation.predict import end_tokens
from tuition.models.generation import generate_greedily
from tuition.models.ranking import option_log_probabilities
from tuition.models.seq2seq import answer_pairs
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel


@dataclass(frozen=True, slots=True)
class Invariance:
    """What the shape of a batch does to a model's answers, measured on `rows` rows.

    `batched` is the share of answers that are the same alone (one row a batch, its prefix run with it) and in batches
    of `batch_size`; `padded` the share that are the same in batches of mixed lengths and in batches of one length,
    where nothing is padded. `log_probability_difference` is the greatest difference in nats, among these three, of any
    token of what the model answers alone, its end token included. `precision` is the model's.
    """

    rows: int
    batch_size: int
    precision: str
    batched: float
    padded: float
    log_probability_difference: float


def invariance(
    loaded: LoadedModel,
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    *,
    new_tokens: int,
    rows: int = 16,
    batch_size: int = 32,
    tokens: PromptTokenizer | None = None,
) -> Invariance:
    """Answer the first `rows` prompts alone and in batches, and compare.

    Raises:
        UserError: there are fewer than two prompts, of which no batch can be made.
    """
    chosen = list(prompts[:rows])
    if len(chosen) < 2 or batch_size < 2:
        raise UserError(f"{len(chosen)} prompts in batches of {batch_size} make no batch to compare; give two at least")
    tokens = tokens or loaded.tokens
    length = [len(prompt.prefix) + len(prompt.body) for prompt in chosen]
    alike = [[at for at, own in enumerate(length) if own == one] for one in sorted(set(length))]
    alone = _Way([[at] for at in range(len(chosen))], batch_size=1, share_prefix=False)
    mixed = _Way([list(range(len(chosen)))], batch_size=batch_size, share_prefix=True)
    unpadded = _Way(alike, batch_size=batch_size, share_prefix=True)
    answers = [_answered(loaded, tuned, chosen, way, new_tokens, tokens) for way in (alone, mixed, unpadded)]
    targets = [(*answer, tokens.end) for answer in answers[0]]
    foretold = [_foretold(tuned, chosen, targets, way, tokens) for way in (alone, mixed, unpadded)]
    return Invariance(
        rows=len(chosen),
        batch_size=batch_size,
        precision=str(next(tuned.parameters()).dtype).removeprefix("torch."),
        batched=_share_equal(answers[0], answers[1]),
        padded=_share_equal(answers[1], answers[2]),
        log_probability_difference=max(max(values) - min(values) for values in zip(*foretold, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """Which rows may stand together, by position, how many at most, and whether their prefix is run once."""

    groups: Sequence[Sequence[int]]
    batch_size: int
    share_prefix: bool


def _answered(
    loaded: LoadedModel,
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    way: _Way,
    new_tokens: int,
    tokens: PromptTokenizer,
) -> list[tuple[int, ...]]:
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    end = end_tokens(loaded, tokens)
    for group in way.groups:
        own = [prompts[at] for at in group]
        if loaded.encoder_decoder:
            rows = answer_pairs(tuned, own, end=end, new_tokens=new_tokens, batch_size=way.batch_size)
        else:
            rows = generate_greedily(
                tuned, own, end=end, new_tokens=new_tokens, batch_size=way.batch_size, share_prefix=way.share_prefix
            )
        for at, row in zip(group, rows, strict=True):
            answers[at] = row
    return answers


def _foretold(
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    targets: Sequence[tuple[int, ...]],
    way: _Way,
    tokens: PromptTokenizer,
) -> list[float]:
    """Return the log-probability of every token of every target, in the order of the prompts."""
    found: list[tuple[float, ...]] = [()] * len(prompts)
    for group in way.groups:
        rows = option_log_probabilities(
            tuned,
            [prompts[at] for at in group],
            [[targets[at]] for at in group],
            opening=tokens.target_start,
            batch_size=way.batch_size,
            share_prefix=way.share_prefix,
        )
        for at, row in zip(group, rows, strict=True):
            found[at] = row[0]
    return [value for row in found for value in row]


def _share_equal(ones: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]]) -> float:
    return sum(one == other for one, other in zip(ones, others, strict=True)) / len(ones)
