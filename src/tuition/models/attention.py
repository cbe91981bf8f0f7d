"""Which attention kernel to use: on a CPU, plain matrix products beat the fused kernel while scores fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

_SCORES_LIMIT = 1 << 30
"""Bytes that the attention scores of one batch may take, over all layers, as training stores them."""
_BYTES_A_SCORE = 6
"""A score, its softmax and its mask, two bytes each in bfloat16."""


@contextmanager
def attention_for(model: nn.Module, *, rows: int, row: int, prefix: int) -> Iterator[None]:
    """Use the faster attention kernel for batches of this size within the block, if `model` is on a CPU.

    torch's fused CPU kernel is slow with few queries and many keys, as a shared prefix has them (measured on two cores:
    a training step over 8 rows of 97 tokens after a prefix of 180 takes 2.3 s with plain products, 2.8 s with it).

    Args:
        model: a transformers model, or a peft model wrapped one.
        rows: rows in the largest batch.
        row: tokens in the longest row.
        prefix: tokens in the longest prefix.
    """
    wrapped: Any = model
    inner: Any = wrapped.get_base_model() if hasattr(wrapped, "get_base_model") else wrapped
    config = getattr(inner, "config", None)
    before = getattr(config, "_attn_implementation", None)
    if before != "sdpa" or next(model.parameters()).device.type != "cpu":
        yield
        return
    text_config: Any = config.get_text_config() if config is not None else None
    heads, layers = getattr(text_config, "num_attention_heads", 0), getattr(text_config, "num_hidden_layers", 0)
    scores = rows * row * (prefix + row) * heads * layers * _BYTES_A_SCORE
    if not 0 < scores <= _SCORES_LIMIT:
        yield
        return
    inner.set_attn_implementation("eager")
    try:
        yield
    finally:
        inner.set_attn_implementation(before)
