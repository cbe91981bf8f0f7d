"""A Jinja environment for untrusted patterns: only what rendering a row needs, within limits of time and size.

Jinja's own sandbox keeps a pattern from accessing Python, but not from looping for hours or filling the memory. Here a
pattern may contain only listed kinds of nodes, filters, tests and methods, and each rendering has a work budget. The
limits depend only on the pattern and the row, never on the clock.
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
    """Jinja with only the features listed here. Compile the result of `guarded`, never a pattern's source directly."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        """Create an environment without globals, loader or extensions, in which an undefined name is an error."""
        super().__init__(
            undefined=StrictUndefined, keep_trailing_newline=True, optimized=False, finalize=_printed, cache_size=0
        )
        self.globals.clear()
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a listed method or loop variable, else the element of that name; never another attribute."""
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)  # raises an error with the undefined name
        known = LOOP_NAMES if isinstance(obj, LoopContext) else METHODS.get(type(obj), frozenset())
        return getattr(obj, attribute) if attribute in known else self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an element of a list, text or mapping, never an attribute."""
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
            raise SecurityError(f"calls {kind_of(obj)}; it may call {', '.join(FUNCTIONS)} and the methods of texts")
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
        """Apply a filter that a pattern names by a string (`map('upper')`): only the allowed ones."""
        if name not in FILTER_NAMES:
            raise SecurityError(f"uses the filter {name!r}; there are {', '.join(FILTER_NAMES)}")
        return super().call_filter(name, value, *args, **kwargs)

    def call_test(self, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply a test that a pattern names by a string (`select('even')`): only the allowed ones."""
        if name not in TESTS:
            raise SecurityError(f"uses the test {name!r}; there are {', '.join(TESTS)}")
        return super().call_test(name, value, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers of ordinary size; concatenate two texts or two lists."""
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            str(left), str(right)  # raises an error with the undefined name
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            if max(_bits(left), _bits(right)) <= _NUMBER_BITS and operator != "**":
                return self.binop_table[operator](left, right)
            raise SecurityError(f"calculates with numbers of more than {_NUMBER_BITS} bits")
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return concat(context, left, right)
        if operator == "+" and type(left) is type(right) and isinstance(left, (list, tuple)):
            budget_of(context).spend(len(left) + len(right))
            return left + right
        raise SecurityError(f"has {operator!r} between {kind_of(left)} and {kind_of(right)}; concatenate texts with ~")


@pass_context
def _printed(context: Context, value: Any) -> Any:
    """Charge the work of printing a value, which must be text, a number, a list or a mapping."""
    if isinstance(value, Undefined):
        return value  # printing it raises an error with the undefined name
    return value if isinstance(budget_of(context).charge(value), str) else budget_of(context).text(value)


def _bits(number: float) -> int:
    return number.bit_length() if isinstance(number, int) else 0
