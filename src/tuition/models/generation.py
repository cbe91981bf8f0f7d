"""Generation that runs a task's prefix once for all its instances; equal to plain generation in fp32."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from tuition.models.batches import BATCHING, Batching, PrefixBatch, collate, group_by_prefix, without_lone_prefixes
from tuition.models.decoding import GREEDY, Decoding
from tuition.models.generation_progress import Advance, Batch
from tuition.models.prefix import counts_padding, expand_cache, prefix_cache, rows_input, soft_prompt, trunk
from tuition.models.sampling import Decode, Stops, TokenSampler, generate_options
from tuition.models.tokens import TokenizedPrompt


@torch.inference_mode()
def generate_greedily(
    model: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    *,
    end: frozenset[int],
    new_tokens: int,
    batching: Batching = BATCHING,
    advance: Advance = lambda done: None,
) -> list[tuple[int, ...]]:
    """Return the most likely continuation of each prompt's prefix and body, token by token.

    Rows are grouped by prefix and sorted by length; a row that has ended leaves its batch.

    Args:
        model: a causal language model.
        prompts: what to answer; their targets are ignored.
        end: tokens that end an answer (they are not returned).
        new_tokens: the most tokens that an answer may have.
        batching: how many rows are answered at once, and whether each prefix is run once.
        advance: called with the number of rows answered; fractions of a row as tokens are generated.
    """
    return generate(
        model,
        prompts,
        GREEDY,
        end=end,
        new_tokens=new_tokens,
        batching=batching,
        advance=advance,
    )


@torch.inference_mode()
def generate(
    model: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    decoding: Decoding,
    *,
    end: frozenset[int],
    new_tokens: int,
    decode: Decode | None = None,
    batching: Batching = BATCHING,
    advance: Advance = lambda done: None,
) -> list[tuple[int, ...]]:
    """Return a continuation of each prompt's prefix and body, chosen as `decoding` describes.

    See `generate_greedily`. Where there are stop texts, `decode` turns an answer's tokens into text; the token that
    completes a stop text is returned too. Beam search is transformers' own `generate`, after the shared prefix.

    Raises:
        ValueError: there are stop texts and no `decode`, or beam search and no end token.
    """
    if decoding.beams > 1 and not end:
        raise ValueError("beam search needs an end token")
    stops = Stops(decoding, decode)
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    prompts = without_lone_prefixes(prompts)
    # A soft prompt is a prefix of every sequence.
    always = soft_prompt(model) is not None
    for group in group_by_prefix(prompts):
        first = prompts[group[0]]
        shared = _run_prefix(model, first) if always or (batching.share_prefix and first.prefix) else None
        for positions in _batches(prompts, group, batching.size, one_length=counts_padding(model)):
            chosen = [prompts[p] for p in positions]
            made = Batch(len(chosen), new_tokens, advance)
            if decoding.beams > 1:
                rows = _search(model, chosen, shared, decoding, stops, end, new_tokens, made)
            else:
                choose = TokenSampler(decoding, positions, new_tokens)
                rows = _answer(model, chosen, shared, choose, stops, end, new_tokens, made)
            for position, row in zip(positions, rows, strict=True):
                answers[position] = row
            made.end()
    return answers


def _batches(
    prompts: Sequence[TokenizedPrompt], group: Sequence[int], size: int, *, one_length: bool
) -> Iterator[list[int]]:
    """Yield positions in batches, longest bodies first; with `one_length`, all rows of a batch have the same length."""

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
    choose: TokenSampler,
    stops: Stops,
    end: frozenset[int],
    new_tokens: int,
    made: Batch,
) -> list[tuple[int, ...]]:
    """Answer one batch of prompts of one prefix."""
    device = next(model.parameters()).device
    batch, cache = _begin(prompts, shared)
    batch = batch.to(device)
    given = rows_input(batch, cache.get_seq_length())
    model = trunk(model)
    mask, position = given["attention_mask"], given["position_ids"][:, -1:]
    answers: list[list[int]] = [[] for _ in prompts]
    alive = torch.arange(len(prompts), device=device)
    ends = torch.tensor(sorted(end), device=device)
    last = torch.tensor([batch.rows.shape[1] - 1], device=device)
    out: Any = model(**given, past_key_values=cache, use_cache=True, logits_to_keep=last)
    for step in range(new_tokens):
        chosen = choose(out.logits[:, -1], alive, step)
        unfinished = ~torch.isin(chosen, ends)
        for row, token in zip(alive[unfinished].tolist(), chosen[unfinished].tolist(), strict=True):
            answers[row].append(token)
        if stops:
            unfinished &= torch.tensor([not stops(answers[row]) for row in alive.tolist()], device=device)
        made.token()
        if step + 1 == new_tokens or not unfinished.any():
            break
        if not unfinished.all():
            kept = unfinished.nonzero()[:, 0]
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


def _begin(
    prompts: Sequence[TokenizedPrompt], shared: DynamicCache | None, copies: int = 1
) -> tuple[PrefixBatch, DynamicCache]:
    """Return a batch and the cache that precedes it, for `copies` rows per prompt."""
    if shared is not None:
        return collate(prompts, with_target=False), branch(shared, copies * len(prompts))
    whole = [TokenizedPrompt((), prompt.prefix + prompt.body, ()) for prompt in prompts]
    return collate(whole, with_target=False), DynamicCache()


def _search(
    model: nn.Module,
    prompts: Sequence[TokenizedPrompt],
    shared: DynamicCache | None,
    decoding: Decoding,
    stops: Stops,
    end: frozenset[int],
    new_tokens: int,
    made: Batch,
) -> list[tuple[int, ...]]:
    """Answer one batch by transformers' beam search, which starts from the cache of the prefix."""
    device = next(model.parameters()).device
    batch, cache = _begin(prompts, shared, decoding.beams)
    rows, before = len(prompts), cache.get_seq_length()
    # The cached positions are not run again, so their ids (a soft prompt has none) do not matter.
    ids = torch.cat([batch.rows.new_zeros(rows, before), batch.rows], dim=1).to(device)
    mask = torch.cat([batch.mask.new_ones(rows, before), batch.mask], dim=1).to(device)
    width = ids.shape[1]
    options = generate_options(
        decoding, stops, end=end, new_tokens=new_tokens, begins=width, positions=range(rows), made=made
    )
    # As in greedy decoding, the model's own generation configuration is ignored.
    options |= {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_length": 0, "pad_token_id": min(end)}
    if before:
        options["past_key_values"] = cache
    running: Any = trunk(model)
    found = running.generate(input_ids=ids, attention_mask=mask, **options)
    return [stops.cut(until_end(row, end)) for row in found[:, width:].tolist()]


def until_end(row: Sequence[int], end: frozenset[int]) -> tuple[int, ...]:
    """Return the tokens before the first end token."""
    return tuple(itertools.takewhile(lambda token: token not in end, row))


def branch(shared: DynamicCache, rows: int) -> DynamicCache:
    """Return a cache that starts with the shared prefix for each of `rows` rows; `shared` is not changed."""
    # Layers grow by concatenation into new tensors, so passing the same tensors is safe.
    branch = DynamicCache([(layer.keys, layer.values) for layer in shared.layers])
    expand_cache(branch, rows)
    return branch
