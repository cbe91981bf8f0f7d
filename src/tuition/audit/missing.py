"""Words that stand where there is nothing: what programs write for a missing value, and what people do."""

from __future__ import annotations

import re

# Texts of more characters than this are more than a word for nothing.
_SHORT = 30
# No one answers or asks `nan`: programs write these for a value that is missing.
_WRITTEN_BY_PROGRAMS = r"nan|nat|<na>|\(null\)|\\n|#n/a"
_SURELY = re.compile(_WRITTEN_BY_PROGRAMS, re.IGNORECASE)
# These may be meant: `none` is a common label.
_MAYBE = re.compile(
    rf"(?:\w+:? )?n/a|na|none|null|nil|undefined|todo|tbd|\[?(?:deleted|removed)\]?|\(blank\)|{_WRITTEN_BY_PROGRAMS}",
    re.IGNORECASE,
)


def says_nothing(text: str) -> bool:
    """Whether a text is but a word for nothing.

    Examples:
        >>> says_nothing(" N/A "), says_nothing("None of them")
        (True, False)
    """
    return len(text) <= _SHORT and _MAYBE.fullmatch(text.strip()) is not None


def is_missing(text: str) -> bool:
    """Whether a text is what a program writes for a missing value, which nobody means as an answer.

    Examples:
        >>> is_missing("NaN"), is_missing("none")
        (True, False)
    """
    return len(text) <= _SHORT and _SURELY.fullmatch(text.strip()) is not None
