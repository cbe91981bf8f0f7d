"""Rows of one task with equal inputs: repeats, conflicting outputs, and leaks between the task's splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.rows import TaskRows, indices_by_key
from tuition.base.errors import clip
from tuition.splits.content import content_key

_LEAKS = (("test", "train"), ("test", "validation"), ("validation", "train"))


def find_duplicates(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find rows with equal inputs: with the same output, with different outputs, and in two splits."""
    repeated = [indices for indices in indices_by_key(rows.keys).values() if len(indices) > 1]
    if not repeated:
        return
    yield from _leaks(rows, repeated)
    conflicting = [indices for indices in repeated if _conflict(rows, indices)]
    if conflicting:
        yield _conflicts(rows, conflicting)
    extra = sum(len(indices) - 1 for indices in repeated)
    yield AuditFinding(
        "duplicate-input",
        "note",
        (rows.name,),
        extra,
        rows.where(*repeated[0][:2]),
        f"{extra} of {len(rows.rows)} rows repeat the input of an earlier one (ignoring case and white space); a label "
        "budget counts them twice",
    )


def _leaks(rows: TaskRows, repeated: Sequence[Sequence[int]]) -> Iterator[AuditFinding]:
    for evaluated, trained in _LEAKS:
        shared = [
            (one[0], other[0])
            for indices in repeated
            if (one := [index for index in indices if rows.splits[index] == evaluated])
            and (other := [index for index in indices if rows.splits[index] == trained])
        ]
        if not shared:
            continue
        severity: Severity = "error" if rows.has_splits else "warning"
        whose = "its source puts" if rows.has_splits else "in file order the studies' 100 + 10 + rest put"
        help_ = "remove them from one" if rows.has_splits else "Tuition's own splits leave out the later rows"
        yield AuditFinding(
            f"{evaluated}-in-{trained}",
            severity,
            (rows.name,),
            len(shared),
            rows.where(*shared[0]),
            f"{whose} {_inputs(len(shared))} into both {evaluated} and {trained}; {help_}",
        )


def _conflict(rows: TaskRows, indices: Sequence[int]) -> bool:
    """Whether no answer is accepted for all of the rows."""
    answers = [{content_key(output) for output in rows.rows[index].outputs} for index in indices]
    return not set.intersection(*answers)


def _conflicts(rows: TaskRows, conflicting: Sequence[Sequence[int]]) -> AuditFinding:
    first = conflicting[0]
    shown = " and ".join(repr(clip(rows.rows[index].outputs[0], 60)) for index in first[:2])
    closed = bool(rows.labels)
    advice = "keep the right one" if closed else "one row that accepts both would be scored fairly"
    return AuditFinding(
        "conflicting-outputs",
        "warning",
        (rows.name,),
        len(conflicting),
        rows.where(*first[:2]),
        f"{_inputs(len(conflicting))} ({clip(rows.rows[first[0]].input, 40)!r}) with different "
        f"{'labels' if closed else 'outputs'}, such as {shown}; {advice}",
    )


def _inputs(count: int) -> str:
    return f"{count} input{'' if count == 1 else 's'}"


AUDIT = TaskAudit("duplicates", "equal inputs inside a task and across its splits, and their outputs", find_duplicates)
