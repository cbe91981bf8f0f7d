import pytest

from tuition.base.errors import UserError
from tuition.evaluation.score import score_instances, summarise


def test_scores_are_summed_up_in_percent_with_intervals() -> None:
    scores = score_instances(["yes", "no", "yes"], [["Yes."], ["yes"], ["no", "yes"]], ["exact_match", "rouge_l"])
    assert scores["exact_match"] == [1.0, 0.0, 1.0]
    told = {score.metric: score for score in summarise(scores, seed=0)}
    assert told["exact_match"].value == pytest.approx(200 / 3)
    assert told["exact_match"].low <= told["exact_match"].value <= told["exact_match"].high <= 100
    assert told["rouge_l"].n == 3
    assert summarise(scores, seed=0) == summarise(scores, seed=0)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UserError, match="no metric named"):
        score_instances(["a"], [["a"]], ["rogue"])
