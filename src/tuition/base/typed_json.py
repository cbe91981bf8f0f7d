"""Read stored JSON back into dataclasses, checking the type of every field."""

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
    """Build a dataclass from plain data: lists become tuples, mappings become dataclasses.

    Args:
        kind: the dataclass.
        data: the parsed JSON.
        what: the source of the data, for messages: `"m/encoding.json"`.

    Raises:
        UserError: a field is missing, unknown, or of another type; the message names the first such field.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(data, extra="forbid")
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        path = ".".join(map(str, faults[0]["loc"]))
        found = _FAULTS.get(faults[0]["type"], "is of the wrong type")
        subject = f"the field {clip(path, 80)!r} {found}" if path else "it is not a mapping of fields"
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UserError(f"{what}: {subject}{more}; it may come from another version of Tuition") from None
