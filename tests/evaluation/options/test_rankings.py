"""Rankings made of plain numbers, and the metrics that judge them."""

from __future__ import annotations

import math

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.options.rankings import (
    NORMALISATIONS,
    RANK_METRICS,
    normalisation_of,
    option_accuracy,
    rank_metric,
    ranking_of,
)


def test_every_normalisation_follows_from_log_probabilities_and_sizes() -> None:
    ranking = ranking_of(("no", "نعم"), (-2.0, -6.0), (1, 3), (-1.5, 0.25))
    assert ranking.scores == {
        "sum": (-2.0, -6.0),
        "per_token": (-2.0, -2.0),
        "per_character": (-1.0, -2.0),
        "per_byte": (-1.0, -1.0),
        "pmi": (-1.5, 0.25),
    }
    assert [ranking.chosen(way) for way in NORMALISATIONS] == ["no", "no", "no", "no", "نعم"]
    assert "pmi" not in ranking_of(("a",), (-1.0,), (1,)).scores


@pytest.mark.parametrize("parts", [((-1.0,), (1, 1), None), ((-1.0, -2.0), (1,), None), ((-1.0, -2.0), (1, 1), (0.0,))])
def test_numbers_that_do_not_go_together_are_refused(parts: tuple) -> None:
    with pytest.raises(ValueError, match="zip"):
        ranking_of(("a", "b"), *parts)


def test_a_chosen_option_is_right_as_it_stands_but_for_white_space() -> None:
    assert option_accuracy(" yes\n", ["no", "yes "]) == 1.0
    assert option_accuracy("Yes", ["yes"]) == 0.0  # options are the model's to choose, so case is part of them
    assert math.isclose(sum(RANK_METRICS["rank_sum"].score_many(["a", "b"], [["a"], ["a"]])), 1.0)
    with pytest.raises(UserError, match="no reference"):
        option_accuracy("a", [])
    with pytest.raises(TypeError, match="one string"):
        option_accuracy("a", "a")


def test_each_normalisation_has_its_metric() -> None:
    assert [normalisation_of(name) for name in RANK_METRICS] == list(NORMALISATIONS)
    for way, does in NORMALISATIONS.items():
        assert does in RANK_METRICS[rank_metric(way)].description
