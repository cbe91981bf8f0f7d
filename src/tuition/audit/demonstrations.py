"""Few-shot examples that mislead a model: only one of several labels, an unknown label, a row of the test set."""

from __future__ import annotations

from collections.abc import Iterator

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.rows import TaskRows, indices_by_key
from tuition.base.errors import clip
from tuition.splits.content import content_key
from tuition.tasks.types import Example

# The papers' encodings use the first two positive examples.
_SHOWN = 2
# With more labels than this, examples cannot be expected to include each of them.
_FEW_LABELS = 10


def find_demonstrations(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find what is wrong with a task's positive examples, compared with its rows."""
    examples = [example for example in rows.task.positive_examples if example.output.strip()]
    if len(rows.labels) > 1:
        yield from _one_sided(rows, examples)
        if len(rows.labels) <= _FEW_LABELS:
            yield from _unknown(rows, examples)
    yield from _among_rows(rows, examples)


def _one_sided(rows: TaskRows, examples: list[Example]) -> Iterator[AuditFinding]:
    """Find examples with the same label: with two on Task 242, tuning scored 0.63, its baseline 0.99 (Gupta 2023)."""
    outputs = [content_key(example.output) for example in examples]
    labels = {content_key(label) for label in rows.labels}
    if len(outputs) < _SHOWN or len(set(outputs[:_SHOWN])) > 1 or len(labels) < 2:
        return
    same = next((n for n, label in enumerate(outputs) if label != outputs[0]), len(outputs))
    every = same == len(outputs)
    label = clip(examples[0].output.strip(), 40)
    yield AuditFinding(
        "one-sided-demonstrations",
        "warning" if every else "note",
        (rows.name,),
        same,
        f"{rows.where()}, positive examples",
        f"{'all' if every else 'the first'} {same} positive examples have the label {label!r}, one of {len(labels)}; "
        "a model may learn to give no other answer: add an example with another label",
    )


def _unknown(rows: TaskRows, examples: list[Example]) -> Iterator[AuditFinding]:
    labels = {content_key(label) for label in rows.labels}
    unknown = [n for n, example in enumerate(examples) if content_key(example.output) not in labels]
    if unknown:
        shown = ", ".join(repr(clip(label, 30)) for label in list(rows.labels)[:5])
        yield AuditFinding(
            "unknown-demonstration-label",
            "warning",
            (rows.name,),
            len(unknown),
            f"{rows.where()}, positive example {unknown[0]}",
            f"its output {clip(examples[unknown[0]].output, 40)!r} is not a label of the rows ({shown}); use a label",
        )


def _among_rows(rows: TaskRows, examples: list[Example]) -> Iterator[AuditFinding]:
    indices = indices_by_key(rows.keys)
    matches = [
        (n, indices[key]) for n, example in enumerate(examples) if (key := content_key(example.input)) in indices
    ]
    evaluated = [(n, at) for n, at in matches if any(rows.splits[index] in ("test", "validation") for index in at)]
    others = [pair for pair in matches if pair not in evaluated]
    if evaluated:
        message = "also rows of the test or validation set; the prompt contains their answers"
        yield _row_finding(rows, "demonstration-in-test", "warning", evaluated, len(examples), message)
    if others:
        message = "also rows of the task; each is a label that the budget does not count"
        yield _row_finding(rows, "demonstration-in-rows", "note", others, len(examples), message)


def _row_finding(
    rows: TaskRows, kind: str, severity: Severity, matches: list[tuple[int, list[int]]], examples: int, message: str
) -> AuditFinding:
    number, indices = matches[0]
    return AuditFinding(
        kind,
        severity,
        (rows.name,),
        len(matches),
        f"{rows.where(indices[0])}, positive example {number}",
        f"{len(matches)} of {examples} positive examples are {message}",
    )


AUDIT = TaskAudit(
    "demonstrations", "positive examples of one label, of an unknown label, or from the test set", find_demonstrations
)
