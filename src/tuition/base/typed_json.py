"""Stored JSON read back into dataclasses, with every field of the type that it is declared with."""

from __future__ import annotations

from typing import TypeVar

from tuition.base.errors import UserError, clip

T = TypeVar("T")

_FAULTS = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "unexpected_keyword_argument": "is not known",
}


def typed(kind: type[T], data: object, what: str) -> T:
    """Return an instance of a dataclass from plain data: lists become tuples, mappings become dataclasses.

    Args:
        kind: the dataclass.
        data: what JSON held.
        what: what this is, for messages: `"m/encoding.json"`.

    Raises:
        UserError: a field is missing, not known, or of another type; the first such field is named.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(data, extra="forbid")
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        place = ".".join(map(str, faults[0]["loc"]))
        wrong = {
            "missing": "is missing",
            "extra_forbidden": "is not known",
            "unexpected_keyword_argument": "is not known",
        }
        found = wrong.get(faults[0]["type"], "is of the wrong type")
        subject = f"the field {clip(place, 80)!r} {found}" if place else "it is no mapping of fields"
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UserError(f"{what}: {subject}{more}; it may come from another version of Tuition") from None
