"""Errors meant for people: what was found, where, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 120


class UserError(Exception):
    """A mistake that its user can mend. The command line prints it without a traceback and exits with 2."""


def clip(text: str, limit: int = _SHOWN) -> str:
    r"""Return `text` on one line, with control characters escaped, and at most `limit` characters of it.

    Examples:
        >>> clip("one\ntwo")
        'one\\ntwo'
    """
    head = text[: limit + 1]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in head)
    return safe if len(head) <= limit else f"{safe[:limit]}…"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in what a user gave, with its place.

    `kind` is a short slug for machines (`empty-definition`); `found` and `expected` are for people.
    """

    kind: str
    found: str
    expected: str
    file: Path | None = None
    task: str | None = None
    instance: str | None = None
    line: int | None = None

    @property
    def where(self) -> str:
        """The place: file and line, task, instance; as much of it as is known."""
        parts: list[str] = []
        if self.file is not None:
            parts.append(f"{self.file}" if self.line is None else f"{self.file}:{self.line}")
        if self.task is not None:
            parts.append(f"task {clip(self.task, 80)}")
        if self.instance is not None:
            parts.append(f"instance {clip(self.instance, 80)}")
        return ", ".join(parts)

    def __str__(self) -> str:
        """The whole problem on one line."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.found}; {self.expected}"


class ProblemsError(UserError):
    """Several problems found in one go; none of them is hidden behind the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order in which they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
