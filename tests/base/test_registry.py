import pytest

from tuition.base.errors import UserError
from tuition.base.registry import Registry


def test_an_entry_is_found_by_its_name() -> None:
    registry: Registry[int] = Registry("number")
    registry.add("one", 1)
    assert registry["one"] == 1
    assert "one" in registry
    assert list(registry) == ["one"]


def test_a_lazy_entry_is_imported_when_asked_for() -> None:
    registry: Registry[object] = Registry("thing")
    registry.add("loads", "json:loads")
    import json

    assert registry["loads"] is json.loads


def test_conflicting_names_are_refused_and_repeats_are_not() -> None:
    registry: Registry[int] = Registry("number")
    registry.add("one", 1)
    registry.add("one", 1)
    with pytest.raises(ValueError, match="two numbers are named 'one'"):
        registry.add("one", 2)


def test_an_unknown_name_is_answered_with_the_nearest_and_all() -> None:
    registry: Registry[int] = Registry("metric")
    registry.add("rouge_l", 1)
    registry.add("exact_match", 2)
    with pytest.raises(UserError, match=r"no metric named 'rouge-l'; did you mean 'rouge_l'\? .*exact_match"):
        registry["rouge-l"]
