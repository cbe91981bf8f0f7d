"""A collection: an ordered, lazily read set of tasks from one place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuition.base.errors import UserError, clip
from tuition.tasks.types import Task


@dataclass(frozen=True, slots=True)
class TaskSplit:
    """Which tasks of a collection are seen in training (`train`) and which are held out (`test`)."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """Tasks by name, each read when it is asked for; `splits` holds the lists that its source ships."""

    path: Path
    names: tuple[str, ...]
    read_task: Callable[[str], Task] = field(repr=False, compare=False)
    splits: Mapping[str, TaskSplit] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of tasks."""
        return len(self.names)

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
        if name in self.names:
            return name
        for stem in (f"{name}_", name):
            found = [other for other in self.names if name and other.startswith(stem)]
            if len(found) == 1:
                return found[0]
            if found:
                shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
                raise UserError(
                    f"{self.path}: {clip(name)!r} begins {len(found)} task names ({shown}); write more of it"
                )
        near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.4)
        hint = f"nearest: {', '.join(near)}" if near else f"the first of its {len(self)} tasks is {self.names[0]}"
        raise UserError(f"{self.path}: no task is named {clip(name)!r}; {hint}")
