"""Run the audits on a collection, with one task in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tuition.audit.audit import Audit, CollectionAudit, Setting, TaskAudit
from tuition.audit.finding import AuditFinding, worst_first
from tuition.audit.rows import task_rows
from tuition.base.errors import ProblemsError
from tuition.base.registry import Registry
from tuition.tasks.collection import Collection

AUDITS: Registry[Audit] = Registry("audit")
for _name in (
    "sizes",
    "duplicates",
    "demonstrations",
    "labels",
    "broken-rows",
    "triggers",
    "languages",
    "definitions",
    "shared-inputs",
    "near-duplicates",
):
    AUDITS.add(_name, f"tuition.audit.{_name.replace('-', '_')}:AUDIT")


def audit_collection(collection: Collection, audits: Sequence[Audit] | None = None) -> list[AuditFinding]:
    """Return the audits' findings, the worst first.

    A task that cannot be read is skipped; `check_collection` reports its faults.

    Args:
        collection: the tasks; each is read once and then released.
        audits: the audits to run; by default all of `AUDITS`.
    """
    chosen = [AUDITS[name] for name in AUDITS] if audits is None else list(audits)
    setting = Setting(collection.splits)
    alone = [audit for audit in chosen if isinstance(audit, TaskAudit)]
    across = [audit for audit in chosen if isinstance(audit, CollectionAudit)]
    kept: list[list[Any]] = [[] for _ in across]
    findings: list[AuditFinding] = []
    for name in collection.names:
        try:
            rows = task_rows(collection.read_task(name))
        except ProblemsError:
            continue
        for audit in alone:
            findings.extend(audit.find(rows, setting))
        for comparing, store in zip(across, kept, strict=True):
            store.append(comparing.keep(rows))
    for comparing, store in zip(across, kept, strict=True):
        findings.extend(comparing.compare(store, setting))
    return worst_first(findings)
