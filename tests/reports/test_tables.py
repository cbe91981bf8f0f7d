from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from tuition.base.errors import UserError
from tuition.reports.tables import results_table
from tuition.studies.results import ScoreRow, StudyResults


def printed(results: StudyResults, width: int, *, styles: bool = False) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=styles, color_system="standard" if styles else None)
    console.print(results_table(results))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_every_row_stands_on_one_line(results: StudyResults, width: int) -> None:
    lines = printed(results, width)
    rows = [" ".join(line.split()) for line in lines if "(" in line and "intervals" not in line]
    assert len(rows) == 3 * 3 * 2
    assert rows[0] == "0 without instruction 10.0 (6.0 – 16.0) 5.0 (1.0 – 11.0)"
    assert rows[1] == "with instruction 30.0 (26.0 – 36.0) 25.0 (21.0 – 31.0)"
    assert max(map(len, lines)) <= 80


def test_the_best_arm_is_bold(results: StudyResults) -> None:
    lines = printed(results, 80, styles=True)
    assert any("\x1b[1m30.0 (26.0 – 36.0)" in line for line in lines)
    assert not any("\x1b[1m10.0" in line or "\x1b[1m 5.0" in line for line in lines)


def test_nothing_is_bold_where_there_is_nothing_to_choose(make_results: Callable[..., StudyResults]) -> None:
    lines = printed(make_results(arms=("one",)), 80, styles=True)
    assert not any("\x1b[1m" in line and "(" in line for line in lines)
    assert "Bold" not in " ".join(lines)


def test_several_seeds_are_one_line_and_the_caption_says_so(make_results: Callable[..., StudyResults]) -> None:
    text = " ".join(printed(make_results(seeds=(1, 2, 3), tasks=("t",), labels=(16,)), 120))
    assert "11.0 (" in text  # the mean of 10, 11 and 12
    assert "Means over 3 seeds." in text


def test_a_score_that_is_missing_is_a_dash(results: StudyResults) -> None:
    scores = tuple(row for row in results.scores if (row.arm, row.metric) != ("with instruction", "exact_match"))
    lines = printed(replace(results, scores=scores), 80)
    assert next(line for line in lines if "with instruction" in line).split()[-1] == "–"


@pytest.mark.parametrize("name", ["[bold red]x[/]", "a\x1b[31mb", "x" * 300, "a\nb\u202ec", "文" * 50])
def test_hostile_names_neither_style_nor_break_the_table(make_results: Callable[..., StudyResults], name: str) -> None:
    results = make_results(tasks=(name,), arms=(name, "other"))
    text = "\n".join(printed(results, 80))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("30.0 (26.0 – 36.0)") == 1
    if name.startswith("["):
        assert "[bold red]x[/]" in text


def test_a_narrow_terminal_wraps_and_loses_no_figure(results: StudyResults) -> None:
    words = " ".join(printed(results, 50)).split()
    assert "36.0)" in words
    assert "31.0)" in words


def test_one_score_is_a_table_of_one_row() -> None:
    results = StudyResults("s", (ScoreRow("t", "a", 16, 1, "m", 50.0, 40.0, 60.0, 1),))
    assert any("16" in line and "50.0 (40.0 – 60.0)" in line for line in printed(results, 80))
    assert "1 test instance each" in " ".join(printed(results, 80))


def test_no_scores_are_an_error() -> None:
    with pytest.raises(UserError, match="study empty has no scores yet"):
        results_table(StudyResults("empty", ()))
