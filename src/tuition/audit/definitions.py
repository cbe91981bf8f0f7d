"""Definitions that several tasks share, above all tasks that are trained on and tasks that are held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuition.audit.audit import CollectionAudit, Setting
from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TaskRows
from tuition.base.errors import clip
from tuition.splits.content import content_key

_Told = tuple[str, tuple[str, ...]]
_NAMED = 5


def _keep(rows: TaskRows) -> _Told:
    return rows.name, tuple(dict.fromkeys(content_key(text) for text in rows.task.definitions if text.strip()))


def find_shared(told: Sequence[_Told], setting: Setting) -> Iterator[AuditFinding]:
    """Find each definition that stands in several tasks."""
    tasks: dict[str, list[str]] = {}
    for name, definitions in told:
        for definition in definitions:
            tasks.setdefault(definition, []).append(name)
    for definition, names in tasks.items():
        if len(names) == 1:
            continue
        split = next((name for name, split in setting.splits.items() if _parts(names, split.train, split.test)), None)
        named = ", ".join(clip(name, 50) for name in names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        yield AuditFinding(
            "shared-definition" if split is None else "seen-definition",
            "note" if split is None else "warning",
            tuple(names),
            len(names),
            f"definitions of {named}",
            f"{len(names)} tasks have one definition ({clip(definition, 60)!r})"
            + (
                "; told alone, it does not tell them apart"
                if split is None
                else f", seen and unseen ones in the split {clip(split, 40)!r}: the unseen are not new to the model"
            ),
        )


def _parts(names: Sequence[str], train: Sequence[str], test: Sequence[str]) -> bool:
    return bool(set(names) & set(train)) and bool(set(names) & set(test))


AUDIT = CollectionAudit("definitions", "definitions shared by tasks, seen and unseen ones too", _keep, find_shared)
