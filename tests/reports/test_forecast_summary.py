from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from tuition.reports.curves import learning_curves
from tuition.reports.forecast_summary import ForecastSummary, common_cautions, forecast_summaries, prospect
from tuition.reports.forecasting import forecast_rows
from tuition.studies.results import ScoreRow, StudyResults

RISING = {8: 20.0, 16: 35.0, 32: 46.0, 64: 54.0}


def rows(
    values: Mapping[int, float], task: str = "t", arm: str = "a", metric: str = "m", n: int = 200
) -> list[ScoreRow]:
    return [
        ScoreRow(task, arm, size, 1, metric, v, max(0, v - 5), max(v, min(100, v + 5)), n) for size, v in values.items()
    ]


def only(made: Mapping[tuple[str, str, str], ForecastSummary]) -> ForecastSummary:
    [outlook] = made.values()
    return outlook


def test_every_curve_has_the_sentence_and_band_of_its_forecast(results: StudyResults) -> None:
    made = forecast_summaries(results.scores)
    assert len(made) == 3 * 2 * 2
    for metric in ("rouge_l", "exact_match"):
        for forecast in forecast_rows(results.scores, metric=metric):
            outlook = made[forecast.task, forecast.arm, metric]
            assert (outlook.sentence, outlook.cautions, outlook.band) == (
                forecast.advice,
                forecast.warnings,
                forecast.band,
            )


def test_the_worth_is_that_of_the_labels_that_the_sentence_speaks_of() -> None:
    outlook = only(forecast_summaries(rows(RISING)))
    assert outlook.worth is not None
    assert f"The next {outlook.worth.labels} labels" in outlook.sentence
    assert f"{outlook.worth.gain:.1f} points" in outlook.sentence


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({16: 40.0}, "one number of labels is not a curve"),
        ({0: 10.0}, "one number of labels is not a curve"),
        ({0: 10.0, 16: 40.0}, "two numbers of labels"),
        ({16: 80.0, 64: 60.0, 256: 30.0}, "the curve falls: 80.0 at 16 labels, 30.0 at 256"),
        ({0: 80.0, 16: 85.0, 64: 30.0}, "the curve falls"),
    ],
)
def test_a_curve_that_allows_no_forecast_gets_the_reason_alone(values: Mapping[int, float], reason: str) -> None:
    outlook = only(forecast_summaries(rows(values)))
    assert outlook.sentence.startswith(f"No forecast: {reason}")
    assert outlook.sentence.endswith(".")
    assert (outlook.band, outlook.worth, outlook.cautions) == (None, None, ())


def test_a_curve_without_a_forecast_leaves_the_others_theirs() -> None:
    made = forecast_summaries([*rows(RISING, arm="a"), *rows({0: 5.0, 16: 9.0}, arm="b")])
    assert made["t", "a", "m"].band is not None
    assert made["t", "b", "m"].band is None


def test_scores_that_cannot_be_get_the_forecasters_reason_on_one_line() -> None:
    outlook = only(forecast_summaries(rows({8: 20.0, 16: 150.0, 32: 160.0})))
    assert outlook.band is None
    assert outlook.sentence == ("No forecast: instance row 1: value is 150; scores go from 0 to 100 (and 1 more such).")


def test_a_mean_a_hair_above_100_is_forecast_all_the_same() -> None:
    assert only(forecast_summaries(rows({8: 60.0, 16: 90.0, 32: 100.00000000000001}))).band is not None


def test_a_row_that_stands_twice_is_no_second_seed() -> None:
    assert forecast_summaries(rows(RISING) * 3) == forecast_summaries(rows(RISING))


def test_several_seeds_make_one_curve_with_a_narrower_band(make_results: Callable[..., StudyResults]) -> None:
    made = [
        forecast_summaries(make_results(tasks=("t",), arms=("a",), seeds=seeds).scores) for seeds in ((1,), (1, 2, 3))
    ]
    one, three = (m["t", "a", "rouge_l"].band for m in made)
    assert one is not None
    assert three is not None
    assert three.high80[-1] - three.low80[-1] < one.high80[-1] - one.low80[-1]


