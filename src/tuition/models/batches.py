"""Batches: tokenized prompts with the same prefix, their bodies and targets padded into one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tuition.models.tokens import TokenizedPrompt

IGNORED = -100
"""The label of a token that is not in the loss (torch's and transformers' convention)."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How prompts are batched; answers and log-probabilities do not depend on it, up to rounding.

    Attributes:
        size: the most prompts that are run at once.
        share_prefix: run each prefix once, instead of once a row; options are then run as a tree.
    """

    size: int = 32
    share_prefix: bool = True


BATCHING = Batching()


@dataclass(frozen=True, slots=True)
class PrefixBatch:
    """Prompts that share a prefix of P tokens: B rows, of which the longest body with its target has L tokens.

    `rows` (B × L) is padded at the left, so that all targets end together and few columns of logits are needed, or at
    the right; `mask` (B × L) is 1 on tokens and 0 on padding; `labels` (B × L) has the target ids and `IGNORED`.
    """

    prefix: torch.Tensor
    rows: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor

    @property
    def targets(self) -> int:
        """How many tokens are trained on."""
        return int((self.labels != IGNORED).sum())

    @property
    def logit_columns(self) -> torch.Tensor:
        """The columns whose logits are needed: those just before a column in which some row has a target token."""
        return (self.labels != IGNORED).any(dim=0).nonzero()[:, 0] - 1

    def prompts(self) -> list[TokenizedPrompt]:
        """Return the prompts that the rows were built from."""
        prefix, prompts = tuple(self.prefix.tolist()), []
        for row, mask, labels in zip(self.rows, self.mask, self.labels, strict=True):
            ids, targets = tuple(row[mask.bool()].tolist()), int((labels != IGNORED).sum())
            prompts.append(TokenizedPrompt(prefix, ids[: len(ids) - targets], ids[len(ids) - targets :]))
        return prompts

    def to(self, device: torch.device) -> PrefixBatch:
        """Return the batch on `device`."""
        return PrefixBatch(*(part.to(device) for part in (self.prefix, self.rows, self.mask, self.labels)))


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Sources and targets of an encoder-decoder, B rows each, padded at the right.

    `mask` (B × S) is 1 on the tokens of `sources` (B × S); `labels` (B × T) has the target ids and `IGNORED`.
    """

    sources: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> PairBatch:
        """Return the batch on `device`."""
        return PairBatch(self.sources.to(device), self.mask.to(device), self.labels.to(device))


def collate_pairs(prompts: Sequence[TokenizedPrompt]) -> PairBatch:
    """Put prompts, with any prefixes, into a batch for an encoder-decoder.

    Raises:
        ValueError: there is no prompt.
    """
    if not prompts:
        raise ValueError("a batch needs at least one prompt")
    sources = [torch.tensor(prompt.prefix + prompt.body, dtype=torch.long) for prompt in prompts]
    targets = [torch.tensor(prompt.target, dtype=torch.long) for prompt in prompts]
    pad = torch.nn.utils.rnn.pad_sequence
    return PairBatch(
        sources=pad(sources, batch_first=True),
        mask=pad([torch.ones_like(source) for source in sources], batch_first=True),
        labels=pad(targets, batch_first=True, padding_value=IGNORED),
    )


def collate(prompts: Sequence[TokenizedPrompt], *, with_target: bool = True, pad_right: bool = False) -> PrefixBatch:
    """Put prompts with the same prefix into a batch.

    Args:
        prompts: at least one, all with the same prefix.
        with_target: append the targets and label them; without, rows are bodies only, as generation needs them.
        pad_right: put the padding after the rows, not between prefix and row.

    Raises:
        ValueError: the prefixes differ, a body is empty, or there is no prompt.
    """
    if len({prompt.prefix for prompt in prompts}) != 1:
        raise ValueError("a batch needs at least one prompt, and one prefix for all")
    if not all(prompt.body for prompt in prompts):
        raise ValueError("every prompt needs a body: its last token predicts the answer's first")
    rows = [prompt.body + (prompt.target if with_target else ()) for prompt in prompts]
    targets = [len(prompt.target) if with_target else 0 for prompt in prompts]
    length = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for i, (row, count) in enumerate(zip(rows, targets, strict=True)):
        start = 0 if pad_right else length - len(row)
        stop = start + len(row)
        ids[i, start:stop] = torch.tensor(row, dtype=torch.long)
        mask[i, start:stop] = 1
        labels[i, stop - count : stop] = ids[i, stop - count : stop]
    return PrefixBatch(torch.tensor(prompts[0].prefix, dtype=torch.long), ids, mask, labels)


def group_by_prefix(prompts: Sequence[TokenizedPrompt]) -> list[list[int]]:
    """Return the positions of the prompts, grouped by prefix, in the order in which prefixes first appear."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, prompt in enumerate(prompts):
        groups.setdefault(prompt.prefix, []).append(position)
    return list(groups.values())


def without_lone_prefixes(prompts: Sequence[TokenizedPrompt]) -> list[TokenizedPrompt]:
    """Return the prompts, where each prefix that only one of them has is moved into its body.

    Sharing such a prefix saves nothing; without it, the row can be in a batch with other such rows.
    """
    folded = list(prompts)
    for group in group_by_prefix(prompts):
        if len(group) == 1:
            alone = prompts[group[0]]
            folded[group[0]] = TokenizedPrompt((), alone.prefix + alone.body, alone.target)
    return folded
