"""The training objective: the cross-entropy of targets, in micro-batches within a token budget."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from tuition.models.batches import collate, group_by_prefix, without_lone_prefixes
from tuition.models.packed_prefix import packed_loss, packed_tokens
from tuition.models.prefix import TargetLoss, counts_padding, sharing_is_exact
from tuition.models.seq2seq import is_encoder_decoder, pair_loss
from tuition.models.tokens import TokenizedPrompt

_RUN_COSTS = {True: 64, False: 2048}
"""The fixed cost of a run, in tokens, on a CPU and elsewhere: reading all weights, and launching kernels.

Measured for the embedded model on one core: 0.3 s per run and 4.5 ms per token, forward and backward."""

_LOGITS_BYTES, _COPIES = 4 << 30, 3
"""Bytes that the logits of one run may take, including their softmax and gradients (three copies in all); with a
vocabulary of 50,000 tokens there is room for 7,000 positions, with one of 1.5 million for 238."""

_PACK = 512
"""Tokens up to which one packed sequence is fastest on a CPU: nothing is padded, and its mask is still small."""
_REPEATED = 0.1
"""The largest share of a group's tokens that may be spent on repeating its prefix in further packs."""


class Objective(nn.Module):
    """The summed loss of prompts under a causal model (prefixes shared where that is exact) or an encoder-decoder."""

    def __init__(self, model: nn.Module, *, share_prefix: bool, checkpointed: bool = False) -> None:
        """`share_prefix` requests sharing; `shares` is whether it is done.

        `checkpointed` recomputes activations in the backward pass (gradient checkpointing): less memory, more time.
        """
        super().__init__()
        self.model = model
        self.pairs = is_encoder_decoder(model)
        self.shares = share_prefix and not self.pairs and sharing_is_exact(model, packed=checkpointed)
        cpu = next(model.parameters()).device.type == "cpu"
        self._packs = self.shares and cpu and (checkpointed or sharing_is_exact(model, packed=True))
        self._loss = None if self.pairs else TargetLoss(model, share_prefix=self.shares, packed=checkpointed)

    def micro_batches(self, prompts: Sequence[TokenizedPrompt], tokens: int) -> list[list[TokenizedPrompt]]:
        """Divide a batch into micro-batches (runs) of at most `tokens` tokens each.

        Where prefixes are shared, a run contains rows with the same prefix, which counts once; rows whose prefix no
        other row has are run whole, together. Rows of similar length run together, so that little is padded. A row
        longer than the budget runs alone.
        """
        runs, prompts = self._packed(prompts, min(tokens, _PACK)) if self._packs else ([], prompts)
        rows = without_lone_prefixes(prompts) if self.shares else whole_rows(prompts)
        run_costs = _RUN_COSTS[next(self.model.parameters()).device.type == "cpu"]
        for group in group_by_prefix(rows):
            ordered = sorted((rows[at] for at in group), key=_row_tokens, reverse=True)
            lengths = [_row_tokens(row) for row in ordered]
            cuts = cheapest_cuts(lengths, len(ordered[0].prefix), most=tokens, run_costs=run_costs)
            runs += [ordered[start:stop] for start, stop in pairwise([0, *cuts])]
        return [part for run in runs for part in within_positions(run, most_positions(self.model))]

    def _packed(
        self, prompts: Sequence[TokenizedPrompt], tokens: int
    ) -> tuple[list[list[TokenizedPrompt]], list[TokenizedPrompt]]:
        """Return the runs to be packed, with any prefixes, and the prompts whose groups are too long for packing."""
        parts: list[list[TokenizedPrompt]] = []
        rest: list[TokenizedPrompt] = []
        for group in group_by_prefix(prompts):
            rows = sorted((prompts[at] for at in group), key=_row_tokens, reverse=True)
            packs = _filled([[row] for row in rows], tokens)
            repeated = (len(packs) - 1) * len(rows[0].prefix)
            if max(map(packed_tokens, packs)) <= tokens and repeated <= _REPEATED * packed_tokens(rows):
                parts += packs
            else:
                rest += rows
        return _filled(parts, tokens), rest

    def forward(self, run: Sequence[TokenizedPrompt]) -> torch.Tensor:
        """Return the sum of cross-entropies (nats, fp32 scalar) over the target tokens of one of `micro_batches`."""
        if self._loss is None:
            return pair_loss(self.model, run)
        if self._packs and packed_tokens(run) <= _PACK:
            return packed_loss(self.model, run)
        batch = collate(run, pad_right=counts_padding(self.model))
        loss: torch.Tensor = self._loss(batch.to(next(self.model.parameters()).device))
        return loss


def most_positions(model: nn.Module) -> int:
    """Return how many positions' logits fit: for a large vocabulary, logits take most of the memory."""
    vocabulary = int(model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    return max(1, _LOGITS_BYTES // (_COPIES * 4 * vocabulary))


def within_positions(run: Sequence[TokenizedPrompt], most: int) -> list[list[TokenizedPrompt]]:
    """Divide a run so that each part has logits at no more than `most` positions; a row with more is a part of its own.

    Every row of a part has logits at as many positions as the part's longest target.
    """
    parts: list[list[TokenizedPrompt]] = []
    longest = 0
    for row in run:
        longest = max(longest, len(row.target)) if parts else len(row.target)
        if parts and (len(parts[-1]) + 1) * longest <= most:
            parts[-1].append(row)
        else:
            parts.append([row])
            longest = len(row.target)
    return parts


def cheapest_cuts(lengths: Sequence[int], prefix: int, *, most: int, run_costs: int) -> list[int]:
    """Return where to split rows, the longest first, into runs of the lowest total cost; the last split is their end.

    A run of k rows costs `run_costs`, its `prefix`, and k times its longest row; together with the prefix it must not
    be longer than `most` tokens unless it is a single row. Solved by dynamic programming.
    """
    best, before = [0, *([0] * len(lengths))], [0] * (len(lengths) + 1)
    for stop in range(1, len(lengths) + 1):
        costs: dict[int, int] = {}
        for start in range(stop - 1, -1, -1):
            size = prefix + (stop - start) * lengths[start]
            if size > most and start < stop - 1:
                break
            costs[start] = best[start] + run_costs + size
        before[stop] = min(costs, key=lambda start: (costs[start], start))
        best[stop] = costs[before[stop]]
    cuts, at = [], len(lengths)
    while at:
        cuts.append(at)
        at = before[at]
    return cuts[::-1]


def _filled(parts: Sequence[list[TokenizedPrompt]], tokens: int) -> list[list[TokenizedPrompt]]:
    """Put each part, the longest first, into the first run that has room for it within `tokens` (first-fit)."""
    runs: list[list[TokenizedPrompt]] = []
    for part in sorted(parts, key=packed_tokens, reverse=True):
        for run in runs:
            if packed_tokens([*run, *part]) <= tokens:
                run.extend(part)
                break
        else:
            runs.append(list(part))
    return runs


def _row_tokens(prompt: TokenizedPrompt) -> int:
    return len(prompt.body) + len(prompt.target)


def whole_rows(prompts: Sequence[TokenizedPrompt]) -> list[TokenizedPrompt]:
    """Return prompts with their prefixes as the beginnings of their bodies, so that nothing is shared."""
    return [TokenizedPrompt((), prompt.prefix + prompt.body, prompt.target) for prompt in prompts]
