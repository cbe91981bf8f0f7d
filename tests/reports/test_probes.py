"""What the probes' spread says, on scores small enough to check by hand."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tuition.reports.page import render_report
from tuition.reports.probe_tables import difference_text, probe_tables
from tuition.reports.probes import HEADER, probe_means, probe_spreads, write_probes_csv
from tuition.studies.results import PredictionRow, ScoreRow, StudyResults


def rows(arm: str, scores: list[float], task: str = "t", seed: int = 1, **more: list[float]) -> list[PredictionRow]:
    made = []
    for at, score in enumerate(scores):
        by_metric = {"rouge_l": score, **{name: values[at] for name, values in more.items()}}
        made.append(PredictionRow(task, arm, 4, seed, f"i{at}", "?", "a", ("a",), by_metric))
    return made


USUAL = rows("a, b · c", [1.0] * 20, bleu=[0.5] * 20)
SWAPPED = rows("a, b · c · swapped-outputs", [0.0] * 20, bleu=[0.1] * 20)
ORDERED = rows("a, b · c · reordered-examples", [1.0] * 19 + [0.0], bleu=[0.5] * 20)


def test_a_spread_is_the_highest_score_less_the_lowest_and_each_difference_is_paired() -> None:
    [spread] = probe_spreads([*USUAL, *SWAPPED, *ORDERED])
    assert (spread.task, spread.arm, spread.labels, spread.metric) == ("t", "a, b · c", 4, "rouge_l")
    assert (spread.value, spread.spread) == (100, 100)
    effects = {effect.probe: effect for effect in spread.effects}
    assert list(effects) == ["reordered-examples", "swapped-outputs"]
    assert (effects["swapped-outputs"].difference, effects["swapped-outputs"].clear) == (-100, True)
    # All twenty agree, so the interval says what twenty draws could miss: 0.025 ** (1 / 20) of the way to +100.
    assert effects["swapped-outputs"].high == pytest.approx(-100 + 200 * (1 - 0.025 ** (1 / 20)))
    assert effects["reordered-examples"].difference == -5
    assert not effects["reordered-examples"].clear


def test_seeds_are_averaged_before_instances_are_paired() -> None:
    other = [replace(row, seed=2, scores={"rouge_l": 0.0}) for row in USUAL]
    [spread] = probe_spreads([*USUAL, *other, *SWAPPED])
    assert spread.value == 50
    assert spread.effects[0].difference == -50


def test_no_probe_is_no_spread_and_arms_that_only_look_like_probes_are_none() -> None:
    assert probe_spreads([*USUAL, *rows("a, b · c · other", [0.0] * 20)]) == ()
    assert probe_spreads([]) == ()


def test_a_probes_mean_weighs_tasks_the_same() -> None:
    other = [replace(row, task="u") for row in [*USUAL[:5], *rows("a, b · c · swapped-outputs", [1.0] * 5)]]
    [mean] = probe_means([*USUAL, *SWAPPED, *other], "rouge_l")
    assert (mean.difference, mean.tasks, mean.moved) == (-50, 2, 1)
    assert mean.low <= mean.difference <= mean.high


def results(predictions: list[PredictionRow]) -> StudyResults:
    arms = dict.fromkeys(row.arm for row in predictions)
    scores = tuple(ScoreRow("t", arm, 4, 1, "rouge_l", 50, 40, 60, 20) for arm in arms)
    return StudyResults("s", scores, tuple(predictions))


def test_the_file_the_tables_and_the_page_tell_the_same(tmp_path: Path) -> None:
    told = results([*USUAL, *SWAPPED, *ORDERED])
    write_probes_csv(tmp_path / "probes.csv", probe_spreads(told.predictions))
    read = list(csv.DictReader((tmp_path / "probes.csv").open(newline="")))
    assert tuple(read[0]) == HEADER
    assert [(row["arm"], row["probe"], row["difference"], row["spread"]) for row in read] == [
        ("a, b · c", "reordered-examples", "-5.0", "100.0"),
        ("a, b · c", "swapped-outputs", "-100.0", "100.0"),
    ]
    out = StringIO()
    for table in probe_tables(told):
        Console(file=out, width=120).print(table)
    assert "* swapped-outputs -100.0 (-100.0 to" in out.getvalue()
    page = render_report(told)
    assert 'id="probes"' in page
    assert "<strong>-100.0</strong>" in page
    bare = results(USUAL)
    assert probe_tables(bare) == []
    assert 'id="probes"' not in render_report(bare)


def test_of_many_tasks_the_widest_are_shown_and_the_others_counted() -> None:
    many = [replace(row, task=f"t{at}") for at in range(15) for row in [*USUAL, *SWAPPED]]
    out = StringIO()
    for table in probe_tables(results(many)):
        Console(file=out, width=120).print(table)
    assert "5 more in probes.csv" in out.getvalue()


def test_differences_are_signed() -> None:
    assert difference_text(0.0, -1.25, 3) == "+0.0 (-1.2 to +3.0)"
