"""`tuition check`: every problem of a collection, for people or machines."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from tuition.commands.console import console, print_json
from tuition.tasks.check import check_collection


def check_and_print(path: Path, *, as_json: bool) -> int:
    """Read all of a collection and print every problem; return 2 where there is an error, 0 where there is none."""
    report = check_collection(path)
    if as_json:
        print_json(report.findings())
    else:
        out = console()
        for problem in report.problems:
            out.print(escape(str(problem)), soft_wrap=True)
        errors, warnings = len(report.errors), len(report.warnings)
        out.print(
            f"{escape(str(report.path))}: {report.tasks} tasks, {report.instances} sound instances; "
            f"{errors} errors, {warnings} warnings",
            soft_wrap=True,
        )
    return 2 if report.errors else 0
