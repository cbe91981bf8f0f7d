"""Attention of rows that share prefixes: a lane's prefix is one matrix for all of its rows, never copied to each.

transformers calls it in place of its own attention (`AttentionInterface`), with the keys and values of the new tokens
alone; where the earlier ones are, and what each token sees, is in the `Pass` that is running. No transformers cache is
involved: those have one length for all rows, so that no row could be replaced by another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface

NAME = "tuition_lanes"
Prefixes = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]
"""Keys and values (G × H × P × D) of G prefixes, and which positions are there (G × P); N / G rows follow each. In a
layer with a sliding window also which positions are near enough to each token (N × Q × P)."""
Own = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Keys and values (N × H × C × D) of rows' own columns, and which of them each token sees (N × Q × C)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's number, what its scores are multiplied by, and how many positions its tokens see (None: all)."""

    number: int
    scale: float
    window: int | None = None


class Pass(Protocol):
    """One run of the model over some rows: it stores their keys and values, and attends for them."""

    def attend(self, layer: Layer, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Return what tokens read (N × heads × Q × D), from queries and the keys and values of these same tokens."""


_running: ContextVar[Pass] = ContextVar("pass")


@contextmanager
def running(one: Pass) -> Iterator[None]:
    """Let attention layers attend by this pass meanwhile."""
    token = _running.set(one)
    try:
        yield
    finally:
        _running.reset(token)


@contextmanager
def lane_attention(model: nn.Module) -> Iterator[None]:
    """Run a model's attention through passes meanwhile.

    Raises:
        ValueError: its attention cannot be replaced.
    """
    around: Any = model
    inner: Any = around.get_base_model() if hasattr(around, "get_base_model") else around
    before = getattr(inner.config, "_attn_implementation", None)
    if before is None or not inner._can_set_attn_implementation():
        raise ValueError(f"the attention of {type(inner).__name__} cannot be replaced")
    inner.set_attn_implementation(NAME)
    try:
        yield
    finally:
        inner.set_attn_implementation(before)


def _forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' attention functions do: queries N × heads × Q × D in, N × Q × heads × D out."""
    for unknown in ("softcap", "s_aux", "position_bias"):
        if kwargs.get(unknown) is not None:
            raise ValueError(f"this attention has no {unknown}")
    owner: Any = module
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    layer = Layer(int(owner.layer_idx), scale, kwargs.get("sliding_window"))
    read = _running.get().attend(layer, query, key, value)
    return read.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, _forward)


def causal(layer: Layer, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Attend within whole sequences that are padded at the right: what is behind a token it never sees."""
    groups, length = query.shape[1] // key.shape[1], query.shape[2]
    key, value = _for_each_head(key, groups), _for_each_head(value, groups)
    if layer.window is None or layer.window >= length:
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=layer.scale)
    position = torch.arange(length, device=query.device)
    distance = position[:, None] - position
    seen = (distance >= 0) & (distance < layer.window)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=layer.scale)


def attend(query: torch.Tensor, prefix: Prefixes | None, own: Own, scale: float) -> torch.Tensor:
    """Attend to a prefix and to a row's own columns, as one softmax over both.

    Many tokens a row go through torch's own kernel, which keeps no scores, behind copies of the prefixes. For one token
    a row these copies would be most of the work.
    """
    if query.shape[2] > 1:
        return _many_tokens(query, prefix, own, scale)
    return _one_token(query, prefix, own, scale)


def _one_token(query: torch.Tensor, prefix: Prefixes | None, own: Own, scale: float) -> torch.Tensor:
    keys, values, seen = own
    rows, heads = query.shape[:2]
    kv_heads = keys.shape[1]
    groups = heads // kv_heads
    lowest = torch.finfo(query.dtype).min
    # Query heads that share a key head are further rows of one matrix product: keys are not repeated.
    folded = (query * scale).reshape(rows, kv_heads, groups, -1)
    scores = (folded @ keys.transpose(2, 3)).masked_fill(~seen[:, None], lowest)
    if prefix is None:
        weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
        return (weights @ values).reshape(rows, heads, 1, -1)
    prefix_keys, prefix_values, there, near = prefix
    count, width = there.shape
    lane = (count, rows // count, kv_heads, groups)
    # All rows of a lane meet its prefix in one matrix product.
    together = folded.view(*lane, -1).transpose(1, 2).reshape(count, kv_heads, -1, folded.shape[-1])
    before = (together @ prefix_keys.transpose(2, 3)).masked_fill(~there[:, None, None], lowest)
    before = before.view(count, kv_heads, lane[1], groups, width).transpose(1, 2).reshape(rows, kv_heads, groups, width)
    if near is not None:
        before = before.masked_fill(~near[:, None], lowest)
    weights = torch.cat([before, scores], dim=-1).softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    of_prefix = weights[..., :width].view(*lane, width).transpose(1, 2).reshape(count, kv_heads, -1, width)
    read = (of_prefix @ prefix_values).view(count, kv_heads, lane[1], groups, -1).transpose(1, 2)
    return (read.reshape(rows, kv_heads, groups, -1) + weights[..., width:] @ values).reshape(rows, heads, 1, -1)


def _many_tokens(query: torch.Tensor, prefix: Prefixes | None, own: Own, scale: float) -> torch.Tensor:
    keys, values, seen = own
    if prefix is not None:
        rows, tokens = query.shape[0], query.shape[2]
        each = rows // prefix[0].shape[0]
        before, back, there = (part.repeat_interleave(each, dim=0) for part in prefix[:3])
        there = there[:, None].expand(-1, tokens, -1)
        keys, values = torch.cat([before, keys], dim=2), torch.cat([back, values], dim=2)
        seen = torch.cat([there if prefix[3] is None else there & prefix[3], seen], dim=2)
    groups = query.shape[1] // keys.shape[1]
    keys, values = _for_each_head(keys, groups), _for_each_head(values, groups)
    return functional.scaled_dot_product_attention(query, keys, values, attn_mask=seen[:, None], scale=scale)


def _for_each_head(states: torch.Tensor, groups: int) -> torch.Tensor:
    return states if groups == 1 else states.repeat_interleave(groups, dim=1)
