import pytest
import sacrebleu

from tuition.base.errors import UserError
from tuition.evaluation.metric_scores import score_instances, summarise


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


def test_a_metric_that_is_no_mean_is_summed_up_by_its_own_rule() -> None:
    scores = score_instances(["a b", "c d e f g"], [["a b"], ["c d e f x"]], ["bleu", "macro_f1"])
    bleu, macro_f1 = summarise(scores, seed=0)
    assert bleu.value == pytest.approx(sacrebleu.corpus_bleu(["a b", "c d e f g"], [["a b", "c d e f x"]]).score)
    assert bleu.value != pytest.approx(100 * sum(scores["bleu"]) / 2)
    assert macro_f1.value == pytest.approx(50)
    assert scores["macro_f1"] == [1.0, 0.0]


def test_the_mean_of_such_a_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="bleu is not the mean over instances"):
        summarise({"bleu": [0.5, 0.2]}, seed=0)


def test_figures_that_are_no_metric_are_summed_up_as_means() -> None:
    assert summarise({"per_token": [0.0, 1.0]}, seed=0)[0].value == 50.0


def test_no_instance_is_refused() -> None:
    with pytest.raises(UserError, match="at least one"):
        summarise(score_instances([], [], ["bleu"]), seed=0)
