"""Errors meant for people: what was found, where, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SHOWN = 120
# Of one kind of problem, nobody reads more lines than this in a terminal; the others are counted.
_LISTED = 10
# So many that say the same are listed place by place.
_ALIKE = 5


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
    """One thing that is wrong in what a user gave, with its place.

    `kind` is a short slug for machines (`empty-definition`); `found` and `expected` are for people. It may stand for
    `count` places.
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
    """Several problems found in one go. The message summarises them; `problems` has all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order in which they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(summarise(self.problems)))


def summarise(problems: Sequence[Problem]) -> list[str]:
    """Return a line for each problem, and no more than a few for one kind.

    Where many problems of a kind say the same of different places, they are one line with their number and the first
    place; where they differ, the first few are followed by a line that counts the others.
    """
    by_kind: dict[str, list[Problem]] = {}
    for problem in problems:
        by_kind.setdefault(problem.kind, []).append(problem)
    few = [kind for kind, group in by_kind.items() if len(group) <= _ALIKE]
    lines: list[str] = []
    for problem in problems:
        if problem.kind in few:
            lines.append(str(problem))
        elif by_kind[problem.kind]:  # all of the kind are listed where its first one was found
            lines += _of_one_kind(by_kind[problem.kind])
            by_kind[problem.kind] = []
    return lines


def _of_one_kind(problems: Sequence[Problem]) -> list[str]:
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.found, problem.expected), []).append(problem)
    groups = list(alike.values())
    lines = [
        f"{group[0]} (here and in {_places(group[1:]):,} more places)" if len(group) > 1 else str(group[0])
        for group in groups[:_LISTED]
    ]
    beyond = sum(map(_places, groups[_LISTED:]))
    return lines + ([f"… and {beyond:,} more problems of the kind {problems[0].kind}"] if beyond else [])


def _places(problems: Sequence[Problem]) -> int:
    return sum(problem.count for problem in problems)


def first_few(lines: Sequence[str], what: str) -> str:
    """Return the first lines of a list of refusals, one a line; `what` says what the others are that are counted.

    Examples:
        >>> first_few([f"task{n} is too small" for n in range(12)], "tasks").splitlines()[-2:]
        ['task9 is too small', '… and 2 more tasks']
    """
    beyond = len(lines) - _LISTED
    return "\n".join([*lines[:_LISTED], *([f"… and {beyond:,} more {what}"] if beyond > 0 else [])])
