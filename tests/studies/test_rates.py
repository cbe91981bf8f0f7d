"""Rates that were measured once: kept by machine, model and versions, and used by estimates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.models.load import load_model
from tuition.models.machine import this_machine
from tuition.studies.planning.estimate import estimate
from tuition.studies.planning.plan import make_plan
from tuition.studies.planning.rates import Rates, keep_rates, kept_rates
from tuition.studies.spec.study import StudySpec


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_estimate_uses_the_measured_rates(tiny_study: Callable[..., StudySpec], tiny_model: Path) -> None:
    plan = make_plan(tiny_study(), model_identity="m", precision="float32")
    loaded = load_model(str(tiny_model), precision="float32")
    keep_rates(loaded, Rates(training=100.0, reading=100.0, decoding=100.0, measured="2026-11-30"))
    slow = estimate(plan.work, loaded, "float32")
    assert "at this machine's pace of 2026-11-30, as `tuition doctor` measured it" in str(slow)
    keep_rates(loaded, Rates(training=1000.0, reading=1000.0, decoding=1000.0, measured="2026-11-30"))
    fast = estimate(plan.work, loaded, "float32")
    assert slow.seconds is not None
    assert fast.seconds == pytest.approx(slow.seconds / 10)


def test_an_evaluation_takes_the_time_of_its_prompts_and_answers(
    tiny_study: Callable[..., StudySpec], tiny_model: Path
) -> None:
    plan = make_plan(tiny_study(labels=[0]), model_identity="m", precision="float32")
    loaded = load_model(str(tiny_model), precision="float32")
    seconds = []
    for reading, decoding in ((100.0, 1e12), (1e12, 100.0), (100.0, 100.0)):
        keep_rates(loaded, Rates(training=1.0, reading=reading, decoding=decoding, measured="2026-11-30"))
        seconds.append(estimate(plan.work, loaded, "float32").seconds or 0.0)
    assert min(seconds) > 0
    assert seconds[2] == pytest.approx(seconds[0] + seconds[1])


@pytest.mark.parametrize("text", ["", "{", '{"rates": {}}', '{"rates": {"training": 0, "reading": 1, "decoding": 1}}'])
def test_damaged_rates_count_as_none(text: str, tiny_model: Path) -> None:
    loaded = load_model(str(tiny_model), precision="float32")
    file = keep_rates(loaded, Rates(1.0, 1.0, 1.0, "2026-11-30"))
    assert file is not None
    file.write_text(text, encoding="utf-8")
    assert kept_rates(loaded) is None


def test_a_cache_that_cannot_be_written_keeps_nothing(tiny_model: Path, cache: Path) -> None:
    cache.write_text("a file where the folder would be", encoding="utf-8")
    loaded = load_model(str(tiny_model), precision="float32")
    assert keep_rates(loaded, Rates(1.0, 1.0, 1.0, "2026-11-30")) is None


def test_other_versions_have_rates_of_their_own(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_model(str(tiny_model), precision="float32")
    keep_rates(loaded, Rates(1.0, 1.0, 1.0, "2026-11-30"))
    real = this_machine().versions
    monkeypatch.setattr("tuition.models.machine.versions", lambda: {**real, "torch": "99.0"})
    assert kept_rates(loaded) is None
