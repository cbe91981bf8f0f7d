"""Every benchmark by `--quick`: its sides are equal, and it notices where they are not. No speed is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import broken

_LATER = {"audit", "bootstrap", "collections", "evaluation", "forecast", "forecast_figure", "forecast_outside"}
_LATER |= {"forecast_peers", "quick_learners_figure", "training"}
FILES = sorted(file for file in broken.BENCHMARKS.glob("[!_]*.py") if file.stem not in _LATER)


def run(*command: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program without the shared data and the hub, which are not there for everybody."""
    environment = {**os.environ, "TUITION_SHARED_DATA": str(tmp_path / "none"), "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_benchmark_runs_quickly_and_finds_its_sides_equal(file: Path, tmp_path: Path) -> None:
    done = run(str(file), "--quick", "--json", tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    facts = json.loads(done.stdout)["facts"]
    assert facts["equal"] == "yes"
    assert set(checks(facts).values()) == {"yes"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_benchmark_whose_sides_differ_says_so_and_ends_with_1(name: str, tmp_path: Path) -> None:
    assert name in broken.BREAKS, f"say in {broken.__file__} how the sides of {name} can be made to differ"
    done = run(broken.__file__, name, tmp_path=tmp_path)
    assert done.returncode == 1, done.stderr[-3000:]
    facts = json.loads(done.stdout)["facts"]
    assert facts["equal"] == "NO"
    assert "NO" in checks(facts).values()


def checks(facts: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if name.startswith("check: ")}
