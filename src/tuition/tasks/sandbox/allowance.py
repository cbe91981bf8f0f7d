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

ALLOWANCE = "0allowance"
"""Where a rendering's `Allowance` lies among its variables: no pattern can write such a name."""

_CHARACTERS_A_UNIT = 16


class Allowance:
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

    def pay(self, units: int) -> None:
        """Take `units` of work from what is left.

        Raises:
            SecurityError: so much is not left.
        """
        self.left -= units
        if self.left < 0:
            raise SecurityError(
                "does too much work on one row (it loops or builds text without end, or nearly); make its loops shorter"
            )

    def weigh(self, value: Any) -> Any:
        """Pay for reading all of `value`, and return it.

        Raises:
            SecurityError: it is too much, or a text in it is longer than `OUTPUT_LIMIT`.
            UndefinedError: it holds something that is not there; `value` itself may be undefined.
        """
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                require_length(len(item))
                self.pay(1 + len(item) // _CHARACTERS_A_UNIT)
            elif isinstance(item, Mapping):
                self.pay(1 + len(item))
                waiting.extend(item.keys())
                waiting.extend(item.values())
            elif isinstance(item, range):
                self.pay(1 + length_of(item))
            elif is_many(item):
                self.pay(1 + len(item))
                waiting.extend(item)
            elif isinstance(item, Undefined) and item is not value:
                str(item)  # raises, naming what is not there
            else:
                self.pay(1)
        return value


def require_length(characters: int) -> None:
    """Make sure that a text of so many characters may be made.

    Raises:
        SecurityError: it is longer than `OUTPUT_LIMIT`.
    """
    if characters > OUTPUT_LIMIT:
        raise SecurityError(f"makes a text of more than {OUTPUT_LIMIT:,} characters; shorten what it repeats or joins")


def allowance_of(context: Context) -> Allowance:
    """Return the allowance of the rendering that runs in `context`."""
    return cast("Allowance", context.parent[ALLOWANCE])


def is_many(value: object) -> bool:
    """Whether `value` has elements that can be looked at again and again; a generator has not."""
    return isinstance(value, Iterable) and hasattr(value, "__len__") and not isinstance(value, (LoopContext, Undefined))


def length_of(value: Any) -> int:
    """Return the number of elements; a range of more than any allowance counts as `WORK_LIMIT`."""
    try:
        return len(value)
    except OverflowError:
        return WORK_LIMIT


def kind_of(value: object) -> str:
    """Return what a value in a pattern is, in words."""
    names = {str: "text", list: "a list", tuple: "a list", dict: "a mapping", bool: "true or false", int: "a number"}
    if value is None or isinstance(value, float):
        return "none" if value is None else "a number"
    return names.get(type(value), "a method" if callable(value) else f"a {type(value).__name__}")
