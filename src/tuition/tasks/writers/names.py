"""Task names as the names of new files: fit for every file system, and no two alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tuition.base.errors import Problem, ProblemsError, clip
from tuition.tasks.collection import name_fault


def require_file_names(names: Iterable[str], source: Path) -> None:
    """Refuse names that cannot be files' names.

    Raises:
        ProblemsError: a name could lead elsewhere, or two differ by upper and lower case alone; all such names.
    """
    problems: list[Problem] = []
    folded: dict[str, str] = {}
    for name in names:
        if fault := name_fault(name):
            problems.append(Problem("unsafe-name", f"the task name {clip(name)!r} {fault}", "rename the task", source))
        elif (first := folded.setdefault(name.casefold(), name)) != name:
            both = f"{clip(first)!r} and {clip(name)!r} are one name but for upper and lower case"
            problems.append(Problem("duplicate-name", both, "rename one of them", source))
    if problems:
        raise ProblemsError(problems)
