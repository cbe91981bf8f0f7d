"""Killed at any moment, the same command goes on and ends with the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.studies.conftest import study_text


def command(study: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "tuition", "run", str(study), "--out", str(out)]


def steps_told(error: str) -> int:
    return sum("] train" in line or "] evaluate" in line for line in error.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_and_ends_with_the_same_numbers(
    how: signal.Signals, at_once: int, write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        yaml.safe_dump(study_text(write_task(), tiny_model, labels=[0, 2, 4], seeds=[1, 2], adapters_at_once=at_once))
    )
    whole = subprocess.run(command(study, tmp_path / "whole"), capture_output=True, text=True, check=True)
    total = steps_told(whole.stderr)
    out = tmp_path / "killed"
    done = 0
    for _ in range(3):
        process = subprocess.Popen(command(study, out), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stderr is not None
        seen = 0
        for line in process.stderr:  # after two more finished steps, in the midst of the next
            seen += steps_told(line)
            if seen == 2:
                time.sleep(0.02)
                os.kill(process.pid, how)
                break
        process.communicate()
        assert process.returncode != 0
        done += seen
    last = subprocess.run(command(study, out), capture_output=True, text=True, check=True)
    assert 0 < steps_told(last.stderr) <= total - done
    assert "were finished before and are kept" in last.stderr
    assert (out / "scores.csv").read_bytes() == (tmp_path / "whole" / "scores.csv").read_bytes()
    assert (out / "report.html").is_file()
    assert not list(out.rglob(".partial*")) or how == signal.SIGKILL