def test_cautions_common_to_all_forecasts_are_found_and_those_of_some_are_not() -> None:
    made = list(
        forecast_summaries([*rows({0: 5, 16: 40, 64: 60}, arm="a"), *rows({0: 9, 16: 45, 64: 70}, arm="b")]).values()
    )
    [shared] = common_cautions(made)
    assert shared.startswith("the score without labels says little")
    assert common_cautions(made[:1]) == ()
    assert common_cautions([*made, *forecast_summaries(rows(RISING)).values()]) == ()
    assert common_cautions([*made, *forecast_summaries(rows({16: 9})).values()]) == (shared,)  # a reason is no forecast


def told(scores: list[ScoreRow]) -> str:
    return prospect(forecast_summaries(scores), learning_curves(scores))


def test_the_prospect_of_one_task_is_the_best_arms_sentence() -> None:
    better = {size: value + 9 for size, value in RISING.items()}
    scores = [*rows(RISING, arm="a"), *rows(better, arm="b")]
    sentence = forecast_summaries(scores)["t", "b", "m"].sentence
    assert told(scores) == f"For “b”, which ended highest, the forecast is: t{sentence[1:]}"


def test_the_prospect_of_a_single_arm_names_none() -> None:
    assert told(rows(RISING)).startswith("The forecast is: the next 64 labels are worth")


def test_the_prospect_of_several_tasks_gives_the_range_of_gains_and_of_intervals() -> None:
    scores = [row for i in range(6) for row in rows({n: v + 3 * i for n, v in RISING.items()}, task=f"t{i}")]
    worths = [outlook.worth for outlook in forecast_summaries(scores).values() if outlook.worth]
    gains = sorted(worth.gain for worth in worths)
    assert told(scores) == (
        f"The forecast gain of the next 64 labels is {gains[0]:.1f} to {gains[-1]:.1f} points per task, "
        f"{(gains[2] + gains[3]) / 2:.1f} on the middle task (6 tasks; 80% intervals from "
        f"{min(w.low80 for w in worths):.1f} to {max(w.high80 for w in worths):.1f})."
    )


def test_the_prospect_points_to_cautions() -> None:
    assert told(rows({0: 5, 16: 40, 64: 60})).endswith(" See the cautions next to the charts.")


def test_the_prospect_counts_the_tasks_that_allow_a_forecast_and_is_silent_below_half() -> None:
    some, other = rows(RISING, task="t1"), rows({n: v + 5 for n, v in RISING.items()}, task="t2")
    short = rows({0: 5.0, 64: 50.0}, task="t3")
    assert "(2 of 3 tasks;" in told([*some, *other, *short])
    shorts = [replace(row, task=f"t{i}") for i in (4, 5, 6) for row in short]
    assert told([*some, *other, *shorts]) == ""


@pytest.mark.parametrize(
    "scores",
    [
        [*rows(RISING, arm="a"), *rows(RISING, arm="b")],
        [*rows(RISING, arm="a"), *rows({**RISING, 128: 60.0}, arm="b")],
        [*rows(RISING, arm="a"), *rows(RISING, arm="a", task="u"), *rows({8: 50.0}, arm="b")],
        rows({16: 9.0}),
    ],
    ids=["a tie", "other sizes", "not every task", "no forecast"],
)
def test_the_prospect_is_silent_where_no_arm_is_best_or_none_can_be_forecast(scores: list[ScoreRow]) -> None:
    assert told(scores) == ""


def test_many_curves_are_forecast_together(make_results: Callable[..., StudyResults]) -> None:
    made = forecast_summaries(make_results(tasks=tuple(f"t{i}" for i in range(100)), answers=0).scores)
    assert len(made) == 100 * 2 * 2
    assert all(outlook.band for outlook in made.values())
