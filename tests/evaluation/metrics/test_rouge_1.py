import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from tuition.base.errors import UserError
from tuition.evaluation.metrics.rouge import rouge_l
from tuition.evaluation.metrics.rouge_1 import rouge_1, rouge_1_many

from ._pairs import UGLY, real_rows

SCORER = RougeScorer(["rouge1"], use_stemmer=True)
words = st.sampled_from(["running", "runs", "ran", "the", "a", "b", "cats", "cat", "17", "x1", "naïve", "是", "-"])
texts = st.one_of(st.lists(words, max_size=20).map(" ".join), st.text(max_size=40))


def peer(prediction, references):
    return float(SCORER.score_multi(references, prediction)["rouge1"].fmeasure)


def test_every_bit_equals_rouge_score_on_real_outputs():
    rows = real_rows()
    scores = rouge_1_many([prediction for prediction, _ in rows], [references for _, references in rows])
    assert len(rows) > 700
    assert 0 < sum(scores) < len(rows)
    assert [score.hex() for score in scores] == [peer(*row).hex() for row in rows]


@settings(max_examples=500, deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_every_bit_equals_rouge_score_on_any_text(prediction, references):
    assert rouge_1(prediction, references).hex() == peer(prediction, references).hex()


def test_order_does_not_count_and_repeats_do():
    assert rouge_1("b a", ["a b"]) == 1.0
    assert rouge_l("b a", ["a b"]) == 0.5
    assert rouge_1("a a a", ["a"]) == 0.5


@pytest.mark.parametrize("text", UGLY)
def test_odd_texts_are_scored_as_rouge_score_does(text):
    assert rouge_1(text, ["naïve x", text]) == peer(text, ["naïve x", text])


def test_no_reference_is_refused():
    with pytest.raises(UserError, match="no reference"):
        rouge_1("yes", [])
