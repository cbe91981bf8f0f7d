"""Options of many tasks and adapters, ranked in the same passes: trees of options behind bodies, behind lanes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from tuition.models.answering.lane_cache import LaneCache
from tuition.models.answering.lane_model import LaneModel, RowAdapters, rows_a_pass, soft_length
from tuition.models.answering.lane_plan import Key
from tuition.models.batches import collate
from tuition.models.option_tree import OptionTree, Tokens
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tree_attention import (
    LogProbabilities,
    divided_tree,
    logits_room,
    read_tree,
    rows_together,
    tree_input,
)


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt of a request whose options are to be ranked."""

    request: int
    position: int
    key: Key
    body: Tokens
    options: Sequence[Tokens]


@dataclass(frozen=True, slots=True)
class _Tree:
    """A question with some of its options (by number), as one row of a pass."""

    question: Question
    lane: int
    chosen: tuple[int, ...]
    tree: OptionTree

    @property
    def length(self) -> int:
        return len(self.question.body)


def rank_together(
    model: nn.Module,
    questions: Sequence[Question],
    *,
    adapters: RowAdapters | None,
    most: int,
    free: int,
    column_bytes: int,
    ranked: Callable[[Question, LogProbabilities], None],
) -> None:
    """Compute the log-probability of each token of each question's options, in `lane_attention`.

    Args:
        model: a causal model.
        questions: what to rank, from whatever tasks.
        adapters: those of the model.
        most: the most rows of a pass.
        free: the memory for prefixes.
        column_bytes: what a position takes.
        ranked: is given each question with the log-probabilities of its options.
    """
    device = next(model.parameters()).device
    soft = soft_length(adapters)
    groups: dict[Key, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.key, []).append(question)
    keys = list(groups)
    while keys:
        longest, count = 0, 0
        for count, key in enumerate(keys):
            longest = max(longest, soft + len(key[1]))
            rows = sum(len(groups[other]) for other in keys[:count])
            if count and ((count + 1) * longest * column_bytes > free or rows >= most):
                break
        else:
            count = len(keys)
        taken, keys = keys[:count], keys[count:]
        cache = LaneCache(len(taken), 1, prefix=max(soft + len(key[1]) for key in taken), columns=0, device=device)
        lanes = LaneModel(model, cache, adapters)
        lanes.run_prefixes(range(len(taken)), [key[1] for key in taken], [key[0] for key in taken])
        _rank(lanes, [groups[key] for key in taken], most, logits_room(model), ranked)


def _rank(
    lanes: LaneModel,
    groups: Sequence[Sequence[Question]],
    most: int,
    room: int,
    ranked: Callable[[Question, LogProbabilities], None],
) -> None:
    """Rank the questions of each lane."""
    left: list[_Tree] = []
    trees: dict[tuple[Tokens, ...], list[tuple[tuple[int, ...], OptionTree]]] = {}
    for lane, own in enumerate(groups):
        for question in own:
            options = tuple(question.options)
            if options not in trees:
                trees[options] = divided_tree(options, room - 1)
            left += [_Tree(question, lane, chosen, tree) for chosen, tree in trees[options]]
    left.sort(key=lambda row: row.length, reverse=True)
    waiting = Counter(id(row.question) for row in left)
    results: dict[int, LogProbabilities] = {id(row.question): [()] * len(row.question.options) for row in left}
    while left:
        lengths, nodes = [row.length for row in left[:most]], [len(row.tree.tokens) for row in left[:most]]
        longest = max(length + own for length, own in zip(lengths, nodes, strict=True))
        count = min(rows_together(lengths, nodes, room), rows_a_pass(longest, lanes.cache.prefix, lanes.cache.device))
        rows, left = sorted(left[:count], key=lambda row: row.lane), left[count:]
        for row, log_probabilities in zip(rows, _run(lanes, rows), strict=True):
            found = results[id(row.question)]
            for option, value in zip(row.chosen, log_probabilities, strict=True):
                found[option] = value
            waiting[id(row.question)] -= 1
            if not waiting[id(row.question)]:
                ranked(row.question, found)


def _run(lanes: LaneModel, rows: Sequence[_Tree]) -> list[LogProbabilities]:
    batch = collate([TokenizedPrompt((), row.question.body, ()) for row in rows], with_target=False)
    trees = [row.tree for row in rows]
    given = tree_input(batch, trees, 0)
    logits = lanes.run_rows(
        [row.lane for row in rows],
        given["ids"],
        given["positions"],
        given["seen"],
        [row.question.key[0] for row in rows],
        keep=given["ids"].shape[1] - batch.rows.shape[1] + 1,
    )
    return read_tree(logits, trees)
