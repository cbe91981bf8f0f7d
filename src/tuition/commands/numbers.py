"""Numbers as they are typed behind options: label budgets, seeds."""

from __future__ import annotations

import re

from tuition.base.errors import UserError, clip


def budgets(text: str) -> list[int | str]:
    """Read label budgets divided by commas: counts, percentages of a task's labels, or `all`.

    Raises:
        UserError: one is no budget, or stands twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,9}|all|\d{1,3}(\.\d+)?%", part) for part in parts):
        raise UserError(f"--labels {clip(text)!r}: give counts divided by commas, such as 0,16,64, or 6% or all")
    made = [int(part) if part.isdecimal() else part for part in parts]
    if len(set(made)) != len(made):
        raise UserError(f"--labels {clip(text)!r}: a budget is given twice; give each once")
    return made


def whole_numbers(option: str, text: str) -> list[int]:
    """Read whole numbers divided by commas.

    Raises:
        UserError: one is none.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise UserError(f"{option} {clip(text)!r}: give whole numbers divided by commas, such as 1,2,3")
    return [int(part) for part in parts]
