"""A collection: an ordered, lazily read set of tasks from one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuition.base.fingerprints import fingerprint
from tuition.base.names import full_name
from tuition.tasks.types import Task, task_fingerprint

# File systems allow 255 bytes; this leaves room for what is added to a name (a suffix, a seed, a temporary ending).
_NAME_LIMIT = 180


def name_fault(name: str) -> str | None:
    """Say what makes a task's name unfit to stand in paths, tables and terminals; None if nothing does.

    Names come from strangers' files. They are never made into paths unchecked: no separators, no `..`, nothing that
    does not print, nothing over-long.

    Examples:
        >>> name_fault("../../x")
        "has a path separator in it ('/')"
    """
    for sign in "/\\:":
        if sign in name:
            return f"has a path separator in it ({sign!r})"
    if not name.isprintable():
        return "has characters in it that do not print"
    if ".." in name or name.startswith((".", "-", " ")) or name.endswith((".", " ")):
        return "begins or ends like no name, or has '..' in it"
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
    """Tasks by name, each read when it is asked for; `splits` holds the lists that its source ships.

    `related` says which other categories go where a category goes (FLAN holds entailment out together with paraphrase).
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
        """Whether a task has exactly that name; none is read for it."""
        return name in self.names

    def __iter__(self) -> Iterator[Task]:
        """Yield the tasks in order, reading each as it comes."""
        return (self.read_task(name) for name in self.names)

    def __getitem__(self, name: str) -> Task:
        """Read the task of that name, or the only one whose name begins so.

        Raises:
            UserError: no task, or several, answer to the name.
        """
        return self.read_task(self.full_name(name))

    def full_name(self, name: str) -> str:
        """Return the task name meant by `name`: itself, the one whose first word it is, or a unique prefix's.

        Examples: `task39` means `task39_sum` even beside `task391_difference`, since it is a whole first word.

        Raises:
            UserError: no task, or several, answer to the name.
        """
        return full_name(name, self.names, "task", str(self.path))

    def _repr_html_(self) -> str:
        """Show the tasks' names in a notebook; none is read for it."""
        from tuition.base.html import html_table

        return html_table(("task",), [(name,) for name in self.names], caption=f"{self.path}: {len(self)} tasks")

    def fingerprint(self) -> str:
        """Return a hash of the tasks' names and content, worked out anew by each call.

        Raises:
            ProblemsError: a task cannot be read.
        """
        if self.fingerprint_of is not None:
            return self.fingerprint_of()
        return fingerprint([task_fingerprint(task) for task in self])
