"""Behaviour of `tuition.reports.forecast` and of the ensemble behind it."""

import json

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import tuition.reports
from tuition.base.errors import ProblemsError, UserError
from tuition.reports.forecasting import Forecast, forecast, forecast_table, forecasts
from tuition.reports.forecasting.calibration import LEVELS, shipped
from tuition.reports.forecasting.components import WIGGLES
from tuition.reports.forecasting.ensemble import ensembles
from tuition.reports.forecasting.families import FAMILIES, shapes
from tuition.reports.forecasting.fit import WIGGLE_LENGTH, ZERO_SHIFT, batch, fit
from tuition.reports.forecasting.measured import measure, spread

RISING = ([16, 32, 64, 128, 256], [40.0, 52.0, 60.0, 65.0, 68.0])


def width80(made: Forecast) -> float:
    return made.at[0].high80 - made.at[0].low80


def test_a_rising_curve_rises_on_within_nested_intervals_and_the_range() -> None:
    made = forecast(RISING, target=75, at=[512, 1000, 4000], n=500)
    scores = [e.score for e in made.at]
    assert scores == sorted(scores)
    assert scores[0] > 67
    for e in (*made.at, made.plateau):
        assert 0 <= e.low95 <= e.low80 <= e.score <= e.high80 <= e.high95 <= 100


def test_labels_needed_agree_with_the_scores_expected() -> None:
    made = forecast(RISING, target=74, n=500)
    need = made.need
    assert need is not None
    assert need.labels is not None
    assert need.low80 is not None
    assert need.low80 < need.labels
    assert forecast(RISING, at=[need.labels], n=500).at[0].score == pytest.approx(74, abs=0.7)
    assert forecast(RISING, at=[need.low80], n=500).at[0].high80 == pytest.approx(74, abs=0.7)


def test_a_higher_target_never_takes_fewer_labels() -> None:
    needs = [forecast(RISING, target=t, n=500).need for t in (66, 70, 74, 80, 95)]
    labels = [float("inf") if need is None or need.labels is None else need.labels for need in needs]
    assert labels == sorted(labels)
    assert [need.chance for need in needs if need] == sorted((n.chance for n in needs if n), reverse=True)


def test_a_flat_curve_says_that_a_far_target_is_not_reachable_and_gives_the_plateau() -> None:
    made = forecast(([100, 200, 400, 800], [70, 75, 77, 78]), target=95, n=2000)
    assert made.need is not None
    assert not made.need.reachable
    assert "not reachable" in made.advice
    assert made.plateau.high80 < 95


def test_a_target_met_already_is_called_reached() -> None:
    made = forecast(RISING, target=50, n=500)
    assert made.need is not None
    assert made.need.reached
    assert made.advice.startswith("50.0 is reached")
    assert made.need.labels is not None
    assert made.need.labels < 64


def test_more_test_instances_narrow_the_interval() -> None:
    assert width80(forecast(RISING, n=5000)) < width80(forecast(RISING, n=50))


def test_more_seeds_narrow_the_interval() -> None:
    labels, scores = RISING
    thrice = (labels * 3, [s + d for d in (-1, 0, 1) for s in scores])
    assert width80(forecast(thrice, n=500)) < width80(forecast(RISING, n=500))


def test_farther_sizes_have_wider_intervals() -> None:
    near, far = forecast(RISING, at=[300, 16000], n=500).at
    assert far.high80 - far.low80 > near.high80 - near.low80


def test_scores_in_0_1_and_in_0_100_give_the_same_forecast() -> None:
    labels, scores = RISING
    small, large = forecast((labels, [s / 100 for s in scores]), target=0.74), forecast(RISING, target=74)
    assert small.top == 1
    assert small.at[0].score * 100 == pytest.approx(large.at[0].score)
    assert small.need is not None
    assert large.need is not None
    assert small.need.labels == large.need.labels


def test_one_point_gets_a_wide_answer_and_a_warning() -> None:
    made = forecast(([64], [40.0]), target=70, at=[512])
    assert width80(made) > 15
    assert "one size is not a curve" in made.warnings[0]


def test_equal_sizes_are_runs_of_one_point_not_a_curve() -> None:
    made = forecast(([64, 64, 64], [40.0, 42.0, 41.0]))
    assert made.labels == (64,)
    assert made.scores == (41.0,)
    assert "one size is not a curve" in made.warnings[0]


def test_two_points_are_warned_of() -> None:
    assert any("only two sizes" in w for w in forecast(([16, 64], [40.0, 55.0])).warnings)


def test_a_falling_curve_is_warned_of() -> None:
    made = forecast(([16, 64, 256], [60.0, 50.0, 35.0]), n=1000)
    assert any("the curve falls" in w for w in made.warnings)


def test_a_curve_within_its_noise_is_warned_of() -> None:
    assert any("less than the noise" in w for w in forecast(([16, 64, 256], [60.0, 61.0, 62.0]), n=30).warnings)


def test_a_wild_curve_gets_wide_intervals() -> None:
    wild = forecast(([16, 32, 64, 128, 256], [40.0, 75.0, 30.0, 80.0, 68.0]), n=2000)
    assert width80(wild) > 1.5 * width80(forecast(RISING, n=2000))


