import random

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from tuition.base.errors import UserError
from tuition.evaluation.metric_scores import score_instances, summarise
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.metrics.classification import accuracy, invalid_outputs, normalise_option

LABELS = ["entailment", "neutral", "contradiction"]


def answers(seed, n=300, wrong=0.3, invalid=0.1):
    draw = random.Random(seed)
    references = [draw.choices(LABELS, [6, 3, 1])[0] for _ in range(n)]
    predictions = []
    for right in references:
        told = draw.choice(LABELS) if draw.random() < wrong else right
        if draw.random() < invalid:
            told = "I do not know"
        predictions.append(draw.choice([told, told.upper(), f" {told}.", f"“{told}”" if invalid else told]))
    return predictions, references


def macro_f1(predictions, references, options=None):
    pairs = [[one] for one in references]
    scores = score_instances(predictions, pairs, ["macro_f1", "accuracy"], options=options)
    return {score.metric: score.value / 100 for score in summarise(scores, seed=0)}


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_and_accuracy_equal_scikit_learn(seed):
    predictions, references = answers(seed, invalid=0.0)
    plain = [normalise_option(text) for text in predictions]
    made = macro_f1(predictions, references)
    assert made["macro_f1"] == pytest.approx(f1_score(references, plain, average="macro"), abs=1e-15)
    assert made["accuracy"] == pytest.approx(accuracy_score(references, plain), abs=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_outputs_that_are_no_option_belong_to_no_class(seed):
    predictions, references = answers(seed, invalid=0.2)
    plain = [normalise_option(text) for text in predictions]
    made = macro_f1(predictions, references, options=[LABELS] * len(references))
    expected = f1_score(references, plain, labels=LABELS, average="macro", zero_division=0)
    assert made["macro_f1"] == pytest.approx(expected, abs=1e-15)
    invalid = invalid_outputs(predictions, [[one] for one in references], [LABELS] * len(references))
    assert invalid == [float(text not in LABELS) for text in plain]
    assert 0 < sum(invalid) < len(invalid)


def test_resampled_macro_f1_is_that_of_the_resampled_instances():
    predictions, references = answers(7, n=60)
    corpus = METRICS["macro_f1"].corpus
    rows = corpus.statistics(predictions, [[one] for one in references], None)
    draw = np.random.default_rng(0)
    counts = np.array([np.bincount(draw.integers(0, 60, 60), minlength=60) for _ in range(20)])
    plain = [normalise_option(text) for text in predictions]
    for times, value in zip(counts, corpus.value(rows, counts), strict=True):
        chosen = np.repeat(np.arange(60), times)
        true, told = [references[at] for at in chosen], [plain[at] for at in chosen]
        labels = [label for label in LABELS if label in true or label in told]
        assert value == pytest.approx(f1_score(true, told, labels=labels, average="macro", zero_division=0), abs=1e-15)


def test_each_instance_may_have_its_own_options():
    found = invalid_outputs(["yes", "yes", "B"], [["yes"], ["A"], ["A"]], [["yes", "no"], ["A", "B"], ["A", "B"]])
    assert found == [0.0, 1.0, 0.0]


def test_without_options_all_references_are_the_options():
    assert invalid_outputs(["no", "maybe", "Yes."], [["yes"], ["yes"], ["no"]]) == [0.0, 1.0, 0.0]


def test_of_several_references_the_predicted_one_is_the_true_class():
    scores = score_instances(["b", "a"], [["a", "b"], ["a"]], ["macro_f1"])
    assert scores["macro_f1"] == [1.0, 1.0]
    assert summarise(scores, seed=0)[0].value == 100.0


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (" Yes.\n", "yes"), ("(A)", "a"), ("1.5", "1.5"), ("+", "+"), ("?!", "?!"), ("", ""), ("STRASSE", "strasse"),
        ("straße", "strasse"), ("not  equal", "not equal"), ("don't", "don't"), ("是的。", "是的。"),
    ],
)  # fmt: skip
def test_normalisation_keeps_what_tells_options_apart(text, plain):
    assert normalise_option(text) == plain


def test_signs_are_options_of_their_own():
    assert accuracy("+", ["-"]) == 0.0
    assert accuracy("+", ["+"]) == 1.0


def test_lists_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="2 predictions but 1 lists of options"):
        invalid_outputs(["a", "b"], [["a"], ["b"]], [["a"]])
    with pytest.raises(UserError, match="prediction 1 has no reference"):
        invalid_outputs(["a", "b"], [["a"], []])
