"""Tasks too small for the studies' 100 test and 10 validation rows."""

from __future__ import annotations

from collections.abc import Iterator

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TEST, VALIDATION, TaskRows
from tuition.splits.budgets import possible_sizes
from tuition.tasks.types import Task


def find_small(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find a task without 100 test, 10 validation and one training row of distinct content.

    It is a warning if a split of the collection holds the task out for evaluation, else a note. A task whose source
    splits its rows is evaluated on its own test rows, whatever their number.
    """
    distinct = len({key for key in rows.keys if key})
    if rows.has_splits or distinct > TEST + VALIDATION or not rows.rows:
        return
    task = Task(rows.name, rows.task.definitions, lambda: iter(rows.rows))
    could = possible_sizes(task, test=TEST, validation=VALIDATION, order="file")
    yield AuditFinding(
        "too-small",
        "warning" if setting.held_out(rows.name) else "note",
        (rows.name,),
        len(rows.rows),
        rows.where(),
        f"{len(rows.rows)} instances ({distinct} distinct inputs) are too few for {TEST} test and {VALIDATION} "
        f"validation rows and a training row; {f'they are enough for {could}' if could else 'add rows'}",
    )


AUDIT = TaskAudit("sizes", "tasks too small for 100 test and 10 validation rows", find_small)
