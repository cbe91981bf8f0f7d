"""The batch-invariance self-test: whether a model gives the same answer alone, in a batch, and with padding.

In lower precisions, sums depend on the shape of the batch, so near ties between tokens can go either way. The test
measures this on a few rows; the result is stored with the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuition.base.errors import UserError
from tuition.evaluation.predict import end_tokens
from tuition.models.batches import Batching
from tuition.models.generation import generate_greedily
from tuition.models.ranking import option_log_probabilities
from tuition.models.seq2seq import answer_pairs
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt

if TYPE_CHECKING:
    from torch import nn

    from tuition.models.load import LoadedModel


@dataclass(frozen=True, slots=True)
class Invariance:
    """How the shape of a batch changes a model's answers, measured on `rows` rows.

    `batched` is the share of answers that are the same alone (batches of one, without a shared prefix) and in batches
    of `batch_size`. `padded` is the share that are the same in batches of mixed lengths and in batches of one length,
    which need no padding. `log_probability_difference` is the largest difference in nats, between these three kinds of
    batch, of the log-probability of any token of the answer given alone, end token included. `precision` is the
    model's.
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
        UserError: there are fewer than two prompts, or the batch size is below two.
    """
    chosen = list(prompts[:rows])
    if len(chosen) < 2 or batch_size < 2:
        raise UserError(f"{len(chosen)} prompts in batches of {batch_size} are no batch to compare; give at least two")
    tokens = tokens or loaded.tokens
    lengths = [len(prompt.prefix) + len(prompt.body) for prompt in chosen]
    same_length = [[at for at, own in enumerate(lengths) if own == one] for one in sorted(set(lengths))]
    alone = _Groups([[at] for at in range(len(chosen))], Batching(1, share_prefix=False))
    mixed = _Groups([list(range(len(chosen)))], Batching(batch_size))
    unpadded = _Groups(same_length, Batching(batch_size))
    batches = (alone, mixed, unpadded)
    answers = [_generate(loaded, tuned, chosen, groups, new_tokens, tokens) for groups in batches]
    targets = [(*answer, tokens.end) for answer in answers[0]]
    log_probabilities = [_log_probabilities(tuned, chosen, targets, groups, tokens) for groups in batches]
    return Invariance(
        rows=len(chosen),
        batch_size=batch_size,
        precision=str(next(tuned.parameters()).dtype).removeprefix("torch."),
        batched=_share_equal(answers[0], answers[1]),
        padded=_share_equal(answers[1], answers[2]),
        log_probability_difference=max(max(values) - min(values) for values in zip(*log_probabilities, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    """Which rows may share a batch (by position), and how these are run."""

    positions: Sequence[Sequence[int]]
    batching: Batching


def _generate(
    loaded: LoadedModel,
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    groups: _Groups,
    new_tokens: int,
    tokens: PromptTokenizer,
) -> list[tuple[int, ...]]:
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    end = end_tokens(loaded, tokens)
    for group in groups.positions:
        own = [prompts[at] for at in group]
        if loaded.encoder_decoder:
            rows = answer_pairs(tuned, own, end=end, new_tokens=new_tokens, batch_size=groups.batching.size)
        else:
            rows = generate_greedily(tuned, own, end=end, new_tokens=new_tokens, batching=groups.batching)
        for at, row in zip(group, rows, strict=True):
            answers[at] = row
    return answers


def _log_probabilities(
    tuned: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    targets: Sequence[tuple[int, ...]],
    groups: _Groups,
    tokens: PromptTokenizer,
) -> list[float]:
    """Return the log-probability of every token of every target, in the order of the prompts."""
    found: list[tuple[float, ...]] = [()] * len(prompts)
    for group in groups.positions:
        rows = option_log_probabilities(
            tuned,
            [prompts[at] for at in group],
            [[targets[at]] for at in group],
            opening=tokens.target_start,
            batching=groups.batching,
        )
        for at, row in zip(group, rows, strict=True):
            found[at] = row[0]
    return [value for row in found for value in row]


def _share_equal(ones: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]]) -> float:
    return sum(one == other for one, other in zip(ones, others, strict=True)) / len(ones)
