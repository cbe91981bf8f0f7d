"""The interface of an audit: a pure function from a task's rows to findings, or one that compares tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TaskRows
from tuition.tasks.collection import TaskSplit


@dataclass(frozen=True, slots=True)
class Setting:
    """What audits know about the whole collection before its rows are read: the splits into seen and unseen tasks."""

    splits: Mapping[str, TaskSplit] = field(default_factory=dict)

    def separating_split(self, one: str, other: str) -> str | None:
        """Return the name of the first split in which one of two tasks is trained on and the other held out."""
        for name, split in self.splits.items():
            if (one in split.train and other in split.test) or (other in split.train and one in split.test):
                return name
        return None

    def held_out(self, task: str) -> bool:
        """Whether any split holds the task out for evaluation."""
        return any(task in split.test for split in self.splits.values())


@dataclass(frozen=True, slots=True)
class TaskAudit:
    """An audit of each task by itself."""

    name: str
    about: str
    find: Callable[[TaskRows, Setting], Iterable[AuditFinding]]


@dataclass(frozen=True, slots=True)
class CollectionAudit:
    """An audit across tasks: `keep` extracts what is compared from each task, `compare` compares all of it.

    Rows do not stay in memory while the collection is read, so what `keep` returns should be small.
    """

    name: str
    about: str
    keep: Callable[[TaskRows], Any]
    compare: Callable[[Sequence[Any], Setting], Iterable[AuditFinding]]


Audit = TaskAudit | CollectionAudit
