"""Worked examples that teach a model the wrong thing: one label of several, an unknown label, a row of the test set."""

from __future__ import annotations

from collections.abc import Iterator

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.rows import TaskRows, first_of_each
from tuition.base.errors import clip
from tuition.splits.content import content_key
from tuition.tasks.types import Example

# The papers' encodings tell the first two positive examples.
_TOLD = 2
# With more labels than this, examples cannot be expected to show each of them.
_FEW_LABELS = 10


def find_demonstrations(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find what is wrong with a task's positive examples, beside its rows."""
    examples = [example for example in rows.task.positive_examples if example.output.strip()]
    if len(rows.labels) > 1:
        yield from _one_sided(rows, examples)
        if len(rows.labels) <= _FEW_LABELS:
            yield from _unknown(rows, examples)
    yield from _among_rows(rows, examples)


def _one_sided(rows: TaskRows, examples: list[Example]) -> Iterator[AuditFinding]:
    """Two examples that both say yes: on Task 242 instruction tuning scored 0.63, its baseline 0.99 (Gupta 2023)."""
    told = [content_key(example.output) for example in examples]
    labels = {content_key(label) for label in rows.labels}
    if len(told) < _TOLD or len(set(told[:_TOLD])) > 1 or len(labels) < 2:
        return
    alike = next((n for n, label in enumerate(told) if label != told[0]), len(told))
    every = alike == len(told)
    label = clip(examples[0].output.strip(), 40)
    yield AuditFinding(
        "one-sided-demonstrations",
        "warning" if every else "note",
        (rows.name,),
        alike,
        f"{rows.place()}, positive examples",
        f"{'all' if every else 'the first'} {alike} positive examples have the label {label!r}, one of {len(labels)}; "
        "a model may learn to answer nothing else: show another label",
    )


def _unknown(rows: TaskRows, examples: list[Example]) -> Iterator[AuditFinding]:
    labels = {content_key(label) for label in rows.labels}
    strange = [n for n, example in enumerate(examples) if content_key(example.output) not in labels]
    if strange:
        told = ", ".join(repr(clip(label, 30)) for label in list(rows.labels)[:5])
        yield AuditFinding(
            "unknown-demonstration-label",
            "warning",
            (rows.name,),
            len(strange),
            f"{rows.place()}, positive example {strange[0]}",
            f"its output {clip(examples[strange[0]].output, 40)!r} is no row's label ({told}); write it as they are",
        )


def _among_rows(rows: TaskRows, examples: list[Example]) -> Iterator[AuditFinding]:
    places = first_of_each(rows.keys)
    met = [(n, places[key]) for n, example in enumerate(examples) if (key := content_key(example.input)) in places]
    judged = [(n, at) for n, at in met if any(rows.sides[place] in ("test", "validation") for place in at)]
    others = [pair for pair in met if pair not in judged]
    if judged:
        message = "rows of the test or validation set too; the prompt tells their answers"
        yield _met(rows, "demonstration-in-test", "warning", judged, len(examples), message)
    if others:
        message = "rows of the task too; each is a label that costs nothing"
        yield _met(rows, "demonstration-in-rows", "note", others, len(examples), message)


def _met(
    rows: TaskRows, kind: str, severity: Severity, met: list[tuple[int, list[int]]], examples: int, message: str
) -> AuditFinding:
    number, places = met[0]
    return AuditFinding(
        kind,
        severity,
        (rows.name,),
        len(met),
        f"{rows.place(places[0])}, positive example {number}",
        f"{len(met)} of {examples} positive examples are {message}",
    )


AUDIT = TaskAudit(
    "demonstrations", "positive examples of one label, of no label, or from the test set", find_demonstrations
)
