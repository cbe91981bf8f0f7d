"""Checked access to the fields of a stored prediction: text must be text, and missing fields stay empty."""

from __future__ import annotations

from typing import Any

from tuition.base.errors import clip
from tuition.tasks.readers.common.findings import Findings

_KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def kind_of(value: object) -> str:
    """Return what a value is, in words."""
    return "null" if value is None else _KINDS.get(type(value), "a text")


def prediction_text(value: object, found: Findings) -> str | None:
    """Return a prediction if it is text; else report what it is and return None.

    An empty text is an answer, since a model may generate nothing; null is not, and cannot be scored.
    """
    if isinstance(value, str):
        return value
    if value is None:
        found.error("null-prediction", "the prediction is null", 'write the answer, or "" for an empty answer')
    else:
        found.error("not-text", f"the prediction is {kind_of(value)}", "it is text, in quotes")
    return None


def reference_texts(value: object, found: Findings) -> tuple[str, ...] | None:
    """Return references from a text or a list of texts; else report what is wrong and return None."""
    listed = [value] if isinstance(value, str) else value
    if isinstance(listed, (list, tuple)) and listed and all(isinstance(one, str) for one in listed):
        return tuple(listed)
    if isinstance(listed, (list, tuple)) and listed:
        other = next(one for one in listed if not isinstance(one, str))
        found.error("not-text", f"a reference is {kind_of(other)}", "each is text, in quotes")
    else:
        what = "an empty list" if isinstance(listed, (list, tuple)) else kind_of(value)
        found.error("no-reference", f"the references are {what}", "give a text or a list of texts")
    return None


def name_text(value: object) -> str:
    """Return an id or name as text; integers are converted, and anything else gives an empty text."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return str(value)


def given_text(value: object) -> str:
    """Return a text unchanged; an empty text for anything else."""
    return value if isinstance(value, str) else ""


def first(row: dict[str, Any], *keys: str) -> str | None:
    """Return the first of these keys that a row has."""
    return next((key for key in keys if key in row), None)


def listed_text(value: object) -> str:
    """Return the first text of a list of texts, or the text itself; empty if there is none."""
    if isinstance(value, (list, tuple)):
        value = next(iter(value), "")
    return value if isinstance(value, str) else ""


def require(row: object, keys: tuple[str, ...], found: Findings) -> bool:
    """Whether a row is an object with all these keys; report it if not."""
    if not isinstance(row, dict):
        found.error("not-an-object", f"the row is {kind_of(row)}", f"it is an object with {', '.join(keys)}")
        return False
    if missing := [key for key in keys if key not in row]:
        seen = ", ".join(clip(str(key), 30) for key in list(row)[:6])
        found.error("missing-key", f"there is no {', '.join(map(repr, missing))} (keys: {seen})", "give it a value")
        return False
    return True
