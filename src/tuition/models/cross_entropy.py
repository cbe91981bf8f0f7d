"""Cross-entropy in chunks: nothing of the logits' size is kept beside them but their gradient."""

from __future__ import annotations

from typing import Any

import torch

from tuition.models.batches import IGNORED

_AT_ONCE = 1 << 26
"""Elements of logits that are in fp32 at once (256 MB); a vocabulary of 50,000 has them at 1,300 positions."""


def summed_cross_entropy(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the sum of cross-entropies (nats, fp32 scalar) of logits (N × V) where `wanted` (N) is not `IGNORED`.

    The same as torch's, computed in fp32, without whole copies of the logits in fp32, of their softmax and of its
    gradient: torch keeps 14 bytes for each bfloat16 logit, this 4. The shapes of what is launched depend on those of
    the arguments alone.
    """
    total: torch.Tensor = _ChunkedCrossEntropy.apply(logits, wanted)  # type: ignore[no-untyped-call]
    return total


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient of a row is its softmax less one at the wanted token; only the log of the sum is kept for it."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        learned = wanted != IGNORED
        picked = wanted.clamp(min=0)
        sums = torch.empty(len(wanted), dtype=torch.float32, device=logits.device)
        total = sums.new_zeros(())
        for rows in _chunks(logits):
            part = logits[rows].float()
            sums[rows] = part.logsumexp(dim=-1)
            losses = sums[rows] - part.gather(1, picked[rows, None])[:, 0]
            total = total + torch.where(learned[rows], losses, 0.0).sum()
        ctx.save_for_backward(logits, picked, learned, sums)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits, picked, learned, sums = ctx.saved_tensors
        given = torch.empty_like(logits)
        for rows in _chunks(logits):
            part = logits[rows].float().sub_(sums[rows, None]).exp_()
            part.scatter_add_(1, picked[rows, None], part.new_full((len(part), 1), -1.0))
            # A row that is not learned has no gradient, even where its logits are no numbers.
            part.mul_(gradients[0]).masked_fill_(~learned[rows, None], 0.0)
            given[rows] = part.to(given.dtype)
        return given, None


def _chunks(logits: torch.Tensor) -> list[slice]:
    rows = max(1, _AT_ONCE // max(1, logits.shape[-1]))
    return [slice(start, start + rows) for start in range(0, len(logits), rows)]
