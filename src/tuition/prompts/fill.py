"""Patterns: named places in a text, filled at once and by one rule."""

from __future__ import annotations

import re
import string

from tuition.prompts.types import TextRule

_PLACE = re.compile(r"\{([a-z]+)\}")


def fill(pattern: str, fields: dict[str, str], rule: TextRule = "verbatim") -> str:
    """Put each field into its place, all at once, so that braces inside one field are never taken for another's place.

    Examples:
        >>> fill("{input}={output}", {"input": "{output}", "output": "4"})
        '{output}=4'
    """

    def put(place: re.Match[str]) -> str:
        name = place[1]
        return ruled(fields[name], rule) if name in fields else place[0]

    return _PLACE.sub(put, pattern)


def places(pattern: str) -> set[str]:
    """Return the names of the places in a pattern."""
    return set(_PLACE.findall(pattern))


def ruled(text: str, rule: TextRule) -> str:
    """Return a field's text as it enters a prompt."""
    if rule == "verbatim":
        return text
    stripped = text.strip()
    if rule == "stripped":
        return stripped
    # Tk-Instruct looks at the last character written so far, so an empty field gets its full stop too.
    return stripped if stripped and stripped[-1] in string.punctuation else f"{stripped}."
