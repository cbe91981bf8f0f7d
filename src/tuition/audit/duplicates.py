"""Rows of one task whose inputs are the same: repeats, conflicting outputs, and leaks between the task's sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.rows import TaskRows, first_of_each
from tuition.base.errors import clip
from tuition.splits.content import content_key

_LEAKS = (("test", "train"), ("test", "validation"), ("validation", "train"))


def find_duplicates(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find rows of the same input: with one output, with outputs that differ, and in two sets."""
    repeated = [places for places in first_of_each(rows.keys).values() if len(places) > 1]
    if not repeated:
        return
    yield from _leaks(rows, repeated)
    conflicting = [places for places in repeated if _conflict(rows, places)]
    if conflicting:
        yield _conflicts(rows, conflicting)
    extra = sum(len(places) - 1 for places in repeated)
    yield AuditFinding(
        "duplicate-input",
        "note",
        (rows.name,),
        extra,
        rows.place(*repeated[0][:2]),
        f"{extra} of {len(rows.rows)} rows repeat the input of an earlier one (but for case and white space); a budget "
        "of labels counts them twice",
    )


def _leaks(rows: TaskRows, repeated: Sequence[Sequence[int]]) -> Iterator[AuditFinding]:
    for judged, learnt in _LEAKS:
        shared = [
            (one[0], other[0])
            for places in repeated
            if (one := [p for p in places if rows.sides[p] == judged])
            and (other := [p for p in places if rows.sides[p] == learnt])
        ]
        if not shared:
            continue
        severity: Severity = "error" if rows.divided else "warning"
        whose = "its source puts" if rows.divided else "in file order the studies' 100 + 10 + rest put"
        help_ = "take them out of one" if rows.divided else "Tuition's own splits leave the later rows out"
        yield AuditFinding(
            f"{judged}-in-{learnt}",
            severity,
            (rows.name,),
            len(shared),
            rows.place(*shared[0]),
            f"{whose} {_inputs(len(shared))} into both {judged} and {learnt}; {help_}",
        )


def _conflict(rows: TaskRows, places: Sequence[int]) -> bool:
    """Whether no answer is accepted for all of the rows."""
    answers = [{content_key(output) for output in rows.rows[place].outputs} for place in places]
    return not set.intersection(*answers)


def _conflicts(rows: TaskRows, conflicting: Sequence[Sequence[int]]) -> AuditFinding:
    first = conflicting[0]
    told = " and ".join(repr(clip(rows.rows[place].outputs[0], 60)) for place in first[:2])
    closed = bool(rows.labels)
    advice = "keep the right one" if closed else "one row that accepts both would judge fairly"
    return AuditFinding(
        "conflicting-outputs",
        "warning",
        (rows.name,),
        len(conflicting),
        rows.place(*first[:2]),
        f"{_inputs(len(conflicting))} ({clip(rows.rows[first[0]].input, 40)!r}) with different "
        f"{'labels' if closed else 'outputs'}, such as {told}; {advice}",
    )


def _inputs(count: int) -> str:
    return f"{count} input{'' if count == 1 else 's'}"


AUDIT = TaskAudit("duplicates", "equal inputs inside a task and across its sets, and their outputs", find_duplicates)
