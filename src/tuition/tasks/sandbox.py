"""A Jinja for strangers' patterns: only what telling a row needs, and every rendering ends, soon and small.

Jinja's own sandbox keeps a pattern from reaching Python; it does not keep it from looping for hours or filling the
memory. Here a pattern may hold only listed kinds of nodes, filters, tests and methods, and each rendering has an
allowance of work: loops pay for all their rounds before the first, and whatever reads or makes text pays for it by
length. What a pattern may do depends on nothing but the pattern and its row, never on the clock.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinMethodType, MethodType
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS

OUTPUT_LIMIT = 1_000_000
"""Characters that one rendering, or one text within it, may have: as many as a field."""

SOURCE_LIMIT = 50_000
"""Characters that a pattern may have: some ten times the longest of PromptSource's."""

WORK_LIMIT = 1_000_000
"""Units of work in one rendering: a node evaluated in a loop, an element looked at, or 16 characters."""

ALLOWANCE = "0allowance"
"""Where a rendering's `Allowance` lies among its variables: no pattern can write such a name."""

FUNCTIONS = ("range", "zip", "choice", "most_frequent")

_CHARACTERS_A_UNIT = 16
_RANGE_LIMIT = 100_000
_NUMBER_BITS = 256
_WORD_LIMIT = 1_000  # characters to look for, to strip, or to put between


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
_LOOP = _words("cycle depth depth0 first index index0 last length nextitem previtem revindex revindex0")

