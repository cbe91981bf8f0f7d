"""Options by the first token of an answer: what can be told apart, and what cannot."""

from __future__ import annotations

import math

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.remote.cost import Tokens
from tuition.evaluation.remote.first_token import rank_by_first_token, read_first_tokens, refuse_shared_beginnings
from tuition.evaluation.remote.requests import Question
from tuition.evaluation.remote.response_parsing import NotOfferedError, ShapeError

ASKED = Question("prompt 0", "/chat/completions", {}, "", Tokens())


def test_all_tokens_that_begin_an_option_count_for_it() -> None:
    listed = {
        "yes": math.log(0.2),
        " yes": math.log(0.1),
        "▁y": math.log(0.05),
        "no": math.log(0.3),
        "The": math.log(0.2),
    }
    ranking = rank_by_first_token(listed, ("yes", "no"))
    assert ranking.scores["sum"] == pytest.approx((math.log(0.35), math.log(0.3)))
    assert (ranking.chosen(), ranking.listed, list(ranking.scores)) == ("yes", (True, True), ["sum"])


def test_an_option_that_is_not_listed_stands_below_all_that_is() -> None:
    ranking = rank_by_first_token({"no": -3.0, "The": -0.1}, ("yes", "no"))
    assert ranking.scores["sum"][0] < -3.0
    assert (ranking.chosen(), ranking.listed) == ("no", (False, True))


def test_where_no_option_is_listed_none_is_chosen() -> None:
    ranking = rank_by_first_token({"The": -0.1, "\n": -3.0, " ": -4.0}, ("yes", "no"))
    assert (ranking.chosen(), ranking.listed) == ("", (False, False))


def test_a_token_of_two_options_is_let_go_if_it_decides_nothing_and_refused_if_it_could() -> None:
    options = ("negative", "neutral", "positive")
    ranking = rank_by_first_token({"positive": -0.1, "negative": -4.0, "n": -5.0}, options)
    assert ranking.chosen() == "positive"
    with pytest.raises(UserError, match=r"cannot be distinguished by a chat's first token, 'ne'.*openai-completions:"):
        rank_by_first_token({"positive": -1.5, "ne": -0.5}, options)


def test_equal_options_are_one() -> None:
    assert rank_by_first_token({"yes": -0.1, "no": -2.0}, ("yes", "no", "yes")).chosen() == "yes"


@pytest.mark.parametrize("options", [("not at all", "not really"), ("yes", "yes sir"), ("New York", " New  Delhi")])
def test_options_that_begin_with_one_word_are_refused_before_anything_is_asked(options: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="cannot be distinguished"):
        refuse_shared_beginnings(options)


def test_options_that_differ_in_their_first_word_and_repeated_ones_are_let_through() -> None:
    refuse_shared_beginnings(("yes", "no", "yes ", "是", "不是"))


def test_likely_tokens_are_read() -> None:
    listed = [{"token": " a", "logprob": -1, "bytes": None}, {"token": "b", "logprob": -2.5}]
    payload = {"choices": [{"message": {}, "logprobs": {"content": [{"top_logprobs": listed}, {}]}}]}
    assert read_first_tokens(payload, ASKED) == {" a": -1.0, "b": -2.5}
    listed[0]["logprob"] = "x"
    with pytest.raises(ShapeError):
        read_first_tokens(payload, ASKED)


@pytest.mark.parametrize("told", [None, {}, {"content": []}, {"content": [{"top_logprobs": []}]}, {"content": [None]}])
def test_a_server_that_lists_nothing_does_not_offer_it(told: object) -> None:
    with pytest.raises(NotOfferedError, match="generate answers instead"):
        read_first_tokens({"choices": [{"message": {"content": "x"}, "logprobs": told}]}, ASKED)
