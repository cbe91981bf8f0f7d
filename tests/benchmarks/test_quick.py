"""Every benchmark by `--quick`: its sides are equal, and it notices where they are not. No speed is asserted."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import broken

FILES = sorted(broken.BENCHMARKS.glob("[!_]*.py"))


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


def test_make_benchmarks_runs_files_that_are_there() -> None:
    makefile = (broken.BENCHMARKS.parent / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"benchmarks/(\w+\.py)", makefile)
    assert len(named) > 5
    assert set(named) <= {file.name for file in FILES}


@pytest.mark.slow
def test_training_gives_the_same_where_each_measurement_is_a_process_of_its_own(tmp_path: Path) -> None:
    only = ("--only", "single-task", "--peers", "transformers")
    file = broken.BENCHMARKS / "training.py"
    done = run(str(file), "--quick", "--json", "--apart", *only, tmp_path=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [row["side"] for row in json.loads(done.stdout)["rows"]] == ["tuition", "transformers"]


def test_a_report_without_any_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(broken.BENCHMARKS))
    table = importlib.import_module("_table")
    with pytest.raises(ValueError, match="no check is given"):
        table.report("Nothing", [], {}, {})


def checks(facts: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if name.startswith("check: ")}
