"""Exact prefix sharing: what is common to a batch is computed once, for learning and judging alike.

A causal model's keys and values of a position depend on earlier positions only. So the prefix can be run once, its
keys and values expanded to the batch, and the bodies run behind it: the same loss and, since the gradients of an
expanded tensor sum over the batch, the same gradients, up to rounding.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import DynamicCache

from tuition.models.batches import IGNORED, PrefixBatch, collate
from tuition.models.packed_prefix import packed_loss
from tuition.models.tokens import TokenizedPrompt

_log = logging.getLogger(__name__)


class TargetLoss(nn.Module):
    """A causal model wrapped so that one forward gives the summed loss of a batch's targets.

    One `nn.Module` forward, so that whatever wraps modules (DDP, FSDP, compilation) can wrap this one.
    """

    def __init__(self, model: nn.Module, *, share_prefix: bool, packed: bool = False) -> None:
        """`share_prefix` chooses the shared path; without it every row is run whole and every logit computed.

        `packed` shares through one packed sequence instead of a cache, as gradient checkpointing needs it.
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
            return _summed_loss(shared_logits(self.model, batch), batch.labels[:, batch.asking + 1])
        return _plain_loss(self.model, batch)


def shared_logits(model: nn.Module, batch: PrefixBatch) -> torch.Tensor:
    """Return the logits (B × K × V) of the K columns in `batch.asking`, with the prefix, where there is one, run once.

    Most logits of a row are of no use, and with a large vocabulary they are much of a small model's work and memory.
    """
    if not batch.prefix.numel() and soft_prompt(model) is None:
        alone: Any = model(**rows_input(batch, 0), use_cache=False, logits_to_keep=batch.asking)
        every: torch.Tensor = alone.logits
        return every
    cache = prefix_cache(model, batch.prefix)
    expand_cache(cache, batch.rows.shape[0])
    # Columns, not a number: a slice is not contiguous, and torch would then copy the output matrix once a row.
    given = rows_input(batch, cache.get_seq_length())
    out: Any = trunk(model)(**given, past_key_values=cache, use_cache=True, logits_to_keep=batch.asking)
    logits: torch.Tensor = out.logits
    return logits


def prefix_cache(model: nn.Module, prefix: torch.Tensor) -> DynamicCache:
    """Run a prefix (P tokens) alone and return its keys and values, one row each, with gradients where enabled.

    A soft prompt (prompt tuning) stands before the prefix, and is run with it.

    Raises:
        ValueError: the model keeps another kind of cache, so that nothing can be shared.
    """
    # Without a configuration the cache keeps every position of every layer; sliding windows are left to the mask.
    cache = DynamicCache()
    soft = soft_prompt(model)
    if soft is None:
        model(input_ids=prefix[None], past_key_values=cache, use_cache=True, logits_to_keep=1)
        return _kept(cache, prefix.numel())
    inner = trunk(model)
    told: Any = inner.get_input_embeddings()(prefix[None])  # type: ignore[operator]
    inner(inputs_embeds=torch.cat([soft.to(told.dtype), told], dim=1), past_key_values=cache, logits_to_keep=1)
    return _kept(cache, soft.shape[1] + prefix.numel())


def _kept(cache: DynamicCache, length: int) -> DynamicCache:
    if cache.get_seq_length() != length:  # recurrent layers keep a state of their own, and nothing here
        raise ValueError(f"the model kept {cache.get_seq_length()} of {length} positions; it keeps another cache")
    return cache


def soft_prompt(model: nn.Module) -> torch.Tensor | None:
    """Return the learnt vectors (1 × V × hidden) that prompt tuning puts before every sequence; None without them."""
    config: Any = getattr(model, "active_peft_config", None)
    if config is None or not config.is_prompt_learning:
        return None
    prompted: Any = model
    vectors: torch.Tensor = prompted.get_prompt(batch_size=1)
    return vectors


def trunk(model: nn.Module) -> nn.Module:
    """Return the module to run behind a prefix: a model under prompt tuning without the part that adds the prompt."""
    if soft_prompt(model) is None:
        return model
    prompted: Any = model
    inner: nn.Module = prompted.get_base_model()
    return inner


def expand_cache(cache: DynamicCache, rows: int) -> None:
    """Let each of `rows` rows see the one row of keys and values in `cache`, without copying them."""
    for layer in cache.layers:
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)


def counts_padding(model: nn.Module) -> bool:
    """Whether the model's attention reaches back over a number of columns, padding included.

    Sliding windows and chunks are counted in columns. Padding between prefix and row would then hide what a row alone
    would see, so such models get rows padded at the right, and answer rows of one length together.
    """
    config: Any = model.config
    told = config.get_text_config()
    return bool(getattr(told, "sliding_window", None) or getattr(told, "attention_chunk_size", None))


def rows_input(batch: PrefixBatch, before: int) -> dict[str, torch.Tensor]:
    """Return a model's inputs for the rows behind `before` positions: ids, the mask over all of these, positions."""
    seen = batch.mask.new_ones(batch.rows.shape[0], before)
    positions = before + batch.mask.cumsum(dim=1) - 1
    return {
        "input_ids": batch.rows,
        "attention_mask": torch.cat([seen, batch.mask], dim=1),
        "position_ids": positions.clamp(min=0),
    }


def _summed_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    learnt = wanted != IGNORED
    return functional.cross_entropy(logits[learnt].float(), wanted[learnt], reduction="sum")


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


@torch.no_grad()
def sharing_is_exact(model: nn.Module, *, packed: bool = False, tolerance: float = 1e-3) -> bool:
    """Whether this model gives the same target loss with a shared prefix as without, on two short ragged rows.

    Models whose layers keep other caches than plain attention (recurrent, hybrid) may fail; they then take the plain
    path, and so do those with windows when rows are `packed`. `tolerance` is relative, for fp32; it is loosened by the
    model's own precision.
    """
    if packed and (counts_padding(model) or soft_prompt(model) is not None):
        return False
    parameter = next(model.parameters())
    vocabulary = int(model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    ids = tuple((7 * i + 3) % vocabulary for i in range(12))
    prompts = [TokenizedPrompt(ids[:5], ids[6:9], ids[9:11]), TokenizedPrompt(ids[:5], ids[5:6], ids[7:9])]
    loose = max(tolerance, 4 * torch.finfo(parameter.dtype).eps)
    was_training = model.training
    model.eval()
    try:
        batch = collate(prompts, pad_right=counts_padding(model)).to(parameter.device)
        shared = TargetLoss(model, share_prefix=True, packed=packed)(batch)
        plain = TargetLoss(model, share_prefix=False)(batch)
    except (AttributeError, TypeError, ValueError, RuntimeError, IndexError) as error:
        _log.info("sharing a prefix failed: %s", error)
        return False
    finally:
        model.train(was_training)
    return bool((shared - plain).abs() <= loose * plain.abs().clamp(min=1.0))
