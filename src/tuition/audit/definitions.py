"""Definitions that several tasks share, especially tasks that are trained on and tasks that are held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuition.audit.audit import CollectionAudit, Setting
from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TaskRows
from tuition.base.errors import clip
from tuition.splits.content import content_key

_Definitions = tuple[str, tuple[str, ...]]
"""A task's name and its distinct definitions."""
_NAMED = 5


def _keep(rows: TaskRows) -> _Definitions:
    return rows.name, tuple(dict.fromkeys(content_key(text) for text in rows.task.definitions if text.strip()))


def find_shared(kept: Sequence[_Definitions], setting: Setting) -> Iterator[AuditFinding]:
    """Find each definition that several tasks share."""
    tasks: dict[str, list[str]] = {}
    for name, definitions in kept:
        for definition in definitions:
            tasks.setdefault(definition, []).append(name)
    for definition, names in tasks.items():
        if len(names) == 1:
            continue
        split = next(
            (name for name, split in setting.splits.items() if _on_both_sides(names, split.train, split.test)), None
        )
        named = ", ".join(clip(name, 50) for name in names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        yield AuditFinding(
            "shared-definition" if split is None else "seen-definition",
            "note" if split is None else "warning",
            tuple(names),
            len(names),
            f"definitions of {named}",
            f"{len(names)} tasks have the same definition ({clip(definition, 60)!r})"
            + (
                "; a prompt with the definition alone does not distinguish them"
                if split is None
                else f", both seen and unseen tasks of the split {clip(split, 40)!r}: the unseen tasks are not new"
            ),
        )


def _on_both_sides(names: Sequence[str], train: Sequence[str], test: Sequence[str]) -> bool:
    return bool(set(names) & set(train)) and bool(set(names) & set(test))


AUDIT = CollectionAudit("definitions", "definitions that tasks share, also seen and unseen tasks", _keep, find_shared)
