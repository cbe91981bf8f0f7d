"""Check that task names can be file names: valid on every file system, and distinct."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tuition.base.errors import Problem, ProblemsError, clip
from tuition.tasks.collection import name_fault


def require_file_names(names: Iterable[str], source: Path) -> None:
    """Refuse names that cannot be file names.

    Raises:
        ProblemsError: a name is not a valid file name, or two differ only in upper and lower case; all are listed.
    """
    problems: list[Problem] = []
    folded: dict[str, str] = {}
    for name in names:
        if fault := name_fault(name):
            problems.append(Problem("unsafe-name", f"the task name {clip(name)!r} {fault}", "rename the task", source))
        elif (first := folded.setdefault(name.casefold(), name)) != name:
            both = f"{clip(first)!r} and {clip(name)!r} differ only in upper and lower case"
            problems.append(Problem("duplicate-name", both, "rename one of them", source))
    if problems:
        raise ProblemsError(problems)
