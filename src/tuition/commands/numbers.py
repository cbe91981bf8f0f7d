"""Parse numbers given as options: label budgets, seeds."""

from __future__ import annotations

import re

from tuition.base.errors import UserError, clip


def budgets(text: str) -> list[int | str]:
    """Parse label budgets separated by commas: counts, percentages of a task's labels, or `all`.

    Raises:
        UserError: one is not a budget, or is given twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,9}|all|\d{1,3}(\.\d+)?%", part) for part in parts):
        raise UserError(f"--labels {clip(text)!r}: give counts separated by commas, such as 0,16,64, or 6% or all")
    parsed = [int(part) if part.isdecimal() else part for part in parts]
    if len(set(parsed)) != len(parsed):
        raise UserError(f"--labels {clip(text)!r}: a budget is given twice; give each once")
    return parsed


def whole_numbers(option: str, text: str) -> list[int]:
    """Parse whole numbers separated by commas.

    Raises:
        UserError: one is not a whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise UserError(f"{option} {clip(text)!r}: give whole numbers separated by commas, such as 1,2,3")
    return [int(part) for part in parts]
