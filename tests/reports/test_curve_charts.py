from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from tuition.reports.curve_charts import COLOURS, arm_style, chart_data
from tuition.reports.curves import learning_curves
from tuition.reports.forecast_summary import forecast_summaries
from tuition.reports.forecasting import forecast_rows
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


def test_bands_hold_the_forecasts_arrays_at_the_axis_positions(results: StudyResults) -> None:
    data = json.loads(json.dumps(chart_data(learning_curves(results.scores), forecast_summaries(results.scores))))
    for m, metric in enumerate(("rouge_l", "exact_match")):
        made = {(one.task, one.arm): one.band for one in forecast_rows(results.scores, metric=metric)}
        for chart in data["charts"]:
            for arm, drawn in zip(("without instruction", "with instruction"), chart["bands"][m], strict=True):
                band = made[chart["task"], arm]
                for name in ("score", "low80", "high80", "low95", "high95"):
                    assert drawn[name] == pytest.approx(list(getattr(band, name)), abs=0.0051)
                assert drawn["x"] == pytest.approx([math.log2(labels) for labels in band.labels], abs=1e-4)
                assert len(drawn["points"]) == len(band.labels) - 1


def test_a_band_starts_where_its_last_point_stands_and_ends_at_the_axis_of_forecasts(results: StudyResults) -> None:
    data = chart_data(learning_curves(results.scores), forecast_summaries(results.scores))
    chart = data["charts"][0]
    assert [band["x"][0] for band in chart["bands"][0]] == [line[-1]["x"] for line in chart["lines"][0]]
    assert data["axis"]["texts"] == ["0", "16", "64"]
    assert data["ahead"]["texts"] == ["0", "16", "64", "128", "256", "512"]
    assert data["ahead"]["ticks"][:3] == data["axis"]["ticks"]
    assert data["ahead"]["ticks"][-1] == chart["bands"][0][0]["x"][-1] == 9.0
    assert data["ahead"]["range"][1] > 9 > data["axis"]["range"][1]


def test_a_forecasts_hover_text_tells_both_intervals(results: StudyResults) -> None:
    band = forecast_summaries(results.scores)["causation", "with instruction", "rouge_l"].band
    assert band is not None
    data = chart_data(learning_curves(results.scores), forecast_summaries(results.scores))
    assert data["charts"][0]["bands"][0][1]["points"][-1] == {
        "score": f"{band.score[-1]:.1f}",
        "interval": f"(80%: {band.low80[-1]:.1f} – {band.high80[-1]:.1f})",
        "told": f"512 labels, 95%: {band.low95[-1]:.1f} – {band.high95[-1]:.1f}",
    }


def test_nothing_is_drawn_ahead_of_curves_that_allow_no_forecast() -> None:
    def drawn(values: dict[int, float]) -> tuple[object, object]:
        rows = [ScoreRow("t", "a", labels, 1, "m", v, v - 4, v + 4, 200) for labels, v in values.items()]
        data = chart_data(learning_curves(rows), forecast_summaries(rows))
        return data["ahead"], data["charts"][0]["bands"]

    for values in ({16: 40.0}, {0: 10.0, 16: 40.0}, {16: 80.0, 64: 60.0, 256: 30.0}):
        assert drawn(values) == (None, [[None]])
    assert drawn({16: 40.0, 64: 55.0, 256: 62.0})[0] is not None


def test_the_scale_leaves_room_for_the_intervals_that_are_shown(results: StudyResults) -> None:
    made = forecast_summaries(results.scores)
    metrics = chart_data(learning_curves(results.scores), made)["metrics"]
    for told, metric in zip(metrics, ("rouge_l", "exact_match"), strict=True):
        bands = [outlook.band for key, outlook in made.items() if key[2] == metric and outlook.band]
        assert told["top"] <= told["top80"] <= told["top95"] <= 100
        assert told["top80"] >= max(max(band.high80) for band in bands)
        assert told["top95"] >= max(max(band.high95) for band in bands)
