from __future__ import annotations

from pathlib import Path

import pytest

from tuition.base.cache import cache_root


def test_the_environment_chooses_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUITION_CACHE", "~/elsewhere")
    assert cache_root() == Path.home() / "elsewhere"


def test_without_a_choice_the_cache_is_the_platforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUITION_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name, appauthor: f"{tmp_path}/{name}/{appauthor}")
    assert cache_root() == tmp_path / "tuition" / "False"
