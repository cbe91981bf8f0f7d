from __future__ import annotations

import json
from collections.abc import Callable

from tuition.reports.charts import COLOURS, arm_style, chart_data
from tuition.reports.curves import learning_curves
from tuition.studies.results import ScoreRow, StudyResults


def test_each_task_has_a_line_for_each_metric_and_arm(results: StudyResults) -> None:
    data = json.loads(json.dumps(chart_data(learning_curves(results.scores))))
    assert [chart["task"] for chart in data["charts"]] == ["causation", "coreference", "paraphrase"]
    assert [m["title"] for m in data["metrics"]] == ["ROUGE-L", "exact match"]
    assert [a["name"] for a in data["arms"]] == ["without instruction", "with instruction"]
    [first, _, last] = data["charts"][0]["lines"][0][1]
    assert first == {
        "x": 2.0,
        "y": 30.0,
        "low": 26.0,
        "high": 36.0,
        "score": "30.0",
        "interval": "(26.0 – 36.0)",
        "told": "0 labels, n = 50",
    }
    assert last["x"] == 6.0


def test_an_arm_without_scores_on_a_task_keeps_its_place() -> None:
    rows = [ScoreRow("t1", "a", 0, 1, "m", 5, 4, 6, 9), ScoreRow("t2", "b", 0, 1, "m", 5, 4, 6, 9)]
    charts = chart_data(learning_curves(rows))["charts"]
    assert [[len(line) for line in chart["lines"][0]] for chart in charts] == [[1, 0], [0, 1]]


def test_scores_share_an_axis_that_ends_just_above_the_highest_interval() -> None:
    def top(high: float) -> int:
        rows = [ScoreRow("t", "a", 0, 1, "m", high, high, high, 9)]
        return int(chart_data(learning_curves(rows))["metrics"][0]["top"])

    assert [top(0.0), top(19.0), top(20.0), top(20.1), top(99.0), top(100.0)] == [20, 20, 20, 40, 100, 100]


def test_several_seeds_are_told_in_the_hover_text(make_results: Callable[..., StudyResults]) -> None:
    data = chart_data(learning_curves(make_results(seeds=(1, 2, 3)).scores))
    assert data["charts"][0]["lines"][0][0][1]["told"] == "16 labels, n = 50, 3 seeds"


def test_arms_differ_in_more_than_colour() -> None:
    styles = [(i % COLOURS, arm_style(i).symbol, arm_style(i).dash) for i in range(280)]
    assert len(set(styles)) == 280
    assert len({(symbol, dash) for _, symbol, dash in styles[:35]}) == 35
