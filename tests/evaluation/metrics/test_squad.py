import collections
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.evaluation.metrics.squad import exact_match_squad, f1_squad

from ._pairs import real_rows

texts = st.lists(
    st.sampled_from(["the", "a", "The", "an.", "cat", "theatre", "cat's", "-", "é", "  ", "1,000"]), max_size=6
).map(" ".join)


def spelled_out(text):
    """The rule as the paper's evaluation states it, one step after the other."""
    lowered = "".join(sign for sign in text.lower() if sign not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", lowered).split())


def spelled_out_f1(prediction, reference):
    own, other = spelled_out(prediction).split(), spelled_out(reference).split()
    same = sum((collections.Counter(own) & collections.Counter(other)).values())
    if same == 0:
        return 0
    precision, recall = 1.0 * same / len(own), 1.0 * same / len(other)
    return (2 * precision * recall) / (precision + recall)


def test_real_outputs_score_as_the_rule_spelled_out():
    rows = real_rows()
    for prediction, references in rows:
        assert f1_squad(prediction, references) == max(spelled_out_f1(prediction, one) for one in references)
        assert exact_match_squad(prediction, references) == any(
            spelled_out(prediction) == spelled_out(one) for one in references
        )


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_any_text_scores_as_the_rule_spelled_out(prediction, reference):
    assert f1_squad(prediction, [reference]) == spelled_out_f1(prediction, reference)
    assert exact_match_squad(prediction, [reference]) == (spelled_out(prediction) == spelled_out(reference))


@pytest.mark.parametrize(
    ("prediction", "reference", "same", "f1"),
    [
        ("the cat", "cat", 1.0, 1.0),
        ("The theatre", "theatre.", 1.0, 1.0),
        ("a", "the", 1.0, 0.0),
        ("", "", 1.0, 0.0),
        ("cat cat", "cat", 0.0, 2 / 3),
        ("black cat", "cat", 0.0, 2 / 3),
        ("1,000", "1000", 1.0, 1.0),
        ("да", "да", 1.0, 1.0),
    ],
)
def test_known_cases(prediction, reference, same, f1):
    assert exact_match_squad(prediction, [reference]) == same
    assert f1_squad(prediction, [reference]) == pytest.approx(f1, abs=1e-15)


def test_the_best_reference_counts_and_one_is_needed():
    assert f1_squad("red", ["blue", "red one"]) == pytest.approx(2 / 3)
    with pytest.raises(UserError, match="no reference"):
        f1_squad("red", [])
