"""Where options begin among the tokens that a server echoes, and what they weigh."""

from __future__ import annotations

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.remote.cost import Tokens
from tuition.evaluation.remote.echo import Echo, read_echo, read_prompt_tokens, score_by_text, score_by_tokens
from tuition.evaluation.remote.requests import Question
from tuition.evaluation.remote.response_parsing import NotOfferedError, ShapeError


def echo(*tokens: str, given: int | None = None) -> Echo:
    """An echo whose n-th token has the log-probability -n."""
    return Echo(tokens, (None, *(-float(at) for at in range(1, len(tokens)))), given)


def asked(prompt: str) -> Question:
    return Question("prompt 0", "/completions", {"prompt": prompt}, prompt, Tokens())


def payload(text: str, tokens: object, values: object, **more: object) -> dict:
    return {"choices": [{"text": text, "logprobs": {"tokens": tokens, "token_logprobs": values}}], **more}


def test_options_are_the_tokens_from_where_they_begin() -> None:
    echoes = [
        echo("<s>", "Is", " it", ":", " yes", "?", given=5),
        echo("<s>", "Is", " it", ":", " n", "o", "x", given=6),
    ]
    weighed = score_by_text("Is it:", [" yes", " no"], echoes)
    assert weighed is not None
    assert (weighed.sums, weighed.tokens, weighed.exact) == ((-4.0, -9.0), (1, 2), True)


def test_without_a_count_the_generated_token_is_told_from_the_text() -> None:
    for echoes in ([echo("Is", ":", " yes", "?")], [echo("Is", ":", " yes")]):
        weighed = score_by_text("Is:", [" yes"], echoes)
        assert weighed is not None
        assert (weighed.sums, weighed.exact) == ((-2.0,), True)


def test_a_token_over_the_border_makes_all_options_begin_before_it_and_none_exact() -> None:
    echoes = [echo("Is", " it", ": yes", "?", given=3), echo("Is", " it", ":", " no", "?", given=4)]
    weighed = score_by_text("Is it:", [" yes", " no"], echoes)
    assert weighed is not None
    assert (weighed.sums, weighed.tokens, weighed.exact) == ((-2.0, -5.0), (1, 2), False)


def test_half_characters_before_an_option_do_not_matter_and_those_in_it_are_counted_by_tokens() -> None:
    before = [echo("\ufffd", "\ufffd", ":", " yes", "?", given=4)]
    weighed = score_by_text("é:", [" yes"], before)
    assert weighed is not None
    assert (weighed.sums, weighed.exact) == ((-3.0,), True)
    inside = [echo("Is", ":", " \ufffd", "\ufffd", "?", given=4), echo("Is", ":", " no", "?", given=3)]
    assert score_by_text("Is:", [" é", " no"], inside) is None
    counted = score_by_tokens(echo("Is", ":", "?", given=2), inside)
    assert (counted.sums, counted.tokens, counted.exact) == ((-5.0, -2.0), (2, 1), True)


def test_tokens_without_a_text_belong_to_what_is_before_them() -> None:
    weighed = score_by_text("Is:", [" yes"], [echo("Is", ":", "", " yes", "", given=5)])
    assert weighed is not None
    assert weighed.sums == (-3.0 - 4.0,)


def test_tokens_that_spell_nothing_and_are_not_counted_cannot_be_weighed() -> None:
    assert score_by_text("Is:", [" é"], [echo("Is", ":", "\ufffd", "\ufffd", "?")]) is None
    with pytest.raises(UserError, match="the start of the options is unknown"):
        score_by_tokens(echo("Is", ":", "?"), [echo("Is", ":", "\ufffd", "\ufffd", "?")])


def test_an_option_at_the_very_beginning_has_no_log_probability() -> None:
    with pytest.raises(UserError, match="with the first token"):
        score_by_text("", ["yes"], [echo("yes", "?", given=1)])


def test_an_echo_is_read_with_the_server_s_count() -> None:
    told = payload("a b c", ["a", " b", " c"], [None, -1, -2.5], usage={"prompt_tokens": 2, "completion_tokens": 1})
    assert read_echo(told, asked("a b")) == Echo(("a", " b", " c"), (None, -1.0, -2.5), 2)
    told["usage"]["prompt_tokens"] = 3
    assert read_echo(told, asked("a b")).given is None


@pytest.mark.parametrize(
    "response",
    [
        payload("answer", ["answer", "s"], [None, -1]),
        payload("a b c", None, None),
        payload("a b c", [" c"], [-1]),
        payload("a b c", ["a", " b", " c"], [None, None, -1]),
        {"choices": [{"text": "a b c", "logprobs": None}]},
        {"choices": [{"text": "a b c", "logprobs": {"content": []}}]},
    ],
)
def test_a_server_that_does_not_echo_with_log_probabilities_does_not_offer_them(response: dict) -> None:
    with pytest.raises(NotOfferedError):
        read_echo(response, asked("a b"))
    with pytest.raises(NotOfferedError):
        read_prompt_tokens(response, asked("a b"))


@pytest.mark.parametrize("values", [[None, -1], [None, "x", -1], [None, float("nan"), -1], [None, 3.0, -1], None])
def test_a_broken_echo_is_no_answer(values: object) -> None:
    with pytest.raises(ShapeError):
        read_echo(payload("a b c", ["a", " b", " c"], values), asked("a b"))


def test_vllm_s_prompt_log_probabilities_are_read_wherever_they_stand() -> None:
    places = [None, {"7": {"logprob": -1.5, "decoded_token": " b"}}, {"9": {"logprob": -2}}]
    expected = Echo(("", " b", "<9>"), (None, -1.5, -2.0), 3)
    assert read_prompt_tokens({"choices": [{"prompt_logprobs": places}]}, asked("a b")) == expected
    assert read_prompt_tokens({"choices": [{}], "prompt_logprobs": places}, asked("a b")) == expected


def test_several_tokens_in_one_place_are_refused_since_it_is_not_told_which_is_the_prompt_s() -> None:
    places = [None, {"7": {"logprob": -1.5}, "8": {"logprob": -0.5}}]
    with pytest.raises(ShapeError):
        read_prompt_tokens({"choices": [{"prompt_logprobs": places}]}, asked("a b"))
