"""A Jinja for strangers' patterns: only what telling a row needs, and every rendering ends, soon and small.

Jinja's own sandbox keeps a pattern from reaching Python; it does not keep it from looping for hours or filling the
memory. Here a pattern may hold only listed kinds of nodes, filters, tests and methods, and each rendering has an
budget of work. What a pattern may do depends on nothing but the pattern and its row, never on the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tuition.tasks.sandbox.filters import FILTER_NAMES, FILTERS, FUNCTIONS, TESTS, concat, join, replace, require_words
from tuition.tasks.sandbox.render_budget import budget_of, kind_of, require_key

_NUMBER_BITS = 256


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


METHODS: dict[type, frozenset[str]] = {
    str: _words(
        "capitalize casefold count endswith find isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle "
        "isupper join lower lstrip partition removeprefix removesuffix replace rstrip split splitlines startswith "
        "strip swapcase title upper"
    ),
    list: _words("count index"),
    tuple: _words("count index"),
    dict: _words("get items keys values"),
}
LOOP_NAMES = _words("cycle depth depth0 first index index0 last length nextitem previtem revindex revindex0")


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with only what is listed here. Compile what `guarded` has made of a parsed pattern, never a bare source."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        """An environment without globals, loader or extensions; a name that a row lacks is an error, not empty text."""
        super().__init__(
            undefined=StrictUndefined, keep_trailing_newline=True, optimized=False, finalize=_printed, cache_size=0
        )
        self.globals.clear()
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a listed method or loop variable, else the element of that name; nothing else is an attribute."""
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)  # raises, naming what is not there
        known = LOOP_NAMES if isinstance(obj, LoopContext) else METHODS.get(type(obj), frozenset())
        return getattr(obj, attribute) if attribute in known else self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an element of a list, text or mapping, and never an attribute."""
        if isinstance(obj, Undefined):
            return obj[argument]
        require_key(argument)
        if isinstance(obj, (Mapping, list, tuple, str, range)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a listed method of a text, list or mapping, within the rendering's budget."""
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        owner = getattr(obj, "__self__", None)
        name = getattr(obj, "__name__", "")
        if isinstance(obj, MethodType) and isinstance(owner, LoopContext) and name == "cycle":
            return owner.cycle(*args)
        if not isinstance(obj, BuiltinMethodType) or name not in METHODS.get(type(owner), ()):
            raise SecurityError(f"calls {kind_of(obj)}; it can call {', '.join(FUNCTIONS)} and the methods of texts")
        budget = budget_of(context)
        budget.charge((owner, args, kwargs))
        if isinstance(owner, str):
            if name == "join":
                (items,) = args
                return join(context, items, owner)
            if name == "replace":
                return replace(context, owner, *args, **kwargs)
            require_words(*args, *kwargs.values())
        return budget.charge(obj(*args, **kwargs))

    def call_filter(self, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply a filter that a pattern names by a text (`map('upper')`): only those that a pattern may name."""
        if name not in FILTER_NAMES:
            raise SecurityError(f"uses the filter {name!r}; there are {', '.join(FILTER_NAMES)}")
        return super().call_filter(name, value, *args, **kwargs)

    def call_test(self, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply a test that a pattern names by a text (`select('even')`): only those that a pattern may name."""
        if name not in TESTS:
            raise SecurityError(f"uses the test {name!r}; there are {', '.join(TESTS)}")
        return super().call_test(name, value, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers of ordinary size; put two texts or two lists together."""
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            str(left), str(right)  # raises, naming what is not there
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            if max(_bits(left), _bits(right)) <= _NUMBER_BITS and operator != "**":
                return self.binop_table[operator](left, right)
            raise SecurityError(f"calculates with numbers of more than {_NUMBER_BITS} bits")
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return concat(context, left, right)
        if operator == "+" and type(left) is type(right) and isinstance(left, (list, tuple)):
            budget_of(context).spend(len(left) + len(right))
            return left + right
        raise SecurityError(
            f"has {operator!r} between {kind_of(left)} and {kind_of(right)}; texts are put together by ~"
        )


@pass_context
def _printed(context: Context, value: Any) -> Any:
    """Spend the work of printing a value; what prints is text, a number, a list or a mapping."""
    if isinstance(value, Undefined):
        return value  # printing it raises, naming what is not there
    return value if isinstance(budget_of(context).charge(value), str) else budget_of(context).text(value)


def _bits(number: float) -> int:
    return number.bit_length() if isinstance(number, int) else 0
