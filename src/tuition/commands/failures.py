"""The summary of failed steps at the end of a run: one line per reason."""

from __future__ import annotations

from collections.abc import Sequence

from tuition.base.errors import first_few
from tuition.studies.engines import Failure


def failure_lines(failures: Sequence[Failure], what: str, *, arms: bool = True) -> str:
    """Return one line per reason, with the first step that failed for it and how many more did; only the first lines.

    Args:
        failures: the failed steps, in order; each was also reported when it failed.
        what: the beginning of each line.
        arms: whether to name a step's arm.
    """
    by_reason: dict[str, list[Failure]] = {}
    for failure in failures:
        by_reason.setdefault(failure.reason, []).append(failure)
    lines = []
    for reason, group in by_reason.items():
        step = group[0].step
        named = f"{step.title}, {step.arm}" if arms else step.title
        more = f" (and {len(group) - 1:,} more steps)" if len(group) > 1 else ""
        lines.append(f"{what}: {named}{more}: {reason}")
    return first_few(lines, "reasons why steps failed")
