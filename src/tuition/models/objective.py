"""What is minimised: the cross-entropy of targets, in micro-batches that fit a budget of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from tuition.models.batches import collate, group_by_prefix, without_lone_prefixes
from tuition.models.pairs import is_encoder_decoder, pair_loss
from tuition.models.prefix import TargetLoss, counts_padding, sharing_is_exact
from tuition.models.tokens import TokenizedPrompt


class Objective(nn.Module):
    """The summed loss of prompts under a causal model (prefixes shared where that is exact) or an encoder-decoder."""

    def __init__(self, model: nn.Module, *, share_prefix: bool, checkpointed: bool = False) -> None:
        """`share_prefix` asks for sharing; `shares` tells whether it is done.

        `checkpointed` computes activations anew in the backward pass (gradient checkpointing): less memory, more time.
        """
        super().__init__()
        self.model = model
        self.pairs = is_encoder_decoder(model)
        self.shares = share_prefix and not self.pairs and sharing_is_exact(model, packed=checkpointed)
        self._loss = None if self.pairs else TargetLoss(model, share_prefix=self.shares, packed=checkpointed)

    def micro_batches(self, prompts: Sequence[TokenizedPrompt], tokens: int) -> list[list[TokenizedPrompt]]:
        """Divide a batch into runs of rows that go through the model together, in at most `tokens` tokens each.

        Where prefixes are shared, a run holds rows of one prefix, which counts once; rows of a prefix that no other row
        has run whole with others of their kind. Rows are sorted by length. A row longer than the budget runs alone.
        """
        rows = without_lone_prefixes(prompts) if self.shares else [_whole(prompt) for prompt in prompts]
        runs: list[list[TokenizedPrompt]] = []
        for group in group_by_prefix(rows):
            ordered = sorted((rows[at] for at in group), key=_row_tokens, reverse=True)
            prefix = len(ordered[0].prefix)
            run: list[TokenizedPrompt] = []
            for row in ordered:
                if run and prefix + (len(run) + 1) * _row_tokens(run[0]) > tokens:
                    runs.append(run)
                    run = []
                run.append(row)
            runs.append(run)
        return runs

    def forward(self, run: Sequence[TokenizedPrompt]) -> torch.Tensor:
        """Return the sum of cross-entropies (nats, fp32 scalar) over the target tokens of one of `micro_batches`."""
        if self._loss is None:
            return pair_loss(self.model, run)
        batch = collate(run, pad_right=counts_padding(self.model))
        loss: torch.Tensor = self._loss(batch.to(next(self.model.parameters()).device))
        return loss


def _row_tokens(prompt: TokenizedPrompt) -> int:
    return len(prompt.body) + len(prompt.target)


def _whole(prompt: TokenizedPrompt) -> TokenizedPrompt:
    return TokenizedPrompt((), prompt.prefix + prompt.body, prompt.target)
