import subprocess
import sys
from types import FunctionType

import pytest

from tuition.base.errors import UserError
from tuition.evaluation import metrics
from tuition.evaluation.metrics import METRICS, Metric

PREDICTIONS = ["Yes.", "the cats sat", "", "twenty-one", "是的"]
REFERENCES = [["no", "yes"], ["a cat sat"], ["x"], ["twentyone"], ["是的"]]


def test_the_papers_metrics_are_registered():
    assert list(METRICS)[:2] == ["rouge_l", "exact_match"]
    assert {
        "rouge_1",
        "rouge_l_xlingual",
        "exact_match_squad",
        "f1_squad",
        "accuracy",
        "macro_f1",
        "bleu",
        "chrf",
    } < set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_carries_its_name_and_says_what_it_does(name):
    metric = METRICS[name]
    assert isinstance(metric, Metric)
    assert metric.name == name
    assert metric.title
    assert "reference" in metric.description


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_declares_its_profile(name):
    profile = METRICS[name].profile
    assert profile.tokenizer
    assert profile.normalisation
    assert profile.references in ("best", "first", "all")
    assert profile.source
    assert profile.range == (0.0, 1.0)


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].over_options is None])
def test_one_by_one_and_many_at_once_agree_within_0_and_1(name):
    metric = METRICS[name]
    scores = metric.score_many(PREDICTIONS, REFERENCES)
    assert scores == [metric.score(*row) for row in zip(PREDICTIONS, REFERENCES, strict=True)]
    assert all(type(score) is float and 0.0 <= score <= 1.0 for score in scores)
    assert len(set(scores)) > 1


def test_the_package_exports_functions_not_modules_of_their_name():
    assert isinstance(metrics.rouge_l, FunctionType)
    assert isinstance(metrics.exact_match, FunctionType)
    assert METRICS["rouge_l"].score is metrics.rouge_l
    assert METRICS["exact_match"].score is metrics.exact_match


def test_an_unknown_metric_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'rouge_l'"):
        METRICS["rougel"]


def test_metrics_load_without_torch_and_without_the_stemmer():
    code = (
        "import sys, tuition.evaluation.metrics as m; m.METRICS['rouge_l'], m.METRICS['exact_match'];"
        "print([name for name in ('torch', 'transformers', 'nltk', 'scipy', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
