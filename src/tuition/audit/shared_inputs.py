"""Inputs that several tasks share: a training input of one task may be a test input of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tuition.audit.audit import CollectionAudit, Setting
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.rows import MIN_LETTERS, TaskRows
from tuition.audit.words import Indices
from tuition.base.errors import clip
from tuition.splits.content import content_key


@dataclass(frozen=True, slots=True)
class _Inputs:
    """A task's distinct inputs as hashes, with their splits (as bits) and the hash of their output.

    Python's own hash is salted for each process, so a data set cannot be built with inputs that collide.
    """

    task: str
    ids: tuple[str, ...]
    inputs: Indices
    sides: Indices
    outputs: Indices


_BITS = {"": 0, "train": 1, "test": 2, "validation": 4}


def _keep(rows: TaskRows) -> _Inputs:
    first: dict[str, int] = {}
    sides: Counter[str] = Counter()
    for index, (key, split) in enumerate(zip(rows.keys, rows.splits, strict=True)):
        if len(key) >= MIN_LETTERS:
            first.setdefault(key, index)
            sides[key] |= _BITS[split]
    return _Inputs(
        rows.name,
        tuple(rows.rows[index].id for index in first.values()),
        np.fromiter(map(hash, first), np.int64, len(first)),
        np.fromiter((sides[key] for key in first), np.int64, len(first)),
        np.fromiter((hash(content_key(rows.rows[i].outputs[0])) for i in first.values()), np.int64, len(first)),
    )


@dataclass(slots=True)
class _Shared:
    """The inputs that two tasks share: all, those held out in one and seen in the other, those of equal output.

    `where` names one of them, a leaking one if there is any.
    """

    inputs: int = 0
    leaking: int = 0
    same_output: int = 0
    where: str = ""


def find_shared(kept: Sequence[_Inputs], setting: Setting) -> Iterator[AuditFinding]:
    """Find each pair of tasks with an input in common."""
    pairs: dict[tuple[int, int], _Shared] = {}
    for group in _groups(kept):
        for position, (one, at) in enumerate(group):
            for other, there in group[position + 1 :]:
                _add(pairs.setdefault((one, other), _Shared()), kept[one], at, kept[other], there)
    for (one, other), shared in sorted(pairs.items()):
        yield _finding(kept[one].task, kept[other].task, shared, setting)


def _groups(kept: Sequence[_Inputs]) -> Iterator[list[tuple[int, int]]]:
    """Yield, for each input of several tasks, the tasks' numbers and the input's indices in them."""
    if not kept:
        return
    inputs = np.concatenate([task.inputs for task in kept])
    owners = np.concatenate([np.full(len(task.inputs), number) for number, task in enumerate(kept)])
    indices = np.concatenate([np.arange(len(task.inputs)) for task in kept])
    order = np.lexsort((owners, inputs))
    inputs, owners, indices = inputs[order], owners[order], indices[order]
    fresh = np.ones(len(inputs), bool)
    fresh[1:] = inputs[1:] != inputs[:-1]
    for begin, end in pairwise([*np.flatnonzero(fresh).tolist(), len(inputs)]):
        if end - begin > 1:
            yield list(zip(owners[begin:end].tolist(), indices[begin:end].tolist(), strict=True))


def _add(shared: _Shared, one: _Inputs, at: int, other: _Inputs, there: int) -> None:
    sides = int(one.sides[at]), int(other.sides[there])
    train = _BITS["train"]
    leaks = any(first & ~train and second & train for first, second in (sides, sides[::-1]))
    shared.inputs += 1
    shared.leaking += leaks
    shared.same_output += int(one.outputs[at] == other.outputs[there])
    if not shared.where or (leaks and shared.leaking == 1):
        shared.where = (
            f"task {clip(one.task, 80)}, instance {clip(one.ids[at], 60)}"
            f" and task {clip(other.task, 80)}, instance {clip(other.ids[there], 60)}"
        )


def _finding(one: str, other: str, shared: _Shared, setting: Setting) -> AuditFinding:
    split = setting.separating_split(one, other)
    count, kind = shared.leaking or shared.inputs, "shared-input"
    severity: Severity = "note"
    if split is not None:
        kind, count = "seen-input-in-unseen", shared.inputs
        severity = "error" if shared.same_output else "warning"
        reason = f"the split {clip(split, 40)!r} trains on one task and holds the other out"
    elif shared.leaking:
        kind, severity = "test-input-trains-other", "warning"
        reason = f"{shared.leaking} are in test or validation of one and in train of the other"
    else:
        reason = "none is in test or validation of one and in train of the other"
    same = f", {shared.same_output} with the same output" if shared.same_output else ""
    return AuditFinding(
        kind,
        severity,
        (one, other),
        count,
        shared.where,
        f"the two tasks share {shared.inputs} inputs{same}; {reason}"
        + ("; do not train on both if one is evaluated" if severity != "note" else ""),
    )


AUDIT = CollectionAudit(
    "shared-inputs", "inputs that two tasks share, across rows' and tasks' splits", _keep, find_shared
)
