"""A collection: an ordered set of tasks from one path, read lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuition.base.fingerprints import fingerprint
from tuition.base.names import full_name
from tuition.tasks.types import Task, task_fingerprint

# File systems allow 255 bytes; this leaves room for additions to a name (a suffix, a seed, a temporary ending).
_NAME_LIMIT = 180


def name_fault(name: str) -> str | None:
    """Return why a task's name cannot be used in paths, tables and terminals; None if it can.

    Names come from untrusted files, so they are checked before they become paths: no separators, no `..`, only
    printable characters, not too long.

    Examples:
        >>> name_fault("../../x")
        "has a path separator in it ('/')"
    """
    for separator in "/\\:":
        if separator in name:
            return f"has a path separator in it ({separator!r})"
    if not name.isprintable():
        return "has unprintable characters in it"
    if ".." in name or name.startswith((".", "-", " ")) or name.endswith((".", " ")):
        return "begins with '.', '-' or a space, ends with '.' or a space, or has '..' in it"
    if len(name.encode()) > _NAME_LIMIT:
        return f"is longer than {_NAME_LIMIT} bytes"
    return None if name else "is empty"


@dataclass(frozen=True, slots=True)
class TaskSplit:
    """Which tasks of a collection are seen in training (`train`) and which are held out (`test`)."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """Tasks by name, each read when it is requested; `splits` has the task splits that the source ships.

    `related` maps a category to those that are held out together with it (in FLAN, entailment and paraphrase).
    """

    path: Path
    names: tuple[str, ...]
    read_task: Callable[[str], Task] = field(repr=False, compare=False)
    splits: Mapping[str, TaskSplit] = field(default_factory=dict)
    fingerprint_of: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    related: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of tasks."""
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        """Whether a task has exactly that name; no task is read."""
        return name in self.names

    def __iter__(self) -> Iterator[Task]:
        """Yield the tasks in order, reading one at a time."""
        return (self.read_task(name) for name in self.names)

    def __getitem__(self, name: str) -> Task:
        """Read the task with that name, or the only task whose name begins with it.

        Raises:
            UserError: no task, or several tasks, match the name.
        """
        return self.read_task(self.full_name(name))

    def full_name(self, name: str) -> str:
        """Return the task name that `name` abbreviates: the same name, a first word, or a unique prefix.

        Example: `task39` is `task39_sum` even if there is a `task391_difference`, since it is the whole first word.

        Raises:
            UserError: no task, or several tasks, match the name.
        """
        return full_name(name, self.names, "task", str(self.path))

    def _repr_html_(self) -> str:
        """Show the tasks' names in a notebook; no task is read."""
        from tuition.base.html import html_table

        return html_table(("task",), [(name,) for name in self.names], caption=f"{self.path}: {len(self)} tasks")

    def fingerprint(self) -> str:
        """Return a hash of the tasks' names and content, computed again by each call.

        Raises:
            ProblemsError: a task cannot be read.
        """
        if self.fingerprint_of is not None:
            return self.fingerprint_of()
        return fingerprint([task_fingerprint(task) for task in self])
