"""Studies of a hundred arms: what a page shows at once, and what it folds away."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from tuition.reports.curve_charts import chart_data
from tuition.reports.curves import learning_curves
from tuition.reports.many_arms import MANY_ARMS, leading_arms, varying_names
from tuition.reports.page import render_report
from tuition.reports.summary import findings, overview
from tuition.studies.results import StudyResults

Make = Callable[..., StudyResults]
HUNDRED = tuple(f"P{first} > D{second}" for first in range(10) for second in range(10))


@pytest.fixture
def hundred(make_results: Make) -> StudyResults:
    """A study of a hundred arms, of which the later end higher; the last two have equal scores."""
    made = make_results(arms=HUNDRED, answers=2)
    places = {arm: min(place, 98) for place, arm in enumerate(HUNDRED)}
    scores = [replace(row, value=places[row.arm] / 2, low=0.0, high=60.0) for row in made.scores]
    return replace(made, scores=tuple(scores))


def test_of_many_arms_the_baseline_and_the_highest_lead(hundred: StudyResults) -> None:
    # The last has the scores of the one before it, so that the sixth from the end is shown in its place.
    assert leading_arms(learning_curves(hundred.scores)) == (HUNDRED[0], *HUNDRED[94:99])
    assert HUNDRED[50] in leading_arms(learning_curves(hundred.scores), HUNDRED[50])


def test_few_arms_all_lead(make_results: Make) -> None:
    arms = HUNDRED[:MANY_ARMS]
    assert leading_arms(learning_curves(make_results(arms=arms).scores)) == arms


def test_many_arms_are_named_by_what_varies() -> None:
    arms = [f"t5-xl, P{n}, single-task" for n in range(20)]
    assert varying_names(arms)[arms[3]] == "P3"
    assert varying_names(arms[:5])[arms[3]] == arms[3]
    uneven = [*arms, "another"]
    assert varying_names(uneven) == {arm: arm for arm in uneven}
    assert len(set(varying_names(HUNDRED).values())) == 100


def test_the_page_of_many_arms_begins_with_a_short_summary(hundred: StudyResults) -> None:
    told = overview(hundred)
    assert "6 of the 100 arms" in told
    assert len(told) < 800
    assert all(len(one) < 1500 for one in findings(hundred).values())


def test_the_page_holds_every_arm_and_opens_with_the_leading_ones(hundred: StudyResults) -> None:
    page = render_report(hundred)
    boxes = re.findall(r'name="arm" value="(\d+)" autocomplete="off"( checked)?', page)
    assert sorted(int(place) for place, _ in boxes) == list(range(100))
    assert sorted(int(place) for place, checked in boxes if checked) == [0, *range(94, 99)]
    assert "The other 94 arms" in page
    assert page.count("Answers of the other arms") == 3
    assert chart_data(learning_curves(hundred.scores))["many"] == MANY_ARMS


def test_the_page_of_few_arms_has_nothing_folded_away(results: StudyResults) -> None:
    page = render_report(results)
    body = page[page.index("<body>") : page.index('<script type="application/json"')]
    assert "bounded" not in body
    assert "other arms" not in body
    assert 'id="find"' not in body
