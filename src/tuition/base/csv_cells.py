"""Escape text in CSV files that a spreadsheet would run as a formula, with an apostrophe, and read it back.

Spreadsheets treat a cell as a formula if it begins with =, +, - or @, possibly after a tab or carriage return (OWASP,
"CSV Injection").
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_MARKED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs; `unguarded` reverses this.

    Examples:
        >>> guarded("=1+1")
        "'=1+1"
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """Return the text of a cell that `guarded` escaped; any other cell is returned unchanged."""
    return cell[1:] if _MARKED.match(cell) else cell
