"""Outputs with little to learn from: nearly constant, uneven or rare labels, labels that differ only in spelling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.rows import TaskRows
from tuition.base.errors import clip
from tuition.splits.content import content_key

# With fewer rows a share means little.
_MIN_ROWS = 10
_CONSTANT, _UNEVEN = 0.95, 0.75
# A label is scarce with less than a quarter of an even share, of at most ten labels.
_SCARCE, _FEW_LABELS = 0.25, 10


def find_labels(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find outputs that are (nearly) all equal, and closed sets of labels that are uneven or spelt in several ways."""
    outputs = Counter(content_key(row.outputs[0]) for row in rows.rows if row.outputs)
    count = outputs.total()
    if count < _MIN_ROWS:
        return
    (commonest, frequency), *_ = outputs.most_common(1)
    if frequency / count >= _CONSTANT:
        yield _finding(
            rows,
            "constant-output",
            "warning",
            frequency,
            f"{frequency} of {count} outputs are {clip(commonest, 40)!r}; there is nothing to learn, and a constant "
            f"answer scores {frequency / count:.0%}",
        )
    elif rows.labels:
        yield from _uneven(rows, outputs)
    if rows.labels:
        yield from _spellings(rows)


def _uneven(rows: TaskRows, outputs: Counter[str]) -> Iterator[AuditFinding]:
    count = outputs.total()
    commonest, frequency = outputs.most_common(1)[0]
    even = count / len(outputs)
    scarce = [(label, n) for label, n in outputs.items() if n < _SCARCE * even] if len(outputs) <= _FEW_LABELS else []
    if frequency / count < _UNEVEN and not scarce:
        return
    shown = ", ".join(f"{clip(label, 30)!r} {n}" for label, n in outputs.most_common(4))
    more = f" and {len(outputs) - 4} more" if len(outputs) > 4 else ""
    yield _finding(
        rows,
        "label-imbalance",
        "note",
        frequency,
        f"the {len(outputs)} labels are uneven: {shown}{more}; always answering {clip(commonest, 30)!r} scores "
        f"{frequency / count:.0%}",
    )


def _spellings(rows: TaskRows) -> Iterator[AuditFinding]:
    spelt: dict[str, list[str]] = {}
    for label in rows.labels:
        spelt.setdefault(content_key(label).rstrip(".!?"), []).append(label)
    several = [sorted(labels, key=lambda label: -rows.labels[label]) for labels in spelt.values() if len(labels) > 1]
    if several:
        shown = ", ".join(f"{clip(label, 30)!r} {rows.labels[label]}" for label in several[0][:4])
        minor = sum(rows.labels[label] for labels in several for label in labels[1:])
        yield _finding(
            rows,
            "label-spellings",
            "note",
            minor,
            f"labels differ only in case, white space or end mark ({shown}); use one, unless the difference matters",
        )


def _finding(rows: TaskRows, kind: str, severity: Severity, count: int, message: str) -> AuditFinding:
    return AuditFinding(kind, severity, (rows.name,), count, rows.where(), message)


AUDIT = TaskAudit("labels", "constant or uneven outputs, and labels spelt in several ways", find_labels)
