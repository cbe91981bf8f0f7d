"""The work that one rendering may do: loops pay for their rounds, and whatever reads or makes text for its length."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext

OUTPUT_LIMIT = 1_000_000
"""Characters that one rendering, or one text within it, may have: as many as a field."""

WORK_LIMIT = 1_000_000
"""Units of work in one rendering: a node evaluated in a loop, an element looked at, or 16 characters."""

BUDGET_NAME = "0budget"
"""Where a rendering's `RenderBudget` lies among its variables: no pattern can write such a name."""

DEPTH_LIMIT = 100
"""How deep lists may stand in lists: Python compares, hashes and prints them by recursion."""

_CHARACTERS_A_UNIT = 16


class RenderBudget:
    """The work that one rendering may still do, and the generator that its draws come from."""

    def __init__(self, draw: Callable[[], random.Random]) -> None:
        """Begin with all of `WORK_LIMIT`; `draw` makes the generator when a pattern first asks for one."""
        self.left = WORK_LIMIT
        self._draw = draw
        self._random: random.Random | None = None

    @property
    def random(self) -> random.Random:
        """The generator of this rendering's draws."""
        if self._random is None:
            self._random = self._draw()
        return self._random

    def spend(self, units: int) -> None:
        """Take `units` of work from what is left.

        Raises:
            SecurityError: so much is not left, or the number is negative: work is never given back.
        """
        if units < 0:
            raise SecurityError(f"does {units:,} units of work; nothing can be negative work")
        self.left -= units
        if self.left < 0:
            raise SecurityError(
                "does too much work on one row (it loops or builds text without end, or nearly); make its loops shorter"
            )

    def charge(self, value: Any) -> Any:
        """Spend the work of reading all of `value`, and return it.

        A list that stands in another many times is read as many times, as comparing and printing it would.

        Raises:
            SecurityError: it is too much; a text in it is longer than `OUTPUT_LIMIT`; lists in it are nested deeper
                than `DEPTH_LIMIT`; or it holds a method or a loop, which are no values.
            UndefinedError: it holds something that is not there; `value` itself may be undefined.
        """
        waiting = [(value, 0)]
        while waiting:
            item, depth = waiting.pop()
            if isinstance(item, str):
                require_length(len(item))
                self.spend(1 + len(item) // _CHARACTERS_A_UNIT)
            elif is_many(item):
                if depth > DEPTH_LIMIT:
                    raise SecurityError(f"puts lists into lists more than {DEPTH_LIMIT} deep")
                self.spend(1 + length_of(item))
                if isinstance(item, Mapping):
                    waiting.extend((key, depth + 1) for key in item)
                    waiting.extend((own, depth + 1) for own in item.values())
                elif not isinstance(item, range):
                    waiting.extend((own, depth + 1) for own in item)
            elif isinstance(item, Undefined):
                if item is not value:
                    str(item)  # raises, naming what is not there
                self.spend(1)
            else:
                require_value(item)
                self.spend(1)
        return value

    def text(self, value: Any) -> str:
        """Return `value` as text, after spending the work of reading it.

        Raises:
            SecurityError: as `charge` does; or the texts in a list are longer than `OUTPUT_LIMIT` together.
            UndefinedError: it is or holds something that is not there.
        """
        self.charge(value)
        require_length(characters_of(value))
        return str(value)


def characters_of(value: Any) -> int:
    """Return how many characters the texts in a value have together."""
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
    """Make sure that something is a value: text, a number, a list or a mapping, and no method, loop or generator.

    What Python prints of those holds an address in memory, which differs from run to run.

    Raises:
        SecurityError: it is none.
    """
    if callable(value) or isinstance(value, LoopContext):
        raise SecurityError(f"uses {kind_of(value)} as a value; call a method by writing () behind it")
    if isinstance(value, Iterable) and not hasattr(value, "__len__") and not isinstance(value, Undefined):
        raise SecurityError(f"uses {kind_of(value)} as a value; make a list of it")


def require_key(value: Any) -> Any:
    """Return what is to be a key of a mapping or an index: text, a number, true, false or none.

    Lists are refused: Python hashes a list that stands in itself by reference, over and over, for ever longer.

    Raises:
        SecurityError: it is anything else.
    """
    if isinstance(value, (str, int, float, Undefined)) or value is None:
        return value
    raise SecurityError(f"has {kind_of(value)} as a key or index; those are text and numbers")


def require_length(characters: int) -> None:
    """Make sure that a text of so many characters may be made.

    Raises:
        SecurityError: it is longer than `OUTPUT_LIMIT`.
    """
    if characters > OUTPUT_LIMIT:
        raise SecurityError(f"makes a text of more than {OUTPUT_LIMIT:,} characters; shorten what it repeats or joins")


def budget_of(context: Context) -> RenderBudget:
    """Return the budget of the rendering that runs in `context`."""
    return cast("RenderBudget", context.parent[BUDGET_NAME])


def is_many(value: object) -> bool:
    """Whether `value` has elements that can be looked at again and again; a generator has not."""
    return isinstance(value, Iterable) and hasattr(value, "__len__") and not isinstance(value, (LoopContext, Undefined))


def length_of(value: Any) -> int:
    """Return the number of elements; a range of more than any budget counts as `WORK_LIMIT`."""
    try:
        return len(value)
    except OverflowError:
        return WORK_LIMIT


def kind_of(value: object) -> str:
    """Return what a value in a pattern is, in words."""
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
