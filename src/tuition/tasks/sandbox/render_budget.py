"""The work budget of one rendering: loops are charged by iteration, reading and writing text by its length."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext

OUTPUT_LIMIT = 1_000_000
"""The most characters of one rendering, or of one text in it: as many as a field may have."""

WORK_LIMIT = 1_000_000
"""The most units of work in one rendering. A unit is a node evaluated in a loop, an element read, or 16 characters."""

BUDGET_NAME = "0budget"
"""The variable with a rendering's `RenderBudget`: no pattern can use such a name."""

DEPTH_LIMIT = 100
"""How deep lists may be nested: Python compares, hashes and prints them by recursion."""

_CHARACTERS_A_UNIT = 16


class RenderBudget:
    """The work that one rendering may still do, and its random generator."""

    def __init__(self, make_random: Callable[[], random.Random]) -> None:
        """Begin with `WORK_LIMIT`; `make_random` creates the generator when a pattern first needs one."""
        self.left = WORK_LIMIT
        self._make_random = make_random
        self._random: random.Random | None = None

    @property
    def random(self) -> random.Random:
        """The random generator of this rendering."""
        if self._random is None:
            self._random = self._make_random()
        return self._random

    def spend(self, units: int) -> None:
        """Subtract `units` of work from the budget.

        Raises:
            SecurityError: less is left, or the number is negative.
        """
        if units < 0:
            raise SecurityError(f"does {units:,} units of work; work cannot be negative")
        self.left -= units
        if self.left < 0:
            raise SecurityError(
                "does too much work on one row (it loops or builds text without end, or nearly); make its loops shorter"
            )

    def charge(self, value: Any) -> Any:
        """Charge the work of reading all of `value`, and return it.

        A list that occurs in another many times is charged as many times, since comparing and printing read it so.

        Raises:
            SecurityError: the budget is exhausted; a text in it is longer than `OUTPUT_LIMIT`; lists in it are nested
                deeper than `DEPTH_LIMIT`; or it contains a method or a loop, which are not values.
            UndefinedError: it contains something undefined; `value` itself may be undefined.
        """
        waiting = [(value, 0)]
        while waiting:
            item, depth = waiting.pop()
            if isinstance(item, str):
                require_length(len(item))
                self.spend(1 + len(item) // _CHARACTERS_A_UNIT)
            elif is_many(item):
                if depth > DEPTH_LIMIT:
                    raise SecurityError(f"nests lists more than {DEPTH_LIMIT} deep")
                self.spend(1 + length_of(item))
                if isinstance(item, Mapping):
                    waiting.extend((key, depth + 1) for key in item)
                    waiting.extend((own, depth + 1) for own in item.values())
                elif not isinstance(item, range):
                    waiting.extend((own, depth + 1) for own in item)
            elif isinstance(item, Undefined):
                if item is not value:
                    str(item)  # raises an error with the undefined name
                self.spend(1)
            else:
                require_value(item)
                self.spend(1)
        return value

    def text(self, value: Any) -> str:
        """Return `value` as text, after charging the work of reading it.

        Raises:
            SecurityError: like `charge`; or the texts in a list are together longer than `OUTPUT_LIMIT`.
            UndefinedError: it is or contains something undefined.
        """
        self.charge(value)
        require_length(characters_of(value))
        return str(value)


def characters_of(value: Any) -> int:
    """Return the total number of characters of the texts in a value."""
    total, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, Mapping):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif is_many(item) and not isinstance(item, range):
            waiting.extend(item)
    return total


def require_value(value: object) -> None:
    """Check that something is a value: text, a number, a list or a mapping, not a method, loop or generator.

    Python prints the latter with an address in memory, which differs from run to run.

    Raises:
        SecurityError: it is not a value.
    """
    if callable(value) or isinstance(value, LoopContext):
        raise SecurityError(f"uses {kind_of(value)} as a value; call a method by writing () after it")
    if isinstance(value, Iterable) and not hasattr(value, "__len__") and not isinstance(value, Undefined):
        raise SecurityError(f"uses {kind_of(value)} as a value; make a list of it")


def require_key(value: Any) -> Any:
    """Return a valid key of a mapping or index: text, a number, true, false or none.

    Tuples are refused: hashing one that contains references to others many times can take forever.

    Raises:
        SecurityError: it is anything else.
    """
    if isinstance(value, (str, int, float, Undefined)) or value is None:
        return value
    raise SecurityError(f"has {kind_of(value)} as a key or index; those are text and numbers")


def require_length(characters: int) -> None:
    """Check that a text of so many characters is allowed.

    Raises:
        SecurityError: it is longer than `OUTPUT_LIMIT`.
    """
    if characters > OUTPUT_LIMIT:
        raise SecurityError(f"builds a text of more than {OUTPUT_LIMIT:,} characters; shorten what it repeats or joins")


def budget_of(context: Context) -> RenderBudget:
    """Return the budget of the rendering that `context` belongs to."""
    return cast("RenderBudget", context.parent[BUDGET_NAME])


def is_many(value: object) -> bool:
    """Whether `value` has elements that can be read repeatedly; a generator does not."""
    return isinstance(value, Iterable) and hasattr(value, "__len__") and not isinstance(value, (LoopContext, Undefined))


def length_of(value: Any) -> int:
    """Return the number of elements; a range too long for `len` counts as `WORK_LIMIT`."""
    try:
        return len(value)
    except OverflowError:
        return WORK_LIMIT


def kind_of(value: object) -> str:
    """Describe a pattern's value in words."""
    names = {
        str: "text",
        list: "a list",
        tuple: "a list",
        dict: "a mapping",
        LoopContext: "the loop",
        bool: "true or false",
        int: "a number",
    }
    if value is None or isinstance(value, float):
        return "none" if value is None else "a number"
    return names.get(type(value), "a method" if callable(value) else f"a {type(value).__name__}")
