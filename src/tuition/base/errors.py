"""Errors for users: what was found, where, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 120
# At most this many problems of one kind are listed in a terminal; the others are counted.
_LISTED = 10
# A kind with at most this many problems is listed one by one, even if they are equal.
_FEW = 5


class UserError(Exception):
    """A mistake that its user can fix. The command line prints it without a traceback and exits with 2."""


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
    """A problem in the user's input, with its location.

    `kind` is a short slug for programs (`empty-definition`); `found` and `expected` are for people. `count` is the
    number of locations that it represents.
    """

    kind: str
    found: str
    expected: str
    file: Path | None = None
    task: str | None = None
    instance: str | None = None
    line: int | None = None
    count: int = 1

    @property
    def where(self) -> str:
        """The location: file and line, task, instance, as far as known."""
        parts: list[str] = []
        if self.file is not None:
            parts.append(f"{self.file}" if self.line is None else f"{self.file}:{self.line}")
        if self.task is not None:
            parts.append(f"task {clip(self.task, 80)}")
        if self.instance is not None:
            parts.append(f"instance {clip(self.instance, 80)}")
        return ", ".join(parts)

    def __str__(self) -> str:
        """Return the problem on one line."""
        location = f"{self.where}: " if self.where else ""
        return f"{location}{self.found}; {self.expected}"


class ProblemsError(UserError):
    """Several problems, raised together. The message summarises them; `problems` has all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Store the problems in the order in which they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(summarise(self.problems)))


def summarise(problems: Sequence[Problem]) -> list[str]:
    """Return a line for each problem, but only a few lines for each kind.

    If a kind has many problems, equal ones are one line with the first location and the number of others; of different
    ones the first few are listed, and the others are counted.
    """
    by_kind: dict[str, list[Problem]] = {}
    for problem in problems:
        by_kind.setdefault(problem.kind, []).append(problem)
    few = [kind for kind, group in by_kind.items() if len(group) <= _FEW]
    lines: list[str] = []
    for problem in problems:
        if problem.kind in few:
            lines.append(str(problem))
        elif by_kind[problem.kind]:  # all of the kind are listed at the position of its first one
            lines += _of_one_kind(by_kind[problem.kind])
            by_kind[problem.kind] = []
    return lines


def _of_one_kind(problems: Sequence[Problem]) -> list[str]:
    equal: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        equal.setdefault((problem.found, problem.expected), []).append(problem)
    groups = list(equal.values())
    lines = [
        f"{group[0]} (here and in {_total(group[1:]):,} more places)" if len(group) > 1 else str(group[0])
        for group in groups[:_LISTED]
    ]
    beyond = sum(map(_total, groups[_LISTED:]))
    return lines + ([f"… and {beyond:,} more problems of the kind {problems[0].kind}"] if beyond else [])


def _total(problems: Sequence[Problem]) -> int:
    return sum(problem.count for problem in problems)


def first_few(lines: Sequence[str], what: str) -> str:
    """Return the first few of a list of messages, one per line, and a count of the others, which are called `what`.

    Examples:
        >>> first_few([f"task{n} is too small" for n in range(12)], "tasks").splitlines()[-2:]
        ['task9 is too small', '… and 2 more tasks']
    """
    beyond = len(lines) - _LISTED
    return "\n".join([*lines[:_LISTED], *([f"… and {beyond:,} more {what}"] if beyond > 0 else [])])
