"""Greedy generation that runs a task's prefix once for all its instances; equal to plain generation in fp32."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from tuition.models.batches import collate, group_by_prefix, without_lone_prefixes
from tuition.models.prefix import counts_padding, expand_cache, prefix_cache, rows_input, soft_prompt, trunk
from tuition.models.tokens import TokenizedPrompt

Advance = Callable[[int], None]


@torch.inference_mode()
def generate_greedily(
    model: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    *,
    end: frozenset[int],
    new_tokens: int,
    batch_size: int = 32,
    share_prefix: bool = True,
    advance: Advance = lambda done: None,
) -> list[tuple[int, ...]]:
    """Return the most likely continuation of each prompt's prefix and body, token by token.

    Rows are grouped by prefix and sorted by length; a row that has ended leaves its batch.

    Args:
        model: a causal language model.
        prompts: what to answer; their targets are not looked at.
        end: tokens that end an answer (not part of what is returned).
        new_tokens: the most tokens that an answer may have.
        batch_size: rows answered at once.
        share_prefix: run each prefix once, instead of once a row.
        advance: is told after each batch how many rows were answered.
    """
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    prompts = without_lone_prefixes(prompts)
    # A soft prompt is a prefix that every sequence has.
    always = soft_prompt(model) is not None
    for group in group_by_prefix(prompts):
        first = prompts[group[0]]
        shared = _run_prefix(model, first) if always or (share_prefix and first.prefix) else None
        for positions in _batches(prompts, group, batch_size, one_length=counts_padding(model)):
            rows = _answer(model, [prompts[p] for p in positions], shared, end, new_tokens)
            for position, row in zip(positions, rows, strict=True):
                answers[position] = row
            advance(len(positions))
    return answers


def _batches(
    prompts: Sequence[TokenizedPrompt], group: Sequence[int], size: int, *, one_length: bool
) -> Iterator[list[int]]:
    """Yield positions in batches, longest bodies first; with `one_length`, no batch mixes lengths of whole rows."""

    def length(position: int) -> int:
        return len(prompts[position].body)

    ordered = sorted(group, key=length, reverse=True)
    runs = [list(run) for _, run in itertools.groupby(ordered, key=length)] if one_length else [ordered]
    for run in runs:
        for start in range(0, len(run), size):
            yield run[start : start + size]


def _run_prefix(model: nn.Module, prompt: TokenizedPrompt) -> DynamicCache:
    device = next(model.parameters()).device
    return prefix_cache(model, torch.tensor(prompt.prefix, dtype=torch.long, device=device))


def _answer(
    model: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    shared: DynamicCache | None,
    end: frozenset[int],
    new_tokens: int,
) -> list[tuple[int, ...]]:
    """Answer one batch of prompts of one prefix."""
    device = next(model.parameters()).device
    if shared is None:
        whole = [TokenizedPrompt((), prompt.prefix + prompt.body, ()) for prompt in prompts]
        batch, cache = collate(whole, with_target=False).to(device), DynamicCache()
    else:
        batch, cache = collate(prompts, with_target=False).to(device), _branch(shared, len(prompts))
    given = rows_input(batch, cache.get_seq_length())
    model = trunk(model)
    mask, position = given["attention_mask"], given["position_ids"][:, -1:]
    answers: list[list[int]] = [[] for _ in prompts]
    alive = torch.arange(len(prompts), device=device)
    ends = torch.tensor(sorted(end), device=device)
    last = torch.tensor([batch.rows.shape[1] - 1], device=device)
    out: Any = model(**given, past_key_values=cache, use_cache=True, logits_to_keep=last)
    for step in range(new_tokens):
        chosen = out.logits[:, -1].argmax(dim=-1)
        going = ~torch.isin(chosen, ends)
        for row, token in zip(alive[going].tolist(), chosen[going].tolist(), strict=True):
            answers[row].append(token)
        if step + 1 == new_tokens or not going.any():
            break
        if not going.all():
            kept = going.nonzero()[:, 0]
            cache.batch_select_indices(kept)
            alive, chosen, mask, position = alive[kept], chosen[kept], mask[kept], position[kept]
        mask = torch.cat([mask, mask.new_ones(mask.shape[0], 1)], dim=1)
        position = position + 1
        out = model(
            input_ids=chosen[:, None],
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
            use_cache=True,
        )
    return [tuple(answer) for answer in answers]


def _branch(shared: DynamicCache, rows: int) -> DynamicCache:
    """Return a cache that begins with the shared prefix for each of `rows` rows and leaves `shared` as it is."""
    # Layers grow by concatenation into new tensors, so handing over the same tensors is safe.
    branch = DynamicCache([(layer.keys, layer.values) for layer in shared.layers])
    expand_cache(branch, rows)
    return branch
