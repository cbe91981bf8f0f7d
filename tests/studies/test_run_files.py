"""Whether scores.csv is of the study that its folder holds is decided by content, whatever the clock did."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tuition.studies.storage.run_files import mark_results, results_are_current


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study.json").write_text("{}")
    (tmp_path / "scores.csv").write_text("task\n")
    mark_results(tmp_path)
    return tmp_path


@pytest.mark.parametrize("scores", [1, 2_000_000_000])
def test_a_clock_that_goes_back_changes_nothing(folder: Path, scores: int) -> None:
    os.utime(folder / "scores.csv", (scores, scores))
    assert results_are_current(folder)
    (folder / "study.json").write_text('{"labels": [0]}')
    os.utime(folder / "study.json", (1, 1))
    assert not results_are_current(folder)


def test_a_changed_table_or_mark_is_not_current(folder: Path) -> None:
    (folder / "scores.csv").write_text("task\nx\n")
    assert not results_are_current(folder)
    mark_results(folder)
    assert results_are_current(folder)
    (folder / "results.json").write_text("{")
    assert not results_are_current(folder)


def test_a_folder_from_before_goes_by_its_files_times(folder: Path) -> None:
    (folder / "results.json").unlink()
    os.utime(folder / "scores.csv", (1, 1))
    assert not results_are_current(folder)
    os.utime(folder / "study.json", (0, 0))
    assert results_are_current(folder)
