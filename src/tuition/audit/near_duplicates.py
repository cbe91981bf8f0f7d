"""Near-duplicate inputs: inside a task, across its splits, and across tasks.

Two inputs are near duplicates if their sets of word trigrams have a Jaccard similarity of 0.8 or more, ignoring case,
white space and punctuation. The join is exact (see `tuition.audit.join`), not an estimate like MinHash: it finds every
pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuition.audit.audit import CollectionAudit, Setting
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.join import Sets, similar_pairs, unique_sets
from tuition.audit.rows import MIN_LETTERS, TaskRows
from tuition.audit.words import Hashes, Indices, ngrams, split_words
from tuition.base.errors import clip
from tuition.tasks.types import RowSplit

WIDTH = 3
THRESHOLD = 0.8
# About 70 bytes of memory each: of a larger collection only the first rows of each task are compared.
SEQUENCES = 16_000_000
_SPLITS: tuple[RowSplit, ...] = ("", "train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Shingled:
    """A task's distinct inputs as sets of word sequences: `hashes[k]` is in the set of the input `rows[k]`.

    `inputs` are hashes of the whole inputs, to exclude equal inputs, which other audits find.
    """

    task: str
    ids: tuple[str, ...]
    sides: Indices
    inputs: Indices
    hashes: Hashes
    rows: Indices


@dataclass(slots=True)
class _Near:
    """The near pairs between two groups of rows (of one or two tasks): the first group's rows, and the nearest pair."""

    rows: set[int] = field(default_factory=set)
    best: float = 0.0
    pair: tuple[int, int] = (0, 0)


def shingle(rows: TaskRows) -> Shingled:
    """Return a task's inputs as sets of word sequences; of rows with equal input and split only the first is kept.

    Very short inputs are left out: "ok" and "Ok!" are not a leak.
    """
    first: dict[tuple[str, str], int] = {}
    for index, key_and_split in enumerate(zip(rows.keys, rows.splits, strict=True)):
        if len(key_and_split[0]) >= MIN_LETTERS:
            first.setdefault(key_and_split, index)
    hashes, owners = shingles([key for key, _ in first])
    sides = np.fromiter((_SPLITS.index(side) for _, side in first), np.int64, len(first))
    inputs = np.fromiter((hash(key) for key, _ in first), np.int64, len(first))
    return Shingled(rows.name, tuple(rows.rows[index].id for index in first.values()), sides, inputs, hashes, owners)


def shingles(texts: Sequence[str]) -> tuple[Hashes, Indices]:
    """Return hashes of word trigrams with their texts' numbers; a text of one or two words is one sequence."""
    words = split_words(texts)
    hashes, inside = ngrams(words, WIDTH)
    parts = [(hashes[inside], words.rows[inside])]
    length = np.bincount(words.rows, minlength=len(texts))
    for width in range(1, WIDTH):
        hashes, inside = ngrams(words, width)
        short = inside & (length[words.rows] == width) if len(words.rows) else inside
        parts.append((hashes[short], words.rows[short]))
    hashes, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
    sets = unique_sets(hashes, rows, len(texts))
    return sets.hashes, sets.rows


def find_near(kept: Sequence[Shingled], setting: Setting) -> Iterator[AuditFinding]:
    """Find near duplicates: one finding per pair of splits of a task, and one per pair of tasks."""
    tasks, left_out = _within(kept, SEQUENCES)
    if left_out:
        yield AuditFinding(
            "near-duplicates-not-sought",
            "note",
            (),
            left_out,
            "near duplicates",
            f"{left_out} rows were not compared: the collection is too large for memory, so only each task's first "
            "rows were; check fewer tasks at once to compare all",
        )
    if not any(len(task.hashes) for task in tasks):
        return
    for (one, other), sides in sorted(_gather(tasks).items()):
        yield from _inside(tasks[one], sides) if one == other else _across(tasks[one], tasks[other], sides, setting)


_Groups = dict[tuple[int, int], dict[tuple[int, int], _Near]]


