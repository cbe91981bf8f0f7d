"""Patterns: named slots in a text, all filled at once and by one rule."""

from __future__ import annotations

import re
import string

from tuition.prompts.types import TextRule

_SLOT = re.compile(r"\{([a-z]+)\}")


def fill(pattern: str, fields: dict[str, str], rule: TextRule = "verbatim") -> str:
    """Put each field into its slot, all at once, so that braces inside a field are never taken for another slot.

    Examples:
        >>> fill("{input}={output}", {"input": "{output}", "output": "4"})
        '{output}=4'
    """

    def put(slot: re.Match[str]) -> str:
        name = slot[1]
        return ruled(fields[name], rule) if name in fields else slot[0]

    return _SLOT.sub(put, pattern)


def places(pattern: str) -> set[str]:
    """Return the names of the slots in a pattern."""
    return set(_SLOT.findall(pattern))


def ruled(text: str, rule: TextRule) -> str:
    """Return a field's text as it enters a prompt."""
    if rule == "verbatim":
        return text
    stripped = text.strip()
    if rule == "stripped":
        return stripped
    # Tk-Instruct checks the last character written so far, so an empty field gets a full stop too.
    return stripped if stripped and stripped[-1] in string.punctuation else f"{stripped}."
