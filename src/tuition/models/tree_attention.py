"""One pass through a tree: bodies after a shared prefix, each followed by its options, with one attention mask.

An option's token attends to the prefix, its body, and the earlier tokens of its own option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from tuition.models.batches import PrefixBatch, collate, group_by_prefix, without_lone_prefixes
from tuition.models.generation import branch
from tuition.models.option_tree import ROOT, OptionTree, Tokens, divided, option_tree
from tuition.models.prefix import prefix_cache, soft_prompt, trunk
from tuition.models.tokens import TokenizedPrompt

LOGITS_LIMIT = 1 << 29
"""Bytes that the logits of one pass may take in fp32."""
_FEW, _ALIKE = 8, 0.8
"""After the first `_FEW` rows, rows shorter than `_ALIKE` of the longest wait for the next pass: padding costs as much
as tokens, while another pass costs little."""
LogProbabilities = list[tuple[float, ...]]
"""For one prompt and each of its options: the log-probability (nats) of each of the option's tokens."""
Questions = Sequence[tuple[TokenizedPrompt, Sequence[Tokens]]]
Found = Iterator[tuple[int, int, tuple[float, ...]]]
"""A question's number, an option's, and the log-probabilities of the option's tokens."""


def logits_room(model: nn.Module) -> int:
    """Return how many positions' logits one pass may have."""
    return max(LOGITS_LIMIT // (4 * vocabulary(model)), 1)


def vocabulary(model: nn.Module) -> int:
    """Return the size of a model's vocabulary."""
    return int(model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class _Branch:
    """A prompt with some of its options (by number), as one row of a pass."""

    at: int
    body: TokenizedPrompt
    chosen: tuple[int, ...]
    tree: OptionTree


def by_tree(
    model: nn.Module, questions: Questions, batch_size: int, _share: bool, advance: Callable[[int], None]
) -> Found:
    """Score the options of a causal model's questions, in the order of its batches."""
    room = logits_room(model)
    device = next(model.parameters()).device
    prompts = without_lone_prefixes([prompt for prompt, _ in questions])
    always = soft_prompt(model) is not None
    for group in group_by_prefix(prompts):
        prefix = torch.tensor(prompts[group[0]].prefix, dtype=torch.long, device=device)
        shared = prefix_cache(model, prefix) if prefix.numel() or always else DynamicCache()
        left = _branches(questions, prompts, group, room - 1)
        while left:
            first = left[:batch_size]
            count = rows_together([len(row.body.body) for row in first], [len(row.tree.tokens) for row in first], room)
            rows, left = left[:count], left[count:]
            for row, scores in zip(rows, _score(model, shared, rows), strict=True):
                for option, log_probabilities in zip(row.chosen, scores, strict=True):
                    yield row.at, option, log_probabilities
            # A prompt with more options in the next batch is not finished.
            advance(len({row.at for row in rows} - {row.at for row in left[:1]}))


def rows_together(lengths: Sequence[int], nodes: Sequence[int], room: int) -> int:
    """Return how many of the first rows to run in one pass: those whose logits fit, without much padding.

    Args:
        lengths: the tokens of each row's body, the longest first.
        nodes: the tokens of each row's tree.
        room: how many positions' logits a pass may have.
    """
    alike = sum(length >= _ALIKE * lengths[0] for length in lengths)
    return max(min(max(alike, _FEW), len(lengths), room // (1 + max(nodes))), 1)


def divided_tree(options: Sequence[Tokens], most: int) -> list[tuple[tuple[int, ...], OptionTree]]:
    """Return options as trees of at most `most` nodes (or of one longer option), each with its options' numbers."""
    return [(tuple(run), option_tree([options[at] for at in run])) for run in divided(options, most)]


def _branches(
    questions: Questions, prompts: Sequence[TokenizedPrompt], group: Sequence[int], most: int
) -> list[_Branch]:
    """Return the rows of a group of prompts, longest first; a prompt with very many options has several."""
    trees: dict[tuple[Tokens, ...], list[tuple[tuple[int, ...], OptionTree]]] = {}
    rows = []
    for at in sorted(group, key=lambda at: len(prompts[at].body), reverse=True):
        own = tuple(questions[at][1])
        if own not in trees:
            trees[own] = divided_tree(own, most)
        rows += [_Branch(at, prompts[at], chosen, tree) for chosen, tree in trees[own]]
    return rows


def _score(model: nn.Module, shared: DynamicCache, rows: Sequence[_Branch]) -> list[LogProbabilities]:
    """Run one batch of bodies and their options after the `shared` prefix's cache."""
    batch = collate([row.body for row in rows], with_target=False)
    trees = [row.tree for row in rows]
    before, width = shared.get_seq_length(), batch.rows.shape[1]
    device = next(model.parameters()).device
    given = tree_input(batch, trees, before)
    mask = torch.zeros(given["seen"].shape, dtype=next(model.parameters()).dtype)
    mask = mask.masked_fill(~given["seen"], torch.finfo(mask.dtype).min)[:, None]
    running: Any = trunk(model)
    out: Any = running(
        input_ids=given["ids"].to(device),
        attention_mask=mask.to(device),
        position_ids=given["positions"].to(device),
        past_key_values=branch(shared, len(rows)) if before else DynamicCache(),
        use_cache=True,
        logits_to_keep=torch.arange(width - 1, given["ids"].shape[1], device=device),
    )
    return read_tree(out.logits, trees)


def tree_input(batch: PrefixBatch, trees: Sequence[OptionTree], before: int) -> dict[str, torch.Tensor]:
    """Return the ids (B × Q) of each body followed by its tree, their positions, and the mask (B × Q × P + Q).

    Bodies are padded at the left and trees at the right, so that all trees start in the same column.
    """
    rows, width = batch.rows.shape
    nodes = max(len(tree.tokens) for tree in trees)
    kinds = {tree: number for number, tree in enumerate(dict.fromkeys(trees))}
    own = torch.zeros(len(kinds), width + nodes, width + nodes, dtype=torch.bool)
    own[:, :width, :width] = torch.ones(width, width, dtype=torch.bool).tril()
    tokens, depths = torch.zeros(2, len(kinds), nodes, dtype=torch.long)
    for tree, kind in kinds.items():
        own[kind, width:, :width] = True
        for node, parent in enumerate(tree.parents):
            if parent != ROOT:
                own[kind, width + node] |= own[kind, width + parent]
            own[kind, width + node, width + node] = True
        tokens[kind, : len(tree.tokens)] = torch.tensor(tree.tokens, dtype=torch.long)
        depths[kind, : len(tree.tokens)] = torch.tensor(tree.depths, dtype=torch.long)
    which = torch.tensor([kinds[tree] for tree in trees])
    filled = torch.cat([batch.mask.bool(), torch.ones(rows, nodes, dtype=torch.bool)], dim=1)
    # Padding attends to itself: a row of attention without any position has no softmax.
    seen = (own[which] & filled[:, None, :]) | torch.eye(width + nodes, dtype=torch.bool)
    body_positions = (before + batch.mask.cumsum(dim=1) - 1).clamp(min=0)
    last = before + batch.mask.sum(dim=1, keepdim=True) - 1
    return {
        "ids": torch.cat([batch.rows, tokens[which]], dim=1),
        "positions": torch.cat([body_positions, last + depths[which]], dim=1),
        "seen": torch.cat([torch.ones(rows, width + nodes, before, dtype=torch.bool), seen], dim=2),
    }


def read_tree(logits: torch.Tensor, trees: Sequence[OptionTree]) -> list[LogProbabilities]:
    """Return each option's log-probabilities from logits (B × 1 + N × V); the first column is the question's own."""
    wanted = [
        (row, place + 1, token)
        for row, tree in enumerate(trees)
        for option, places in zip(tree.options, tree.places, strict=True)
        for place, token in zip(places, option, strict=True)
    ]
    rows, columns, tokens = torch.tensor(wanted, dtype=torch.long, device=logits.device).unbind(dim=1)
    logits = logits.float()
    values = iter((logits[rows, columns, tokens] - logits.logsumexp(dim=-1)[rows, columns]).tolist())
    return [[tuple(next(values) for _ in option) for option in tree.options] for tree in trees]
