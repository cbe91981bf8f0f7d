import sys
from pathlib import Path

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


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs a package with one module and entry points, as pip leaves it on disk."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, code: str, points: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
        monkeypatch.setattr(sys, "modules", dict(sys.modules))

    return install


def test_an_installed_package_adds_entries_behind_ours(install) -> None:
    install("theirs", "two = 2", "[numbers.of.test]\ntwo = theirs:two\n")
    registry: Registry[int] = Registry("number", plugins="numbers.of.test")
    registry.add("one", 1)
    assert registry["two"] == 2
    assert list(registry) == ["one", "two"]
    assert len(registry) == 2
    assert "three" not in registry


def test_a_package_does_not_replace_a_name_of_ours(install) -> None:
    install("taker", "one = 2", "[numbers.of.test]\none = taker:one\n")
    registry: Registry[int] = Registry("number", plugins="numbers.of.test")
    registry.add("one", 1)
    with pytest.raises(UserError, match="the package 'taker' adds a number named 'one', and so does tuition itself"):
        list(registry)
    assert registry["one"] == 1


def test_a_package_that_cannot_be_imported_is_named(install) -> None:
    install("broken", "import nothing_of_that_name", "[numbers.of.test]\ntwo = broken:two\n")
    registry: Registry[int] = Registry("number", plugins="numbers.of.test")
    with pytest.raises(UserError, match=r"the number 'two' of the package 'broken' cannot be loaded .*nothing_of"):
        registry["two"]