def _gather(tasks: Sequence[Shingled]) -> _Groups:
    """Return the near pairs by their two tasks and then by their two splits; rows are numbered within their tasks."""
    begins = np.cumsum([0, *(len(task.ids) for task in tasks)])
    owner = np.repeat(np.arange(len(tasks)), np.diff(begins))
    side = np.concatenate([task.sides for task in tasks])
    inputs = np.concatenate([task.inputs for task in tasks])
    sets = Sets(
        np.concatenate([task.hashes for task in tasks]),
        np.concatenate([task.rows + begin for task, begin in zip(tasks, begins, strict=False)]),
        int(begins[-1]),
    )
    groups: _Groups = {}
    for pairs in similar_pairs(sets, THRESHOLD):
        near = inputs[pairs.first] != inputs[pairs.second]
        columns = pairs.first[near].tolist(), pairs.second[near].tolist(), pairs.similarity[near].tolist()
        for first, second, similarity in zip(*columns, strict=True):
            one, other = int(owner[first]), int(owner[second])
            # Inside a task the later split (test last) comes first, so that both orders are one group.
            if one == other and side[first] < side[second]:
                first, second = second, first  # noqa: PLW2901
            group = groups.setdefault((one, other), {}).setdefault((int(side[first]), int(side[second])), _Near())
            group.rows.add(first)
            if similarity > group.best:
                group.best, group.pair = similarity, (first - int(begins[one]), second - int(begins[other]))
    return groups


def _inside(task: Shingled, sides: dict[tuple[int, int], _Near]) -> Iterator[AuditFinding]:
    for (one, other), near in sorted(sides.items(), reverse=True):
        if one == other:
            continue
        here, there = _SPLITS[one] or "no set", _SPLITS[other] or "no set"
        test = here == "test"
        yield AuditFinding(
            f"near-{here}-in-{there}".replace(" ", "-"),
            "warning" if test else "note",
            (task.task,),
            len(near.rows),
            _where(task, task, near),
            f"in {here} {_inputs(len(near.rows))} nearly the same as one in {there} ({_measure(near)})"
            + ("; scores may measure memorisation" if test else ""),
        )
    same = [near for (one, other), near in sides.items() if one == other]
    if same:
        best = max(same, key=lambda near: near.best)
        count = sum(len(near.rows) for near in same)
        yield AuditFinding(
            "near-duplicate",
            "note",
            (task.task,),
            count,
            _where(task, task, best),
            f"{_inputs(count)} nearly the same as a later one in the same split ({_measure(best)})",
        )


def _across(
    one: Shingled, other: Shingled, sides: dict[tuple[int, int], _Near], setting: Setting
) -> Iterator[AuditFinding]:
    train, held_out = _SPLITS.index("train"), (_SPLITS.index("validation"), _SPLITS.index("test"))
    leaking = [
        near for (a, b), near in sides.items() if (a in held_out and b == train) or (b in held_out and a == train)
    ]
    split = setting.separating_split(one.task, other.task)
    chosen = leaking if leaking and split is None else list(sides.values())
    rows = set().union(*(near.rows for near in chosen))
    best = max(chosen, key=lambda near: near.best)
    reason = (
        f"the split {clip(split, 40)!r} trains on one and holds the other out"
        if split is not None
        else "some are in test or validation of one task and in train of the other"
        if leaking
        else "none is in test or validation of one task and in train of the other"
    )
    severity: Severity = "warning" if leaking or split is not None else "note"
    yield AuditFinding(
        "near-seen-in-unseen" if split is not None else "near-test-trains-other" if leaking else "near-shared-input",
        severity,
        (one.task, other.task),
        len(rows),
        _where(one, other, best),
        f"of the first task {_inputs(len(rows))} nearly the same as one in the second ({_measure(best)}); {reason}",
    )


def _inputs(count: int) -> str:
    return "1 input is" if count == 1 else f"{count} inputs are"


def _measure(near: _Near) -> str:
    return f"similarity {THRESHOLD} or more, here {near.best:.2f}"


def _where(one: Shingled, other: Shingled, near: _Near) -> str:
    first, second = near.pair
    rows = clip(one.ids[first], 60), clip(other.ids[second], 60)
    if one is other:
        return f"task {clip(one.task, 80)}, instance {rows[0]} and {rows[1]}"
    return f"task {clip(one.task, 80)}, instance {rows[0]} and task {clip(other.task, 80)}, instance {rows[1]}"


def _within(kept: Sequence[Shingled], limit: int) -> tuple[list[Shingled], int]:
    """Return the tasks' first rows, with at most `limit` sequences in total, and the number of rows left out."""
    if sum(len(task.hashes) for task in kept) <= limit:
        return list(kept), 0
    each = limit // len(kept)
    shortened = [_first_rows(task, each) for task in kept]
    return shortened, sum(len(task.ids) for task in kept) - sum(len(task.ids) for task in shortened)


def _first_rows(task: Shingled, sequences: int) -> Shingled:
    if len(task.hashes) <= sequences:
        return task
    count = int(task.rows[sequences])
    end = int(np.searchsorted(task.rows, count))
    kept = task.ids[:count], task.sides[:count], task.inputs[:count]
    return Shingled(task.task, *kept, task.hashes[:end], task.rows[:end])


AUDIT = CollectionAudit(
    "near-duplicates", "inputs that are nearly the same, inside and across tasks", shingle, find_near
)
