"""Check a collection: all of it is read, by the same rules as usual, and every problem is listed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import ProblemsError
from tuition.tasks.readers import find_reader
from tuition.tasks.readers.common.findings import Finding


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of reading a whole collection: its size (valid instances only) and its problems in file order."""

    path: Path
    tasks: int
    instances: int
    problems: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The problems that make reading fail."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The problems that reading tolerates."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    def findings(self) -> list[dict[str, str | int | list[str]]]:
        """Return the problems as plain data: kind, severity, tasks, count (of occurrences), where, message."""
        return [
            {
                "kind": problem.kind,
                "severity": problem.severity,
                "tasks": [] if problem.task is None else [problem.task],
                "count": problem.count,
                "where": problem.where,
                "message": f"{problem.found}; {problem.expected}",
            }
            for problem in self.problems
        ]


def check_collection(path: Path, format: str | None = None) -> CheckReport:  # noqa: A002 - as in open_collection
    """Read all of the collection at `path`, one file at a time, and list every problem in it.

    The files' content never makes this raise; a path without tasks is a problem too.

    Raises:
        UserError: no format has that name.
    """
    tasks = instances = 0
    problems: list[Finding] = []
    try:
        for audit in find_reader(path, format).audit(path):
            tasks += audit.tasks
            instances += audit.instances
            problems.extend(audit.findings)
    except ProblemsError as error:
        problems.extend(problem for problem in error.problems if isinstance(problem, Finding))
    return CheckReport(path, tasks, instances, tuple(problems))
