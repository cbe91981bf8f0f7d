"""Text in CSV files that a spreadsheet would run as a formula: marked by an apostrophe, and read back without it.

Spreadsheets take a cell that begins with =, +, - or @, or with a tab or carriage return before one, for a formula
(OWASP, "CSV Injection").
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_MARKED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs; `unguarded` returns the text again.

    Examples:
        >>> guarded("=1+1")
        "'=1+1"
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """Return the text of a cell that `guarded` made; any other cell is its own text."""
    return cell[1:] if _MARKED.match(cell) else cell
