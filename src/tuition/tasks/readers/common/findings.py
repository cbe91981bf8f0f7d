"""What a reader finds wrong in one file: all problems with their locations, not only the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tuition.base.errors import Problem, clip

Severity = Literal["error", "warning"]

# A hostile or entirely broken file can have a million wrong rows. This many findings of one kind are listed; the rest
# are only counted.
LISTED_PER_KIND = 1000


@dataclass(frozen=True, slots=True)
class Finding(Problem):
    """A problem with its severity: an `error` stops reading, a `warning` does not."""

    severity: Severity = "error"


class Findings:
    """The findings of one file, each with the location that was being read.

    The code that walks the file sets `index`, `id` and `position` (a character offset into the text) or `line`. They
    are formatted only when something is wrong, so that a valid row costs nothing.
    """

    def __init__(self, file: Path, task: str | None = None) -> None:
        """Begin with nothing found in `file`."""
        self.file = file
        self.task = task
        self.index: int | None = None
        self.id: object = None
        self.position: int | None = None
        self.line: int | None = None
        self.line_at: Callable[[int], int] | None = None
        self.failed = False
        self._listed: list[Finding] = []
        self._counts: Counter[tuple[str, Severity]] = Counter()

    def error(self, kind: str, found: str, expected: str, *, line: int | None = None) -> None:
        """Record something that makes reading fail."""
        self.failed = True
        self._note(kind, found, expected, "error", line)

    def warning(self, kind: str, found: str, expected: str, *, line: int | None = None) -> None:
        """Record something odd that does not prevent reading."""
        self._note(kind, found, expected, "warning", line)

    def include(self, others: Findings) -> None:
        """Add the findings of a file that belongs to this one."""
        self.failed = self.failed or others.failed
        self._listed.extend(others.all())

    def all(self) -> tuple[Finding, ...]:
        """Return the findings in file order; after `LISTED_PER_KIND` of one kind, only their count."""
        beyond = [
            Finding(
                kind,
                f"{count - LISTED_PER_KIND} more of the kind {kind}, not listed one by one",
                f"fix the {LISTED_PER_KIND} listed and check again",
                self.file,
                self.task,
                severity=severity,
                count=count - LISTED_PER_KIND,
            )
            for (kind, severity), count in self._counts.items()
            if count > LISTED_PER_KIND
        ]
        return (*self._listed, *beyond)

    def errors(self) -> tuple[Finding, ...]:
        """Return the findings that make reading fail."""
        return tuple(finding for finding in self.all() if finding.severity == "error")

    def _note(self, kind: str, found: str, expected: str, severity: Severity, line: int | None) -> None:
        self._counts[kind, severity] += 1
        if self._counts[kind, severity] > LISTED_PER_KIND:
            return
        line = self.line if line is None else line
        if line is None and self.position is not None and self.line_at is not None:
            line = self.line_at(self.position)
        self._listed.append(
            Finding(kind, found, expected, self.file, self.task, self._instance(), line, severity=severity)
        )

    def _instance(self) -> str | None:
        if self.index is None:
            return None
        return f"[{self.index}] {clip(self.id, 60)}" if isinstance(self.id, str) else f"[{self.index}]"
