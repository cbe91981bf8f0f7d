"""A finding of an audit: its kind, its severity, the tasks, the number of occurrences, one location, and a message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""`error`: a task cannot be used, or its source's splits leak; `warning`: scores may mislead; `note`: information."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """A finding in a collection's tasks, with `count` occurrences (rows, prompts, inputs), of which `where` is one."""

    kind: str
    severity: Severity
    tasks: tuple[str, ...]
    count: int
    where: str
    message: str

    def plain(self) -> dict[str, str | int | list[str]]:
        """Return the finding as plain data for JSON."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "tasks": list(self.tasks),
            "count": self.count,
            "where": self.where,
            "message": self.message,
        }

    def __str__(self) -> str:
        """Return the finding on one line."""
        return f"{self.where}: {self.message}" if self.where else self.message


def worst_first(findings: Iterable[AuditFinding]) -> list[AuditFinding]:
    """Sort the findings: errors, then warnings, then notes, otherwise in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
