"""Option scoring by an encoder-decoder: each source is encoded once, its options are decoded after one cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from tuition.models.batches import collate_pairs
from tuition.models.option_tree import ROOT, OptionTree, Tokens, option_tree
from tuition.models.prefix import soft_prompt, trunk
from tuition.models.tokens import TokenizedPrompt

_ROWS_A_PROMPT = 4
"""How many options are decoded at once for each prompt of a batch; more take several passes."""


def pair_log_probabilities(
    model: nn.Module,
    questions: Sequence[tuple[TokenizedPrompt, Sequence[Tokens]]],
    *,
    opening: Tokens,
    batch_size: int,
    advance: Callable[[int], None],
) -> list[list[tuple[float, ...]]]:
    """Return for each question and option the log-probability of each of the option's tokens.

    The decoder's start is run once per source, which predicts every first token; after it, each path to a leaf of the
    tree of options is a row. Decoders take positions from columns, so several options cannot share a row.
    """
    trees = [option_tree(tuple(own)) for _, own in questions]
    found: list[list[tuple[float, ...]]] = [[] for _ in questions]
    order = sorted(range(len(questions)), key=lambda at: len(questions[at][0].ids), reverse=True)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        encoded = _encode(model, [questions[at][0] for at in chosen], opening)
        own = [trees[at] for at in chosen]
        for at, tree, nodes in zip(chosen, own, _decode(model, encoded, own, batch_size * _ROWS_A_PROMPT), strict=True):
            found[at] = [
                tuple(nodes[place, token] for place, token in zip(places, option, strict=True))
                for option, places in zip(tree.options, tree.places, strict=True)
            ]
        advance(len(chosen))
    return found


@dataclass(frozen=True, slots=True)
class _Encoded:
    """B encoded sources, the decoder's cache after its opening, and the log-probabilities there (B × V)."""

    states: torch.Tensor
    mask: torch.Tensor
    cache: EncoderDecoderCache
    first: torch.Tensor


def _encode(model: nn.Module, prompts: Sequence[TokenizedPrompt], opening: Tokens) -> _Encoded:
    device = next(model.parameters()).device
    batch = collate_pairs(prompts).to(device)
    running: Any = trunk(model)
    soft, mask = soft_prompt(model), batch.mask
    if soft is None:
        states = running.get_encoder()(input_ids=batch.sources, attention_mask=mask).last_hidden_state
    else:
        embeddings = running.get_input_embeddings()(batch.sources)
        embeddings = torch.cat([soft.to(embeddings.dtype).expand(len(prompts), -1, -1), embeddings], dim=1)
        mask = torch.cat([mask.new_ones(len(prompts), soft.shape[1]), mask], dim=1)
        states = running.get_encoder()(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
    start = torch.tensor([(decoder_start(model), *opening)], device=device).expand(len(prompts), -1)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    out = running(
        encoder_outputs=BaseModelOutput(last_hidden_state=states),
        attention_mask=mask,
        decoder_input_ids=start,
        past_key_values=cache,
        use_cache=True,
    )
    return _Encoded(states, mask, cache, out.logits[:, -1].float().log_softmax(dim=-1))


def decoder_start(model: nn.Module) -> int:
    """Return the token after which an encoder-decoder's answers start.

    Raises:
        ValueError: its configuration names none.
    """
    config: Any = model.config
    start = getattr(config, "decoder_start_token_id", None)
    if start is None:
        raise ValueError(f"the configuration of {type(model).__name__} has no decoder_start_token_id")
    return int(start)


def _decode(
    model: nn.Module, encoded: _Encoded, trees: Sequence[OptionTree], most: int
) -> list[dict[tuple[int, int], float]]:
    """Return for each tree the log-probability of each option token, by the node that predicts it."""
    wanted: list[dict[int, list[int]]] = []
    for tree in trees:
        wanted.append({})
        for option, places in zip(tree.options, tree.places, strict=True):
            for place, token in zip(places, option, strict=True):
                wanted[-1].setdefault(place, []).append(token)
    found: list[dict[tuple[int, int], float]] = [{} for _ in trees]

    def note(row: int, place: int, log_probabilities: torch.Tensor) -> None:
        tokens = wanted[row].get(place, [])
        values = log_probabilities[torch.tensor(tokens, dtype=torch.long, device=log_probabilities.device)].tolist()
        found[row].update({(place, token): value for token, value in zip(tokens, values, strict=True)})

    for row in range(len(trees)):
        note(row, ROOT, encoded.first[row])
    paths = [(row, path) for row, tree in enumerate(trees) for path in tree.paths()]
    paths.sort(key=lambda row_path: len(row_path[1]), reverse=True)
    for start in range(0, len(paths), most):
        taken = paths[start : start + most]
        for (row, path), log_probabilities in zip(taken, _run_paths(model, encoded, trees, taken), strict=True):
            for column, node in enumerate(path):
                note(row, node, log_probabilities[column])
    return found


def _run_paths(
    model: nn.Module, encoded: _Encoded, trees: Sequence[OptionTree], paths: Sequence[tuple[int, Tokens]]
) -> torch.Tensor:
    """Return the log-probabilities (W × L × V) after each node of W paths, each after its own source's cache."""
    device = encoded.states.device
    rows = torch.tensor([row for row, _ in paths], device=device)
    tokens = [torch.tensor([trees[row].tokens[node] for node in path]) for row, path in paths]
    ids = nn.utils.rnn.pad_sequence(tokens, batch_first=True).to(device)
    both = (encoded.cache.self_attention_cache, encoded.cache.cross_attention_cache)
    own, cross = (DynamicCache([(layer.keys[rows], layer.values[rows]) for layer in part.layers]) for part in both)
    running: Any = trunk(model)
    out = running(
        encoder_outputs=BaseModelOutput(last_hidden_state=encoded.states[rows]),
        attention_mask=encoded.mask[rows],
        decoder_input_ids=ids,
        past_key_values=EncoderDecoderCache(own, cross),
        use_cache=True,
    )
    logits: torch.Tensor = out.logits.float()
    return logits.log_softmax(dim=-1)