def test_no_labels_are_a_valid_size() -> None:
    made = forecast(([0, 16, 64], [4.0, 20.0, 48.0]), target=70, at=[0, 200])
    assert np.isfinite([made.at[0].score, made.at[1].score]).all()
    assert made.at[1].score > 48


def test_only_a_score_without_labels_still_gives_a_stated_wide_answer() -> None:
    made = forecast(([0], [30.0]), target=60)
    assert made.plateau.high80 - made.plateau.low80 > 20
    assert made.warnings


@pytest.mark.parametrize("level", [0.0, 100.0])
def test_scores_at_the_ends_of_the_range_stay_inside(level: float) -> None:
    made = forecast(([16, 64, 256], [level] * 3), at=[1000], top=100.0)
    assert 0 <= made.at[0].low95 <= made.at[0].high95 <= 100


def test_fifty_sizes_and_huge_sizes_are_no_trouble() -> None:
    sizes = [round(16 * 1.4**i) for i in range(50)]
    made = forecast((sizes, [80 - 50 * (n / 16) ** -0.5 for n in sizes]))
    assert made.at[0].score == pytest.approx(80, abs=2)
    assert any("outside the calibration" in w for w in made.warnings)


def test_sizes_far_beyond_the_calibration_are_warned_of() -> None:
    assert any("64 times" in w for w in forecast(RISING, at=[100_000]).warnings)


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [
        ([16, -3], [40, 50], "row 1: labels is -3"),
        ([16, 64], [40, float("nan")], "row 1: value is nan"),
        ([16, 64], [40, float("inf")], "row 1: value is inf"),
        ([16, "many"], [40, 50], "row 1: labels is 'many'"),
        ([16, 20.5], [40, 50], "row 1: labels is 20.5"),
        ([16, 64], [40, 140], "row 1: value is 140"),
        ([16, 64], [40, None], "row 1: value is ''"),
    ],
)
def test_bad_rows_are_named(labels: list[object], scores: list[object], said: str) -> None:
    with pytest.raises(ProblemsError, match=said):
        forecast((labels, scores))


def test_all_bad_rows_are_named_at_once() -> None:
    with pytest.raises(ProblemsError) as caught:
        forecast(([-1, "x", 64], [40, 50, 400]))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("target", [101, -1, float("nan")])
def test_a_target_outside_the_range_is_refused(target: float) -> None:
    with pytest.raises(UserError, match="0 to 100"):
        forecast(RISING, target=target)


def test_a_target_in_percent_for_scores_in_0_1_is_explained() -> None:
    with pytest.raises(UserError, match=r"did you mean 0\.7\?"):
        forecast(([16, 64], [0.4, 0.5]), target=70, top=1.0)


@pytest.mark.parametrize("curve", [None, 7, ([1, 2, 3],), {"size": [1]}, ([], []), {"labels": [1], "value": []}])
def test_what_is_no_curve_is_refused(curve: object) -> None:
    with pytest.raises(UserError):
        forecast(curve)


@pytest.mark.parametrize("size", [-5, 2.5])
def test_sizes_asked_for_must_be_whole(size: float) -> None:
    with pytest.raises(UserError, match="whole numbers"):
        forecast(RISING, at=[size])  # type: ignore[list-item]


def test_a_data_frame_works_and_several_curves_are_pointed_to_the_plural() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"labels": RISING[0], "value": RISING[1], "n": [500] * 5})
    assert forecast(frame).at == forecast(RISING, n=500).at
    two = pandas.concat([frame.assign(task="a"), frame.assign(task="b")])
    with pytest.raises(UserError, match="forecasts"):
        forecast(two)
    assert [f.task for f in forecasts(two)] == ["a", "b"]


def test_kin_inform_a_curve_of_two_points() -> None:
    def table(late: list[float]) -> dict[str, list[object]]:
        arms = [f"arm {i}" for i in range(6)]
        rows: list[tuple[str, int, float]] = [("short", 16, 40.0), ("short", 64, 50.0)]
        rows += [(a, n, s) for a in arms for n, s in zip([16, 64, 256, 1024, 4096], [40.0, 50.0, *late], strict=True)]
        arm, labels, value = zip(*rows, strict=True)
        return {
            "task": ["t"] * len(rows),
            "arm": list(arm),
            "labels": list(labels),
            "value": list(value),
            "n": [1000] * len(rows),
        }

    stays = forecasts(table([52.0, 52.5, 52.6]), at=[4096])[0].at[0].score
    climbs = forecasts(table([62.0, 74.0, 86.0]), at=[4096])[0].at[0].score
    assert climbs > stays + 5


