"""`tuition compare` of a hundred arms prints what differs most and says what it leaves out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.reports.made_study import make_study, stage
from tuition.cli import app

PARTS = [f"E{number}" for number in range(10)]


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of ten encodings learnt by, crossed with ten asked by; later ones are better."""
    arms = {
        f"{first} > {second}": [stage(first, "multi-task", on="seen", labels=30), stage(second, "in-context")]
        for first in PARTS
        for second in PARTS
    }

    def effect(task: str, arm: str, labels: int, seed: int) -> float:
        first, second = arm.split(" > ")
        return 0.3 + 0.02 * PARTS.index(first) + 0.01 * PARTS.index(second)

    return make_study(tmp_path_factory.mktemp("hundred"), arms, effect, tasks=("task0", "task1"), labels=(0,), n=6)


def told(*words: object) -> str:
    done = CliRunner().invoke(app, ["compare", *map(str, words), "--resamples", "100"], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_arms_that_differ_most_are_printed_with_the_number_of_all(hundred: Path) -> None:
    shown = told(hundred)
    assert sum(line.startswith("E") and ">" in line for line in shown.splitlines()) == 10
    assert "E9 > E9" in shown
    assert (
        "of 99 arms against the baseline, the 10 that differ most are shown; --all and --json print all of them"
        in shown
    )


def test_factor_effects_are_printed_whole_and_interactions_and_arms_are_cut(hundred: Path) -> None:
    shown = told(hundred, "--factors")
    effects = [line for line in shown.splitlines() if ", not E0" in line]
    assert len([line for line in effects if "×" not in line]) == 18
    assert len([line for line in effects if "×" in line]) == 10
    assert "of 81 interactions, the 10 largest are shown" in shown
    assert len(shown.splitlines()) < 120
    # The sentence on all comparisons counts all of them.
    assert "Of 180 comparisons" in shown


def test_all_and_json_hold_every_arm(hundred: Path) -> None:
    shown = told(hundred, "--all")
    assert sum(line.startswith("E") and ">" in line for line in shown.splitlines()) == 99
    assert "--all" not in shown
    assert len(json.loads(told(hundred, "--json"))["comparisons"]) == 99
