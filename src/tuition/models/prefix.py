"""Exact prefix sharing: the prefix of a batch is computed once, in training and in evaluation.

A causal model's keys and values at a position depend on earlier positions only. So the prefix can be run once, its
keys and values expanded to the batch, and the bodies run after it: the same loss and, since the gradients of an
expanded tensor sum over the batch, the same gradients, up to rounding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import DynamicCache

from tuition.models.batches import IGNORED, PrefixBatch, collate
from tuition.models.packed_prefix import packed_loss
from tuition.models.packs import collate_packs, packs_loss
from tuition.models.tokens import TokenizedPrompt

_log = logging.getLogger(__name__)


class TargetLoss(nn.Module):
    """A causal model wrapped so that one forward pass gives the summed loss of a batch's targets.

    It is an `nn.Module`, so that DDP, FSDP and compilation can wrap it.
    """

    def __init__(self, model: nn.Module, *, share_prefix: bool, packed: bool = False) -> None:
        """`share_prefix` runs the prefix once; without it every row is run whole and every logit computed.

        `packed` shares through one packed sequence instead of a cache, as gradient checkpointing requires.
        """
        super().__init__()
        self.model = model
        self.share_prefix = share_prefix
        self.packed = packed

    def forward(self, batch: PrefixBatch) -> torch.Tensor:
        """Return the sum of cross-entropies (nats, fp32 scalar) over the batch's target tokens."""
        if self.share_prefix and self.packed and batch.prefix.numel():
            return packed_loss(self.model, batch.prompts())
        if self.share_prefix:
            return _summed_loss(shared_logits(self.model, batch), batch.labels[:, batch.logit_columns + 1])
        return _plain_loss(self.model, batch)


def shared_logits(model: nn.Module, batch: PrefixBatch) -> torch.Tensor:
    """Return the logits (B × K × V) of the K columns in `batch.logit_columns`; a prefix is run once.

    Most logits of a row are not needed, and with a large vocabulary they take much of a small model's time and memory.
    """
    if not batch.prefix.numel() and soft_prompt(model) is None:
        alone: Any = model(**rows_input(batch, 0), use_cache=False, logits_to_keep=batch.logit_columns)
        every: torch.Tensor = alone.logits
        return every
    cache = prefix_cache(model, batch.prefix)
    expand_cache(cache, batch.rows.shape[0])
    # Columns, not a number: a slice is not contiguous, and torch would then copy the output matrix once per row.
    given = rows_input(batch, cache.get_seq_length())
    out: Any = trunk(model)(**given, past_key_values=cache, use_cache=True, logits_to_keep=batch.logit_columns)
    logits: torch.Tensor = out.logits
    return logits


def prefix_cache(model: nn.Module, prefix: torch.Tensor) -> DynamicCache:
    """Run a prefix (P tokens) alone and return its keys and values, one row each, with gradients where enabled.

    A soft prompt (prompt tuning) comes before the prefix, and is run with it.

    Raises:
        ValueError: the model uses another kind of cache, so that nothing can be shared.
    """
    # Without a configuration the cache stores every position of every layer; the mask handles sliding windows.
    cache = DynamicCache()
    soft = soft_prompt(model)
    if soft is None:
        model(input_ids=prefix[None], past_key_values=cache, use_cache=True, logits_to_keep=1)
        return _kept(cache, prefix.numel())
    inner = trunk(model)
    embeddings: Any = inner.get_input_embeddings()(prefix[None])  # type: ignore[operator]
    embeddings = torch.cat([soft.to(embeddings.dtype), embeddings], dim=1)
    inner(inputs_embeds=embeddings, past_key_values=cache, logits_to_keep=1)
    return _kept(cache, soft.shape[1] + prefix.numel())


def _kept(cache: DynamicCache, length: int) -> DynamicCache:
    if cache.get_seq_length() != length:  # recurrent layers have a state of their own, and store nothing here
        raise ValueError(f"the model cached {cache.get_seq_length()} of {length} positions; it uses another cache")
    return cache


def soft_prompt(model: nn.Module) -> torch.Tensor | None:
    """Return the trained vectors (1 × V × hidden) that prompt tuning puts before every sequence; None without them."""
    config: Any = getattr(model, "active_peft_config", None)
    if config is None or not config.is_prompt_learning:
        return None
    prompted: Any = model
    vectors: torch.Tensor = prompted.get_prompt(batch_size=1)
    return vectors


def trunk(model: nn.Module) -> nn.Module:
    """Return the module to run after a prefix: a model with prompt tuning without the part that adds the prompt."""
    if soft_prompt(model) is None:
        return model
    prompted: Any = model
    inner: nn.Module = prompted.get_base_model()
    return inner


