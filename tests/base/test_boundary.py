"""What a library raises on a user's file becomes one line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError
from tuition.base.typed_json import typed


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\nlines"), "x.json: cannot be read: two lines; write it again"),
        (KeyError("encoding"), "the key 'encoding' is missing"),
        (RecursionError(), "nested too deep"),
        (MemoryError(), "needs more memory"),
        (AssertionError(), "AssertionError"),
        (RuntimeError("x" * 1000), "x" * 200 + "…; write it again"),
    ],
)
def test_any_error_becomes_a_line_with_what_where_and_a_remedy(error: Exception, said: str) -> None:
    with pytest.raises(UserError) as caught, library_errors("x.json: cannot be read", "write it again"):
        raise error
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_our_own_errors_and_interrupts_pass_unchanged() -> None:
    own = UserError("as it is")
    with pytest.raises(UserError) as caught, library_errors("x"):
        raise own
    assert caught.value is own
    with pytest.raises(KeyboardInterrupt), library_errors("x"):
        raise KeyboardInterrupt


@dataclass(frozen=True)
class Inner:
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    more: int = 0


def test_stored_json_becomes_dataclasses() -> None:
    assert typed(Outer, {"name": "a", "inner": {"numbers": [1, 2]}}, "f") == Outer("a", Inner((1, 2)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("x", "f: it is not a mapping of fields"),
        (None, "f: it is not a mapping of fields"),
        ({"name": "a"}, "f: the field 'inner' is missing"),
        ({"name": "a", "inner": {"numbers": ["x"]}}, "f: the field 'inner.numbers.0' is of the wrong type"),
        ({"name": "a", "inner": {"numbers": []}, "old": 1}, "f: the field 'old' is not known"),
    ],
)
def test_stored_json_of_another_form_is_a_line_in_our_words(data: object, said: str) -> None:
    with pytest.raises(UserError) as caught:
        typed(Outer, data, "f")
    assert str(caught.value).startswith(said)
