"""Placeholders for missing text, as written by programs and by people."""

from __future__ import annotations

import re

# Texts with more characters than this are not placeholders.
_SHORT = 30
# Never a real answer or input: programs write these for a missing value.
_WRITTEN_BY_PROGRAMS = r"nan|nat|<na>|\(null\)|\\n|#n/a"
_SURELY = re.compile(_WRITTEN_BY_PROGRAMS, re.IGNORECASE)
# These may be real texts: `none` is a common label.
_MAYBE = re.compile(
    rf"(?:\w+:? )?n/a|na|none|null|nil|undefined|todo|tbd|\[?(?:deleted|removed)\]?|\(blank\)|{_WRITTEN_BY_PROGRAMS}",
    re.IGNORECASE,
)


def is_placeholder(text: str) -> bool:
    """Whether a text is only a placeholder for a missing text.

    Examples:
        >>> is_placeholder(" N/A "), is_placeholder("None of them")
        (True, False)
    """
    return len(text) <= _SHORT and _MAYBE.fullmatch(text.strip()) is not None


def is_missing(text: str) -> bool:
    """Whether a text is what a program writes for a missing value, and so never a real answer.

    Examples:
        >>> is_missing("NaN"), is_missing("none")
        (True, False)
    """
    return len(text) <= _SHORT and _SURELY.fullmatch(text.strip()) is not None
