"""JSON read one value at a time: values that are not requested are not built, and every fault has its line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.readers.common.findings import Findings

_SPACE = re.compile(r"[ \t\n\r]*")
# The end of a list of objects or of lists (by the bracket that opens its elements) that is an object's member. Each
# pattern begins with one literal character: that is found ten times faster than a choice of two.
_MEMBER_ENDS = r"[ \t\n\r]*\](?=[ \t\n\r]*(?:,[ \t\n\r]*\"|\}[ \t\n\r]*\Z))"
_LIST_END = {"{": re.compile(r"\}" + _MEMBER_ENDS), "[": re.compile(r"\]" + _MEMBER_ENDS)}
_TRIES = 4
_AFTER = re.compile(r"[ \t\n\r]*(.?)[ \t\n\r]*", re.DOTALL)


class Cursor:
    """A position in a JSON text that moves over one member, element or value at a time.

    Syntax errors raise `json.JSONDecodeError`, too deep nesting raises `RecursionError`. What the standard decoder
    accepts though it should not (a key twice in one object, NaN, Infinity) is collected in `oddities` as (kind, found)
    until the caller empties the list.
    """

    def __init__(self, text: str, *, exact_numbers: bool = False) -> None:
        """Start before the first value of `text`; see `decoder` for `exact_numbers`."""
        self.text = text
        self.at = _skip(text, 0)
        self.start = self.at
        self.oddities: list[tuple[str, str]] = []
        self._decode = decoder(self.oddities, exact_numbers=exact_numbers)
        self._counted = (0, 1)

    def opens(self, bracket: str) -> bool:
        """Whether the next value begins with `bracket`."""
        return self.text.startswith(bracket, self.at)

    def value(self) -> Any:
        """Decode the next value and move past it; `start` is where it began."""
        self.start = self.at
        value, self.at = self._decode(self.text, self.at)
        return value

    def members(self) -> Iterator[str]:
        """Yield the keys of the object here; the caller may read each one's value, else it is skipped."""
        self.at = _skip(self.text, self.at + 1)
        if self.opens("}"):
            self.at += 1
            return
        seen: set[str] = set()
        while True:
            if not self.opens('"'):
                raise json.JSONDecodeError("Expecting a key in double quotes", self.text, self.at)
            key = self.value()
            if key in seen:
                self.oddities.append(_twice(key))
            seen.add(key)
            self._delimiter(":", ":")
            before = self.at
            yield key
            if self.at == before:
                self.value()
            if self._delimiter(",", "}") == "}":
                return

    def elements(self) -> Iterator[Any]:
        """Yield the elements of the array here, decoding each when it is requested."""
        self.at = _skip(self.text, self.at + 1)
        if self.opens("]"):
            self.at += 1
            return
        while True:
            yield self.value()
            if self._delimiter(",", "]") == "]":
                return

    def jumps_list(self) -> bool:
        """Move past the list here without decoding it, if its end can be found with certainty.

        It must be a member of the text's outermost object, and contain only objects or only lists. Its end is the
        first `}]` (or `]]`) from which the rest of the text parses as further members up to that object's end: within
        a nested list the brackets would not balance at the end of the text, and within a string the quotes would not.
        The list's content is not checked: other elements, and faults, are reported when the list is read.
        """
        first = _skip(self.text, self.at + 1)
        pattern = _LIST_END.get(self.text[first : first + 1]) if self.opens("[") else None
        for tried, match in enumerate(pattern.finditer(self.text, first) if pattern else ()):
            if tried == _TRIES:  # the rows themselves contain such lists: decoding is cheaper
                return False
            if self._ends_from(match.end()):
                self.start, self.at = self.at, match.end()
                return True
        return False

    def _ends_from(self, at: int) -> bool:
        rest = Cursor(self.text)
        rest.at = at
        try:
            while rest._delimiter(",", "}") == ",":
                if not rest.opens('"'):
                    return False
                rest.value()
                rest._delimiter(":", ":")
                rest.value()
            rest.end()
        except (json.JSONDecodeError, RecursionError):
            return False
        return True

    def end(self) -> None:
        """Check that only white space follows.

        Raises:
            json.JSONDecodeError: something does.
        """
        self.at = _skip(self.text, self.at)
        if self.at != len(self.text):
            raise json.JSONDecodeError("Something follows the end of the object", self.text, self.at)

    def line(self, position: int) -> int:
        """Return the line of a character offset, from 1; cheap for increasing offsets."""
        counted, line = self._counted if self._counted[0] <= position else (0, 1)
        line += self.text.count("\n", counted, position)
        self._counted = (position, line)
        return line

    def _delimiter(self, between: str, last: str) -> str:
        match = _AFTER.match(self.text, self.at)
        character = match[1] if match else ""
        if match is None or (character != between and character != last) or not character:
            at = match.start(1) if match else self.at
            raise json.JSONDecodeError(f"Expecting {between!r}", self.text, at)
        self.at = match.end() if character == between else match.end(1)
        return character


