"""The sandbox's filters and tests: Jinja's safe ones and safe versions of others, each charged for its work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, cast

from jinja2 import Undefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as _JINJA_FILTERS
from jinja2.runtime import Context
from jinja2.tests import TESTS as _JINJA_TESTS

from tuition.tasks.sandbox.render_budget import (
    budget_of,
    characters_of,
    is_many,
    kind_of,
    length_of,
    require_key,
    require_length,
)

FUNCTIONS = ("range", "zip", "choice", "most_frequent")
"""The functions that a pattern may call by name."""

_RANGE_LIMIT = 100_000
_WORD_LIMIT = 1_000  # characters of a text to search for, to strip, or to insert between others

# Jinja's own filters whose result is no larger than their input, and whose cost grows with the input.
_PLAIN_FILTERS = (
    "abs capitalize count d default dictsort first float int items last length list lower map max min reject "
    "rejectattr reverse select selectattr sort string title truncate unique upper wordcount"
)
_PLAIN_TESTS = (
    "!= < <= == > >= boolean defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable le "
    "lessthan lower lt mapping ne none number odd sequence string true undefined upper"
)


def require_words(*values: Any) -> None:
    """Check that no text to search for is long, since the cost of a search can be the product of both lengths.

    Raises:
        SecurityError: one is longer than 1,000 characters.
    """
    for value in values:
        if isinstance(value, str) and len(value) > _WORD_LIMIT:
            raise SecurityError(f"searches for a text of more than {_WORD_LIMIT:,} characters")


@pass_context
def _charged(context: Context, value: Any) -> Any:
    return budget_of(context).charge(value)


@pass_context
def _rounds(context: Context, value: Any, cost: int) -> Any:
    """Return the items that a loop iterates over, as a list, after charging for all iterations."""
    if isinstance(value, Undefined):
        return value
    if not is_many(value):
        raise SecurityError(f"loops over {kind_of(value)}; only lists, texts and mappings can be looped over")
    budget_of(context).spend(length_of(value) * cost)
    return list(value)


@pass_context
def concat(context: Context, *parts: Any) -> str:
    """Concatenate the parts to one text."""
    budget = budget_of(context)
    texts = [budget.text(part) for part in parts]
    require_length(sum(map(len, texts)))
    return cast("str", budget.charge("".join(texts)))


@pass_context
def _key(context: Context, value: Any) -> Any:
    """Return a valid key of a mapping literal in a pattern."""
    return require_key(value)


@pass_context
def _slice(context: Context, value: Any, *ends: Any) -> Any:
    if not isinstance(value, (str, list, tuple)):
        raise SecurityError(f"takes a slice of {kind_of(value)}; only texts and lists have them")
    return budget_of(context).charge(value[slice(*ends)])


@pass_context
def join(context: Context, value: Any, d: Any = "", attribute: Any = None) -> str:
    """Join a list's elements, or an attribute of each, with `d` between them."""
    if not is_many(value):
        raise SecurityError(f"joins {kind_of(value)}; only a list can be joined")
    budget = budget_of(context)
    budget.charge(value)
    budget.charge(d)
    items = [item if attribute is None else context.environment.getitem(item, attribute) for item in value]
    require_length(sum(map(characters_of, items)))
    texts = [str(item) for item in items]
    require_length(sum(map(len, texts)) + len(str(d)) * len(texts))
    return cast("str", budget.charge(str(d).join(texts)))


@pass_context
def replace(context: Context, s: Any, old: Any, new: Any, count: int = -1) -> str:
    """Replace `old` by `new`, everywhere or the first `count` times."""
    budget = budget_of(context)
    text, old, new = (budget.text(part) for part in (s, old, new))
    require_words(old)
    times = text.count(old) if count is None or count < 0 else min(count, text.count(old))
    require_length(len(text) + times * (len(new) - len(old)))
    return cast("str", budget.charge(text.replace(old, new, times)))


@pass_context
def _trim(context: Context, value: Any, chars: str | None = None) -> str:
    require_words(chars)
    return budget_of(context).text(value).strip(chars)


@pass_context
def _round(context: Context, value: float, precision: int = 0) -> float:
    if not isinstance(precision, int) or not -20 <= precision <= 20:
        raise SecurityError("rounds to a precision that is not a whole number from -20 to 20")
    return round(float(value), precision)


@pass_context
def _sum(context: Context, value: Any) -> float:
    numbers = cast("list[float]", budget_of(context).charge(value))
    return sum(float(item) if isinstance(item, float) else int(item) for item in numbers)


@pass_context
def _range(context: Context, ends: list[int]) -> range:
    numbers = range(*ends)
    if length_of(numbers) > _RANGE_LIMIT:
        raise SecurityError(f"has a range of more than {_RANGE_LIMIT:,} numbers")
    return numbers


@pass_context
def _zip(context: Context, columns: list[Any]) -> list[tuple[Any, ...]]:
    budget_of(context).charge(columns)
    return list(zip(*columns, strict=False))


@pass_context
def _choice(context: Context, value: Any) -> Any:
    if not is_many(value) or not len(value):
        raise SecurityError(f"chooses from {kind_of(value)} without elements; choice takes a list of at least one")
    return budget_of(context).random.choice(value)


@pass_context
def _most_frequent(context: Context, value: Any) -> list[Any] | None:
    """Return the most frequent elements, in order of appearance; None for an empty list, as in PromptSource."""
    counts = Counter(budget_of(context).charge(value)).most_common()
    return [item for item, count in counts if count == counts[0][1]] or None


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def run(context: Context, args: list[Any]) -> Any:
        return function(context, *args)

    return run


def _charged_filter(name: str) -> Callable[..., Any]:
    function = cast("Callable[..., Any]", _JINJA_FILTERS[name])
    passes = getattr(getattr(function, "jinja_pass_arg", None), "name", "")

    @pass_context
    def run(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget = budget_of(context)
        for part in (value, *args, *kwargs.values()):
            budget.charge(part)
        given = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
        result = function(*([given[passes]] if passes else []), value, *args, **kwargs)
        if isinstance(result, Iterable) and not hasattr(result, "__len__") and not isinstance(result, Undefined):
            result = list(result)  # each step inside is charged by itself
        return budget.charge(result)

    return run


def _charged_test(name: str) -> Callable[..., Any]:
    function = cast("Callable[..., Any]", _JINJA_TESTS[name])

    @pass_context
    def run(context: Context, value: Any, *args: Any) -> bool:
        for part in (value, *args):
            budget_of(context).charge(part)
        return bool(function(value, *args))

    return run


_OWN: dict[str, Callable[..., Any]] = {
    "choice": _choice,
    "join": join,
    "most_frequent": _most_frequent,
    "replace": replace,
    "round": _round,
    "sum": _sum,
    "trim": _trim,
    "0choice": _called(_choice),
    "0concat": concat,
    "0key": _key,
    "0most_frequent": _called(_most_frequent),
    "0range": _range,
    "0rounds": _rounds,
    "0slice": _slice,
    "0charged": _charged,
    "0zip": _zip,
}
_PLAIN = {name: _charged_filter(name) for name in _PLAIN_FILTERS.split()}

FILTERS: dict[str, Callable[..., Any]] = {**_PLAIN, **_OWN}
"""All filters; only `tuition.tasks.sandbox.guard` inserts those whose names begin with 0."""

FILTER_NAMES = tuple(sorted(name for name in FILTERS if not name.startswith("0")))
"""The filters that a pattern may use."""

TESTS: dict[str, Callable[..., Any]] = {name: _charged_test(name) for name in _PLAIN_TESTS.split()}
"""The tests that a pattern may use."""
