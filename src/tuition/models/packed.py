"""A shared prefix without a cache: prefix and rows packed into one sequence, each row seeing the prefix and itself.

Under gradient checkpointing transformers keeps no cache, so the prefix's keys and values cannot be handed on; a mask
over one long sequence gives the same sums.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tuition.models.batches import PrefixBatch


def packed_logits(model: nn.Module, batch: PrefixBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits (N × V) before each of a batch's N target tokens, and these tokens (N).

    The attention mask is given whole (1 × 1 × L × L), so models whose layers look back over a window cannot be run so.
    """
    rows = [row[mask.bool()] for row, mask in zip(batch.rows, batch.mask, strict=True)]
    labels = [row[mask.bool()] for row, mask in zip(batch.labels, batch.mask, strict=True)]
    ids = torch.cat([batch.prefix, *rows])
    prefix = batch.prefix.numel()
    place = torch.cat([torch.arange(prefix), *(torch.arange(prefix, prefix + len(row)) for row in rows)]).to(ids.device)
    owner = torch.cat([torch.full((len(row),), at) for at, row in enumerate([batch.prefix, *rows])]).to(ids.device)
    order = torch.arange(len(ids), device=ids.device)
    seen = (order[:, None] >= order[None, :]) & ((owner[None, :] == 0) | (owner[:, None] == owner[None, :]))
    dtype = next(model.parameters()).dtype
    mask = torch.zeros(len(ids), len(ids), dtype=dtype, device=ids.device).masked_fill(~seen, torch.finfo(dtype).min)
    wanted = torch.cat([torch.full_like(batch.prefix, -100), *labels])
    learnt = (wanted != -100).nonzero()[:, 0]
    running: Any = model
    out: Any = running(
        input_ids=ids[None],
        attention_mask=mask[None, None],
        position_ids=place[None],
        use_cache=False,
        # The first token of a row follows the prefix's last, not the row that stands before it in the sequence.
        logits_to_keep=_before(learnt, owner, prefix),
    )
    return out.logits[0], wanted[learnt]


def _before(learnt: torch.Tensor, owner: torch.Tensor, prefix: int) -> torch.Tensor:
    first = owner[learnt] != owner[learnt - 1]
    return torch.where(first, torch.full_like(learnt, prefix - 1), learnt - 1)