def note_oddities(oddities: list[tuple[str, str]], found: Findings) -> None:
    """Record what the standard decoder would have accepted, and empty the list."""
    for kind, what in oddities:
        found.error(kind, what, "keep one of them" if kind == "duplicate-key" else "write text, a number or null")
    oddities.clear()


def note_fault(cursor: Cursor, fault: json.JSONDecodeError | RecursionError, found: Findings) -> None:
    """Record the fault that ended the reading: broken or truncated JSON, or nesting too deep to be intended."""
    if isinstance(fault, RecursionError):
        line = cursor.line(cursor.at)
        found.error("deep-nesting", "values nested hundreds deep", "a task nests three levels deep", line=line)
        return
    if not cursor.text.strip():
        found.error("empty-file", "the file is empty", "it must contain one JSON object", line=1)
    elif fault.msg.startswith("Unterminated string") or fault.pos >= len(cursor.text.rstrip()):
        end = cursor.text.count("\n") + 1
        message = (
            f"the JSON is truncated: the file ends inside what begins at line {fault.lineno}, column {fault.colno}"
        )
        found.error("truncated-json", message, "get the whole file again", line=end)
    else:
        message = f"broken JSON at column {fault.colno}: {fault.msg[0].lower()}{fault.msg[1:]}"
        found.error("broken-json", message, "fix the file there", line=fault.lineno)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def decoder(oddities: list[tuple[str, str]], *, exact_numbers: bool = False) -> Callable[[str, int], tuple[Any, int]]:
    """Return a function from a text and an offset to the value there and its end; oddities go to `oddities`.

    With `exact_numbers`, a number that Python would write differently (`1.10`, `1e5`) is returned as its text.
    """

    # The hooks refer to the list only: a reference cycle through the cursor would keep whole files in memory until
    # the garbage collector runs.
    def to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        unique = dict(pairs)
        if len(unique) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            oddities.extend(_twice(key) for key, count in counts.items() if count > 1)
        return unique

    def to_constant(name: str) -> float:
        oddities.append(("not-json", f"{name} is not JSON"))
        return float("nan")  # recorded here, and must not be recorded again as too large

    integer, decimal = (_exact_integer, _exact_decimal) if exact_numbers else (_integer, None)
    return json.JSONDecoder(
        object_pairs_hook=to_object, parse_constant=to_constant, parse_int=integer, parse_float=decimal
    ).raw_decode


def _integer(digits: str) -> int | float:
    # int() raises its own error beyond 4,300 digits; float() returns infinity for these, which the rules refuse.
    return int(digits) if len(digits) <= 310 else float(digits)


def _exact_integer(digits: str) -> int | str:
    return digits if len(digits) > 18 or str(int(digits)) != digits else int(digits)


def _exact_decimal(digits: str) -> float | str:
    return digits if repr(float(digits)) != digits else float(digits)


def _twice(key: str) -> tuple[str, str]:
    return "duplicate-key", f"the key {clip(key)!r} occurs twice in one object"