def test_forecasts_do_not_depend_on_order_or_company() -> None:
    other = ([0, 100, 1000], [10.0, 20.0, 25.0])
    rows = [("a", n, s) for n, s in zip(*RISING, strict=True)] + [("b", n, s) for n, s in zip(*other, strict=True)]
    rows = rows[::-1]
    arm, labels, value = zip(*rows, strict=True)
    components, calibration = shipped()
    curves = [measure(n, [[s / 100] for s in v], 100) for n, v in (RISING, other)]
    together = ensembles(curves, components, calibration)
    found = {
        int(p): e.scores(np.full((len(ps), 1), 2000.0)).quantile(0.5)[r, 0]
        for ps, e in together
        for r, p in enumerate(ps)
    }
    for i, curve in enumerate(curves):
        [(_, alone)] = ensembles([curve], components, calibration)
        assert found[i] == pytest.approx(alone.scores(np.array([[2000.0]])).quantile(0.5)[0, 0], abs=1e-9)
    assert forecast({"arm": arm[-5:], "labels": labels[-5:], "value": value[-5:]}).at == forecast(RISING).at


def test_likelihoods_equal_those_of_an_independent_gaussian() -> None:
    components, _ = shipped()
    curve = measure([16, 64, 256], [[0.4, 0.42], [0.55], [0.6]], 200)
    fitted = fit(batch([curve, measure([16, 32], [[0.4], [0.5]], 50)]), components)
    basis = shapes(curve.sizes)
    distance = np.abs(np.subtract.outer(*[np.log(curve.sizes + ZERO_SHIFT)] * 2))
    scale = spread(curve.values)
    free = np.flatnonzero((components.sign == 0) & ~components.capped | (components.sign != 0) & ~components.capped)
    for j in free[:: max(len(free) // 12, 1)]:
        for t, tau in enumerate(WIGGLES):
            design = np.stack([np.ones(3), -basis[:, components.shape[j]]], axis=1)
            cov = curve.noise + tau**2 * np.exp(-distance / WIGGLE_LENGTH) * np.outer(scale, scale) + 1e-10 * np.eye(3)
            root = design @ components.root[j]
            full = multivariate_normal(design @ components.mean[j], cov + root @ root.T).logpdf(curve.values)
            # A limited gain adds the mass left after the points over the half before: recompute it by sampling.
            posterior = np.linalg.inv(np.eye(2) + root.T @ np.linalg.solve(cov, root))
            mean = components.mean[j] + components.root[j] @ posterior @ root.T @ np.linalg.solve(
                cov, curve.values - design @ components.mean[j]
            )
            spread_of = components.root[j] @ posterior @ components.root[j].T
            draws = np.random.default_rng(0).normal(mean[1], max(spread_of[1, 1], 0) ** 0.5, 200_000)
            mass = (draws * components.sign[j] > 0).mean() / 0.5
            if mass > 0.01:
                assert fitted.log_likelihood[0, t, j] == pytest.approx(full + np.log(mass), abs=0.06)


def test_every_shape_falls_from_where_it_starts() -> None:
    sizes = np.array([0.0, 1.0, 16.0, 100.0, 1e4, 1e7])
    found = shapes(sizes)
    assert np.isfinite(found).all()
    assert found.shape[1] == sum(len(family.grid) for family in FAMILIES)
    assert (np.diff(found, axis=0) <= 1e-12).all()


def test_quantiles_and_chances_are_each_others_inverse() -> None:
    components, calibration = shipped()
    [(_, ensemble)] = ensembles([measure([16, 64, 256], [[0.4], [0.55], [0.6]], 200)], components, calibration)
    scores = ensemble.scores(np.array([[512.0, 4096.0]]))
    for p in (0.05, 0.1, 0.5, 0.8, 0.97):
        assert 1 - scores.above(scores.quantile(p))[0] == pytest.approx([p, p], abs=0.01)


def test_the_calibration_names_its_source_and_its_widths_ascend() -> None:
    _, calibration = shipped()
    assert calibration.facts["database"].startswith("LCDB 0.1.0")
    assert calibration.facts["data sets"]
    assert calibration.quantiles.shape == (len(calibration.points), len(calibration.reaches), len(LEVELS))
    assert (np.diff(calibration.quantiles, axis=2) > 0).all()


def test_the_band_starts_at_the_last_point_and_goes_to_eight_times_its_size() -> None:
    band = forecast(RISING).band
    assert (band.labels[0], band.labels[-1]) == (256, 2048)
    assert all(len(line) == len(band.labels) for line in (band.score, band.low80, band.high80, band.low95, band.high95))


def test_a_forecast_is_plain_json_and_prints() -> None:
    made = forecast(RISING, target=75)
    assert json.loads(json.dumps(made.to_json()))["need"]["reachable"] is True
    assert forecast_table([made]) is not None


@pytest.mark.slow
def test_ten_thousand_curves_are_forecast_and_agree_with_one_alone() -> None:
    labels, scores = RISING
    table = {
        "task": [f"t{i}" for i in range(10_000) for _ in labels],
        "arm": [f"a{i}" for i in range(10_000) for _ in labels],
    }
    table |= {"labels": list(labels) * 10_000, "value": list(scores) * 10_000}
    made = forecasts(table)
    assert len(made) == 10_000
    assert made[9_999].at[0].score == pytest.approx(forecast(RISING).at[0].score, abs=1e-6)


def test_the_package_gives_the_names_and_refuses_others() -> None:
    assert tuition.reports.forecast is forecast
    assert tuition.reports.Forecast is Forecast
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = tuition.reports.nothing_such
