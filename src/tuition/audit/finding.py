"""What an audit finds: its kind, its weight, the tasks it concerns, how many places it stands for, where, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""`error`: reading refuses it, or the source's own division leaks; `warning`: scores may mislead; `note`: to know."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing found in a collection's tasks: in `count` places (rows, prompts, inputs), of which `where` is one."""

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
        """The whole finding on one line."""
        return f"{self.where}: {self.message}" if self.where else self.message


def worst_first(findings: Iterable[AuditFinding]) -> list[AuditFinding]:
    """Return the findings, errors before warnings before notes, otherwise in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
