"""Encoder-decoders (T5, BART): the loss over target tokens, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tuition.models.batches import IGNORED, collate_pairs
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.generation_progress import Advance, Batch
from tuition.models.sampling import Decode, Stops, generate_options
from tuition.models.tokens import TokenizedPrompt


def is_encoder_decoder(model: nn.Module) -> bool:
    """Whether a model is an encoder-decoder."""
    config: Any = model.config
    return bool(getattr(config, "is_encoder_decoder", False))


def pair_loss(model: nn.Module, prompts: Sequence[TokenizedPrompt]) -> torch.Tensor:
    """Return the sum of cross-entropies (nats, fp32 scalar) over the target tokens of prompts with any prefixes."""
    batch = collate_pairs(prompts).to(next(model.parameters()).device)
    out: Any = model(input_ids=batch.sources, attention_mask=batch.mask, labels=batch.labels)
    logits: torch.Tensor = out.logits
    labelled = batch.labels != IGNORED
    return functional.cross_entropy(logits[labelled].float(), batch.labels[labelled], reduction="sum")


@torch.inference_mode()
def answer_pairs(
    model: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    *,
    end: frozenset[int],
    new_tokens: int,
    decoding: Decoding = GREEDY,
    decode: Decode | None = None,
    batch_size: int = 32,
    advance: Advance = lambda done: None,
) -> list[tuple[int, ...]]:
    """Return an encoder-decoder's answer to each prompt, chosen as `decoding` describes, without its end token.

    Rows are sorted by length; each source is encoded once. Where there are stop texts, `decode` turns an answer's
    tokens into text; the token that completes a stop text is returned too.

    Raises:
        ValueError: there are stop texts and no `decode`.
    """
    stops = Stops(decoding, decode)
    device = next(model.parameters()).device
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at].prefix) + len(prompts[at].body), reverse=True)
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    config: Any = model.config
    drop = end | {config.decoder_start_token_id, config.pad_token_id} - {None}
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = collate_pairs([prompts[at] for at in chosen]).to(device)
        generating: Any = model
        made = Batch(len(chosen), new_tokens + 1, advance)
        rows = generating.generate(
            input_ids=batch.sources,
            attention_mask=batch.mask,
            # One more for a start token that some tokenizers put before every target.
            **generate_options(
                decoding, stops, end=end, new_tokens=new_tokens + 1, begins=1, positions=chosen, made=made
            ),
        )
        for at, row in zip(chosen, rows.tolist(), strict=True):
            answers[at] = stops.cut(_answer(row[1:], end, drop)[:new_tokens])
        made.end()
    return answers


def _answer(row: Sequence[int], end: frozenset[int], drop: frozenset[int]) -> tuple[int, ...]:
    """Return the tokens up to the first end token, without padding and start tokens."""
    kept = []
    for token in row:
        if token in end:
            break
        if token not in drop:
            kept.append(token)
    return tuple(kept)
