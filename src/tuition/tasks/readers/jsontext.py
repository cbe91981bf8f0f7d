"""JSON walked one value at a time: what nobody asks for is not built, and every fault keeps its place."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.readers.findings import Findings

_SPACE = re.compile(r"[ \t\n\r]*")
_AFTER = re.compile(r"[ \t\n\r]*(.?)[ \t\n\r]*", re.DOTALL)


class Cursor:
    """A place in a JSON text that moves over one member, element or value at a time.

    Faults of syntax raise `json.JSONDecodeError`, too deep nesting `RecursionError`. What the standard decoder would
    let pass (a key twice in one object, NaN, Infinity) is kept in `oddities` as (kind, found) until somebody takes it.
    """

    def __init__(self, text: str) -> None:
        """Stand before the first value of `text`."""
        self.text = text
        self.at = _skip(text, 0)
        self.start = self.at
        self.oddities: list[tuple[str, str]] = []
        self._decode = _decoder(self.oddities)
        self._counted = (0, 1)

    def opens(self, bracket: str) -> bool:
        """Whether the next value begins with `bracket`."""
        return self.text.startswith(bracket, self.at)

    def value(self) -> Any:
        """Decode the next value and move behind it; `start` is where it began."""
        self.start = self.at
        value, self.at = self._decode(self.text, self.at)
        return value

    def members(self) -> Iterator[str]:
        """Yield the keys of the object here; the caller may take each one's value, else it is passed over."""
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
        """Yield the elements of the array here, decoding each as it is asked for."""
        self.at = _skip(self.text, self.at + 1)
        if self.opens("]"):
            self.at += 1
            return
        while True:
            yield self.value()
            if self._delimiter(",", "]") == "]":
                return

    def end(self) -> None:
        """Make sure that nothing but white space follows.

        Raises:
            json.JSONDecodeError: something does.
        """
        self.at = _skip(self.text, self.at)
        if self.at != len(self.text):
            raise json.JSONDecodeError("Something follows the end of the object", self.text, self.at)

    def line(self, position: int) -> int:
        """Return the line of a character offset, from 1; cheap for positions that only grow."""
        counted, line = self._counted if self._counted[0] <= position else (0, 1)
        line += self.text.count("\n", counted, position)
        self._counted = (position, line)
        return line

    def _delimiter(self, between: str, last: str) -> str:
        match = _AFTER.match(self.text, self.at)
        sign = match[1] if match else ""
        if match is None or (sign != between and sign != last) or not sign:
            at = match.start(1) if match else self.at
            raise json.JSONDecodeError(f"Expecting {between!r}", self.text, at)
        self.at = match.end() if sign == between else match.end(1)
        return sign


def note_fault(cursor: Cursor, fault: json.JSONDecodeError | RecursionError, found: Findings) -> None:
    """Note the fault that ended the walk: broken or truncated JSON, or nesting too deep to be meant."""
    if isinstance(fault, RecursionError):
        line = cursor.line(cursor.at)
        found.error("deep-nesting", "values nested hundreds deep", "a task nests three levels deep", line=line)
        return
    if not cursor.text.strip():
        found.error("empty-file", "the file is empty", "it holds one JSON object", line=1)
    elif fault.msg.startswith("Unterminated string") or fault.pos >= len(cursor.text.rstrip()):
        end = cursor.text.count("\n") + 1
        message = f"the JSON is cut off: the file ends inside what begins at line {fault.lineno}, column {fault.colno}"
        found.error("truncated-json", message, "get the whole file again", line=end)
    else:
        message = f"broken JSON at column {fault.colno}: {fault.msg[0].lower()}{fault.msg[1:]}"
        found.error("broken-json", message, "mend the file at this place", line=fault.lineno)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _decoder(oddities: list[tuple[str, str]]) -> Callable[[str, int], tuple[Any, int]]:
    # The hooks close over the list alone: a cycle through the cursor would keep whole files alive until the
    # garbage collector runs.
    def to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            oddities.extend(_twice(key) for key, count in counts.items() if count > 1)
        return made

    def to_constant(name: str) -> float:
        oddities.append(("not-json", f"{name} is not JSON"))
        return float(name)

    decoder = json.JSONDecoder(object_pairs_hook=to_object, parse_constant=to_constant, parse_int=_integer)
    return decoder.raw_decode


def _integer(digits: str) -> int | float:
    # int() refuses beyond 4,300 digits with an error of its own; such a number is wrong by its type anyway.
    return int(digits) if len(digits) < 20 else float(digits)


def _twice(key: str) -> tuple[str, str]:
    return "duplicate-key", f"the key {clip(key)!r} stands twice in one object"
