"""A shared prefix without a cache: prefixes and rows packed into one sequence, each row attending to its prefix.

Under gradient checkpointing transformers keeps no cache, so a prefix's keys and values cannot be reused; an attention
mask over one long sequence gives the same result. Nothing is padded, and rows with different prefixes can be packed
together, which on a CPU is the fastest way to run short sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tuition.models.batches import group_by_prefix
from tuition.models.tokens import TokenizedPrompt


def packed_tokens(prompts: Sequence[TokenizedPrompt]) -> int:
    """Return the length of the sequence that prompts are packed into: each prefix once, and their own tokens."""
    own = sum(len(prompt.body) + len(prompt.target) for prompt in prompts)
    return own + sum(len(prefix) for prefix in {prompt.prefix for prompt in prompts})


def packed_loss(model: nn.Module, prompts: Sequence[TokenizedPrompt]) -> torch.Tensor:
    """Return the sum of cross-entropies (nats, fp32 scalar) over the target tokens of prompts."""
    logits, wanted = packed_logits(model, prompts)
    return functional.cross_entropy(logits.float(), wanted, reduction="sum")


def packed_logits(model: nn.Module, prompts: Sequence[TokenizedPrompt]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits (N × V) before each of the N target tokens of prompts, and these tokens (N).

    The attention mask is passed in full (1 × 1 × L × L), so models with sliding windows cannot be run this way.

    Raises:
        ValueError: a body is empty.
    """
    if not all(prompt.body for prompt in prompts):
        raise ValueError("every prompt needs a body: its last token predicts the answer's first")
    ids: list[int] = []
    positions: list[int] = []
    owner: list[int] = []  # the prefix or row that a token belongs to
    visible: list[int] = []  # the prefix that it may also attend to
    scored: list[int] = []  # the positions whose logits predict a target token
    wanted: list[int] = []  # these target tokens
    for count, group in enumerate(group_by_prefix(prompts)):
        prefix, head = prompts[group[0]].prefix, -1 - count
        _append(ids, positions, owner, visible, prefix, 0, head, head)
        for at in group:
            row = prompts[at].body + prompts[at].target
            start = len(ids)
            _append(ids, positions, owner, visible, row, len(prefix), at, head)
            scored += range(start + len(prompts[at].body) - 1, len(ids) - 1)
            wanted += prompts[at].target
    parameter = next(model.parameters())
    device, dtype = parameter.device, parameter.dtype
    owned, seeing = torch.tensor(owner, device=device), torch.tensor(visible, device=device)
    order = torch.arange(len(ids), device=device)
    seen = (order[:, None] >= order) & ((owned[:, None] == owned) | (seeing[:, None] == owned))
    mask = torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill(~seen, torch.finfo(dtype).min)
    running: Any = model
    out: Any = running(
        input_ids=torch.tensor(ids, device=device)[None],
        attention_mask=mask[None, None],
        position_ids=torch.tensor(positions, device=device)[None],
        use_cache=False,
        logits_to_keep=torch.tensor(scored, device=device),
    )
    return out.logits[0], torch.tensor(wanted, device=device)


def _append(
    ids: list[int],
    positions: list[int],
    owner: list[int],
    visible: list[int],
    tokens: Sequence[int],
    start: int,
    of: int,
    sees: int,
) -> None:
    ids += tokens
    positions += range(start, start + len(tokens))
    owner += [of] * len(tokens)
    visible += [sees] * len(tokens)