# Jinja's own, whose result is no larger than what goes in, and whose cost grows with it.
_PLAIN_FILTERS = _words(
    "abs capitalize count d default dictsort first float int items last length list lower map max min reject rejectattr "
    "reverse select selectattr sort string title truncate unique upper wordcount"
)
_PLAIN_TESTS = _words(
    "!= < <= == > >= boolean defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable le "
    "lessthan lower lt mapping ne none number odd sequence string true undefined upper"
)


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
        """Pay for reading all of `value`, and return it. Texts within may not be longer than `OUTPUT_LIMIT`."""
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
                self.pay(1 + _length(item))
            elif _is_many(item):
                self.pay(1 + len(item))
                waiting.extend(item)
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


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with only what is listed here. Compile what `guarded` has made of a parsed pattern, never a bare source."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        """An environment without globals, loader or extensions; a name that a row lacks is an error, not empty text."""
        super().__init__(
            undefined=StrictUndefined, keep_trailing_newline=True, optimized=False, finalize=_printed, cache_size=0
        )
        self.globals.clear()
        self.filters = {**{name: _weighed_filter(name) for name in _PLAIN_FILTERS}, **_OWN_FILTERS}
        self.tests = {name: _weighed_test(name) for name in _PLAIN_TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a listed method or loop variable, else the element of that name; nothing else is an attribute."""
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)  # raises, naming what is not there
        known = _LOOP if isinstance(obj, LoopContext) else METHODS.get(type(obj), frozenset())
        return getattr(obj, attribute) if attribute in known else self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an element of a list, text or mapping, and never an attribute."""
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(obj, (Mapping, list, tuple, str, range)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Call a listed method of a text, list or mapping, within the rendering's allowance."""
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        owner = getattr(obj, "__self__", None)
        name = getattr(obj, "__name__", "")
        if isinstance(obj, MethodType) and isinstance(owner, LoopContext) and name == "cycle":
            return owner.cycle(*args)
        if not isinstance(obj, BuiltinMethodType) or name not in METHODS.get(type(owner), ()):
            raise SecurityError(f"calls {_kind(obj)}; it can call {', '.join(FUNCTIONS)} and the methods of texts")
        allowance = _allowance(context)
        allowance.weigh((owner, args, kwargs))
        if isinstance(owner, str):
            if name == "join":
                return _join(context, *args, d=owner, **kwargs)
            if name == "replace":
                return _replace(context, owner, *args, **kwargs)
            _require_words(*args, *kwargs.values())
        return allowance.weigh(obj(*args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers of ordinary size; put two texts or two lists together."""
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            str(left), str(right)  # raises, naming what is not there
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            if max(_bits(left), _bits(right)) <= _NUMBER_BITS and operator != "**":
                return self.binop_table[operator](left, right)
            raise SecurityError(f"calculates with numbers of more than {_NUMBER_BITS} bits")
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _concat(context, left, right)
        if operator == "+" and type(left) is type(right) and isinstance(left, (list, tuple)):
            _allowance(context).pay(len(left) + len(right))
            return left + right
        raise SecurityError(f"has {operator!r} between {_kind(left)} and {_kind(right)}; texts are put together by ~")


def _allowance(context: Context) -> Allowance:
    return cast("Allowance", context.parent[ALLOWANCE])


def _is_many(value: object) -> bool:
    # Generators are left out: to look at one is to use it up.
    return isinstance(value, Iterable) and hasattr(value, "__len__") and not isinstance(value, (LoopContext, Undefined))


def _length(value: Any) -> int:
    try:
        return len(value)
    except OverflowError:
        return WORK_LIMIT


def _bits(number: float) -> int:
    return number.bit_length() if isinstance(number, int) else 0


def _kind(value: object) -> str:
    names = {str: "text", list: "a list", tuple: "a list", dict: "a mapping", bool: "true or false", int: "a number"}
    if value is None or isinstance(value, float):
        return "none" if value is None else "a number"
    return names.get(type(value), "a method" if callable(value) else f"a {type(value).__name__}")


def _require_words(*values: Any) -> None:
    for value in values:
        if isinstance(value, str) and len(value) > _WORD_LIMIT:
            raise SecurityError(f"looks for a text of more than {_WORD_LIMIT:,} characters in another")


@pass_context
def _printed(context: Context, value: Any) -> Any:
    if isinstance(value, Undefined):
        return value  # printing it raises, naming what is not there
    if callable(value) or (
        not isinstance(value, (str, Mapping)) and isinstance(value, Iterable) and not _is_many(value)
    ):
        raise SecurityError(f"prints {_kind(value)}; only text, numbers and lists can be printed")
    return _allowance(context).weigh(value)


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    return value if isinstance(value, Undefined) else _allowance(context).weigh(value)


@pass_context
def _rounds(context: Context, value: Any, cost: int) -> Any:
    """What a loop runs over, as a list, after paying for all its rounds."""
    if isinstance(value, Undefined):
        return value
    if not _is_many(value):
        raise SecurityError(f"loops over {_kind(value)}; only lists, texts and mappings can be looped over")
    _allowance(context).pay(_length(value) * cost)
    return list(value)


@pass_context
def _concat(context: Context, *parts: Any) -> str:
    allowance = _allowance(context)
    texts = [str(part if isinstance(part, Undefined) else allowance.weigh(part)) for part in parts]
    require_length(sum(map(len, texts)))
    return cast("str", allowance.weigh("".join(texts)))


@pass_context
def _slice(context: Context, value: Any, *ends: Any) -> Any:
    if not isinstance(value, (str, list, tuple)):
        raise SecurityError(f"takes a slice of {_kind(value)}; only texts and lists have them")
    return _allowance(context).weigh(value[slice(*ends)])


@pass_context
def _join(context: Context, value: Any, d: Any = "", attribute: Any = None) -> str:
    if not _is_many(value):
        raise SecurityError(f"joins {_kind(value)}; only a list can be joined")
    allowance = _allowance(context)
    allowance.weigh(value)
    allowance.weigh(d)
    items = [item if attribute is None else context.environment.getitem(item, attribute) for item in value]
    texts = [str(item) for item in items]
    require_length(sum(map(len, texts)) + len(str(d)) * len(texts))
    return cast("str", allowance.weigh(str(d).join(texts)))


@pass_context
def _replace(context: Context, s: Any, old: Any, new: Any, count: int = -1) -> str:
    allowance = _allowance(context)
    text, old, new = (str(allowance.weigh(part)) for part in (s, old, new))
    _require_words(old)
    times = text.count(old) if count is None or count < 0 else min(count, text.count(old))
    require_length(len(text) + times * (len(new) - len(old)))
    return cast("str", allowance.weigh(text.replace(old, new, times)))


@pass_context
def _trim(context: Context, value: Any, chars: str | None = None) -> str:
    _require_words(chars)
    return str(_allowance(context).weigh(value)).strip(chars)


@pass_context
def _round(context: Context, value: float, precision: int = 0) -> float:
    if not isinstance(precision, int) or not -20 <= precision <= 20:
        raise SecurityError("rounds to a precision that is no whole number from -20 to 20")
    return round(float(value), precision)


@pass_context
def _sum(context: Context, value: Any) -> float:
    return sum(float(item) if isinstance(item, float) else int(item) for item in _allowance(context).weigh(value))


@pass_context
def _range(context: Context, ends: list[int]) -> range:
    made = range(*ends)
    if _length(made) > _RANGE_LIMIT:
        raise SecurityError(f"has a range of more than {_RANGE_LIMIT:,} numbers")
    return made


@pass_context
def _zip(context: Context, columns: list[Any]) -> list[tuple[Any, ...]]:
    _allowance(context).weigh(columns)
    return list(zip(*columns, strict=False))


@pass_context
def _choice(context: Context, value: Any) -> Any:
    if not _is_many(value) or not len(value):
        raise SecurityError(f"chooses from {_kind(value)} without elements; choice takes a list of at least one")
    return _allowance(context).random.choice(value)


@pass_context
def _most_frequent(context: Context, value: Any) -> list[Any] | None:
    """The elements that are most frequent, in order of appearance; None for an empty list, as PromptSource has it."""
    counts = Counter(_allowance(context).weigh(value)).most_common()
    return [item for item, count in counts if count == counts[0][1]] or None


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def run(context: Context, args: list[Any]) -> Any:
        return function(context, *args)

    return run


def _weighed_filter(name: str) -> Callable[..., Any]:
    function = FILTERS[name]
    passes = getattr(function, "jinja_pass_arg", None)
    first = {"context": lambda c: [c], "eval_context": lambda c: [c.eval_ctx], "environment": lambda c: [c.environment]}
    extra = first[passes.name] if passes else lambda _: []

    @pass_context
    def run(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        allowance = _allowance(context)
        for part in (value, *args, *kwargs.values()):
            if not isinstance(part, Undefined):
                allowance.weigh(part)
        made = function(*extra(context), value, *args, **kwargs)
        if isinstance(made, Iterable) and not hasattr(made, "__len__") and not isinstance(made, Undefined):
            made = list(made)  # each step within pays for itself
        return made if isinstance(made, Undefined) else allowance.weigh(made)

    return run


def _weighed_test(name: str) -> Callable[..., Any]:
    function = TESTS[name]

    @pass_context
    def run(context: Context, value: Any, *args: Any) -> bool:
        for part in (value, *args):
            if not isinstance(part, Undefined):
                _allowance(context).weigh(part)
        return bool(function(value, *args))

    return run


_OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "choice": _choice,
    "join": _join,
    "most_frequent": _most_frequent,
    "replace": _replace,
    "round": _round,
    "sum": _sum,
    "trim": _trim,
    "0choice": _called(_choice),
    "0concat": _concat,
    "0most_frequent": _called(_most_frequent),
    "0range": _range,
    "0rounds": _rounds,
    "0slice": _slice,
    "0weighed": _weighed,
    "0zip": _zip,
}
FILTER_NAMES = tuple(sorted({*_PLAIN_FILTERS, *(name for name in _OWN_FILTERS if not name.startswith("0"))}))
"""The filters that a pattern may name; those whose names begin with 0 are put in by `tuition.tasks.guard` alone."""

TEST_NAMES = tuple(sorted(_PLAIN_TESTS))
"""The tests that a pattern may name."""