def expand_cache(cache: DynamicCache, rows: int) -> None:
    """Expand the one row of keys and values in `cache` to `rows` rows, without copying them."""
    for layer in cache.layers:
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)


def counts_padding(model: nn.Module) -> bool:
    """Whether the model's attention is limited to a number of columns, padding included.

    Sliding windows and chunks are counted in columns. Padding between prefix and row would then hide tokens that a row
    alone attends to, so such models get rows padded at the right, and only rows of the same length answer together.
    """
    config: Any = model.config
    text = config.get_text_config()
    return bool(getattr(text, "sliding_window", None) or getattr(text, "attention_chunk_size", None))


def rows_input(batch: PrefixBatch, before: int) -> dict[str, torch.Tensor]:
    """Return a model's inputs for the rows after `before` positions: ids, the mask over all of these, positions."""
    seen = batch.mask.new_ones(batch.rows.shape[0], before)
    positions = before + batch.mask.cumsum(dim=1) - 1
    return {
        "input_ids": batch.rows,
        "attention_mask": torch.cat([seen, batch.mask], dim=1),
        "position_ids": positions.clamp(min=0),
    }


def _summed_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    labelled = wanted != IGNORED
    return functional.cross_entropy(logits[labelled].float(), wanted[labelled], reduction="sum")


def _plain_loss(model: nn.Module, batch: PrefixBatch) -> torch.Tensor:
    """The reference: whole rows, padded at the right, nothing shared, every logit computed."""
    rows = [torch.cat([batch.prefix, row[mask.bool()]]) for row, mask in zip(batch.rows, batch.mask, strict=True)]
    labels = [
        functional.pad(row[mask.bool()], (batch.prefix.numel(), 0), value=IGNORED)
        for row, mask in zip(batch.labels, batch.mask, strict=True)
    ]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    wanted = nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED)
    out: Any = model(input_ids=ids, attention_mask=mask, use_cache=False)
    # Prompt tuning adds its own positions before those of the rows.
    logits: torch.Tensor = out.logits[:, -ids.shape[1] : -1]
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), wanted[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def sharing_is_exact(model: nn.Module, *, packed: bool = False, tolerance: float = 1e-3) -> bool:
    """Whether this model gives the same target loss with a shared prefix as without, on two short rows.

    Models whose layers use other caches than plain attention (recurrent, hybrid) may fail; they then run whole rows,
    and so do those with sliding windows when rows are `packed`. `tolerance` is relative, for fp32; it is loosened for a
    model in lower precision.
    """
    if packed and (counts_padding(model) or soft_prompt(model) is not None):
        return False
    return _equals_plain_loss(model, TargetLoss(model, share_prefix=True, packed=packed), tolerance)


def packing_is_exact(model: nn.Module, *, tolerance: float = 1e-3) -> bool:
    """Whether this model gives the same target loss for packs (`packs_loss`) as for plain rows.

    Not so for layers that look back over a window or keep a state, nor for soft prompts, nor for attention kernels
    that take no mask over a whole sequence.
    """
    if counts_padding(model) or soft_prompt(model) is not None:
        return False

    def packed(batch: PrefixBatch) -> torch.Tensor:
        least = collate_packs([batch.prompts()])
        count, length, asked = least.size
        padded = collate_packs([batch.prompts()], (count, length + 3, asked + 1))
        return packs_loss(model, padded.to(batch.prefix.device))

    return _equals_plain_loss(model, packed, tolerance)


@torch.no_grad()
def _equals_plain_loss(model: nn.Module, shared_loss: Callable[[PrefixBatch], torch.Tensor], tolerance: float) -> bool:
    """Whether a way to share a prefix gives the plain loss on two short ragged rows."""
    parameter = next(model.parameters())
    vocabulary = int(model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    ids = tuple((7 * i + 3) % vocabulary for i in range(12))
    prompts = [TokenizedPrompt(ids[:5], ids[6:9], ids[9:11]), TokenizedPrompt(ids[:5], ids[5:6], ids[7:9])]
    loose = max(tolerance, 4 * torch.finfo(parameter.dtype).eps)
    was_training = model.training
    model.eval()
    try:
        batch = collate(prompts, pad_right=counts_padding(model)).to(parameter.device)
        shared = shared_loss(batch)
        plain = TargetLoss(model, share_prefix=False)(batch)
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError) as error:
        _log.info("sharing a prefix failed: %s", error)
        return False
    finally:
        model.train(was_training)
    return bool((shared - plain).abs() <= loose * plain.abs().clamp(min=1.0))
