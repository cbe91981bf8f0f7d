import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.evaluation.metrics import exact_match, exact_match_many


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        ("Yes", "yes", 1.0),
        (" yes.\n", "Yes", 1.0),
        ("yes", "yes, it is", 0.0),
        ("two\t\twords", "Two words", 1.0),
        ("two\u00a0words", "two words", 1.0),
        ("the cat", "cat", 0.0),
        ("twenty-one", "twentyone", 1.0),
        ("twenty-one", "twenty one", 0.0),
        ("$1,000", "1000", 1.0),
        ("1.0", "1", 0.0),
        ("“quoted”", "quoted", 0.0),
        ("don’t", "dont", 0.0),
        ("don't", "dont", 1.0),
        ("ÄRGER", "ärger", 1.0),
        ("是的", "是的", 1.0),
        ("是的", "不", 0.0),
        ("", "", 1.0),
        ("", "no", 0.0),
        ("!!!", "?", 1.0),
        ("None", "none", 1.0),
        ("", "None", 0.0),
    ],
)
def test_case_ascii_punctuation_and_white_space_do_not_count(prediction, reference, score):
    assert exact_match(prediction, [reference]) == score
    assert exact_match_many([prediction], [[reference]]) == [score]


def test_any_reference_will_do():
    assert exact_match("Paris", ["Lyon", "paris."]) == 1.0
    assert exact_match("Nice", ["Lyon", "paris."]) == 0.0


@given(st.text(string.ascii_letters + string.punctuation + " \t\nÉß，", max_size=20), st.text(max_size=20))
def test_the_published_rule_spelled_out_letter_by_letter_agrees(a, b):
    def normalised(text):
        return [word for word in "".join(c for c in text.lower() if c not in string.punctuation).split() if word]

    for prediction, reference in [(a, b), (b, a), (a, a.upper()), (a, f" {a}! ")]:
        assert exact_match(prediction, [reference]) == float(normalised(prediction) == normalised(reference))


def test_no_reference_is_refused_with_its_place():
    with pytest.raises(UserError, match="no reference"):
        exact_match("yes", ())
    with pytest.raises(UserError, match="prediction 2 has no reference"):
        exact_match_many(["a", "b", "c"], [["a"], ["b"], []])


def test_a_bare_string_is_not_taken_for_a_list_of_letters():
    with pytest.raises(TypeError, match="one string"):
        exact_match("y", "yes")


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="1 predictions but 2 lists"):
        exact_match_many(["a"], [["a"], ["b"]])
