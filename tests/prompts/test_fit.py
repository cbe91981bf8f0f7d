import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.prompts import ENCODINGS, encode
from tuition.prompts.fit import LengthPolicy, fit, ledger
from tuition.tasks import Example, Instance, Task

EXAMPLES = (Example("one " * 10, "1"), Example("two " * 10, "2"))
TASK = Task("task1_x", ("Say it.",), lambda: iter(()), positive_examples=EXAMPLES)
ENCODING = ENCODINGS["quick-learners"]


def words(text: str) -> int:
    return len(text.split())


def row(length: int) -> Instance:
    return Instance("7", " ".join(f"w{i}" for i in range(length)), ("answer",))


def test_what_fits_is_told_whole() -> None:
    fitted = fit(TASK, row(5), ENCODING, LengthPolicy(1000), words, output="answer")
    assert fitted.prompt == encode(TASK, row(5), ENCODING)
    assert (fitted.dropped_examples, fitted.cut_tokens) == (0, 0)


def test_examples_give_way_first_from_the_last() -> None:
    whole = words(encode(TASK, row(5), ENCODING).text)
    fitted = fit(TASK, row(5), ENCODING, LengthPolicy(whole - 1), words, output="answer")
    assert fitted.dropped_examples == 1
    assert "one one" in fitted.prompt.prefix
    assert "two two" not in fitted.prompt.prefix
    assert fitted.cut_tokens == 0


def test_then_the_input_is_cut_at_its_end_and_the_loss_is_counted() -> None:
    fitted = fit(TASK, row(100), ENCODING, LengthPolicy(40), words, output="answer")
    assert fitted.dropped_examples == 2
    assert fitted.prompt.body.startswith(" w0 w1 ")
    assert fitted.prompt.body.endswith("\noutput:")
    assert fitted.prompt.target == " answer"
    assert fitted.cut_tokens == words(encode(TASK, row(100), ENCODING).body) - words(fitted.prompt.body)


def test_definition_and_target_are_never_cut_but_refused() -> None:
    with pytest.raises(UserError, match=r"task1_x, instance 7: the instruction .* raise max_length"):
        fit(TASK, row(5), ENCODING, LengthPolicy(10), words, output="answer " * 20)


def test_room_for_an_answer_is_kept_free() -> None:
    fitted = fit(TASK, row(100), ENCODING, LengthPolicy(60, room=30), words)
    assert words(fitted.prompt.source) <= 30


def test_the_ledger_counts_what_was_lost() -> None:
    rows = [fit(TASK, row(n), ENCODING, LengthPolicy(50), words, output="answer") for n in (3, 20, 100)]
    told = ledger(rows)
    assert told.prompts == 3
    assert told.with_dropped_examples >= 2
    assert told.with_cut_input == 1
    assert told.cut_tokens == rows[2].cut_tokens
    assert "1 of 3 inputs lost" in str(told)
    assert str(ledger(rows[:0])) == ""


@given(st.integers(20, 90), st.text(max_size=300), st.text(min_size=1, max_size=20))
def test_a_fitted_prompt_always_fits_and_keeps_its_target(limit: int, text: str, output: str) -> None:
    def characters(part: str) -> int:
        return -(-len(part) // 4)

    try:
        fitted = fit(TASK, Instance("1", text, (output,)), ENCODING, LengthPolicy(limit), characters, output=output)
    except UserError:
        return
    parts = fitted.prompt
    assert characters(parts.prefix) + characters(parts.body) + characters(parts.target) <= limit
    assert parts.target == f" {output}"


def test_an_instance_that_is_too_long_can_be_left_out_and_is_counted() -> None:
    rows = [fit(TASK, row(n), ENCODING, LengthPolicy(50, "drop-instance"), words, output="answer") for n in (3, 100)]
    assert rows[0].whole
    assert rows[1].prompt is None
    assert ledger(rows).dropped_instances == 1
    assert "1 of 2 instances was too long and left out" in str(ledger(rows))


def test_an_instance_that_is_too_long_can_be_refused() -> None:
    with pytest.raises(UserError, match=r"instance 7: \d+ tokens with its target, and 50 are allowed"):
        fit(TASK, row(100), ENCODING, LengthPolicy(50, "raise"), words, output="answer")


def test_the_input_can_be_cut_at_its_start() -> None:
    fitted = fit(TASK, row(100), ENCODING, LengthPolicy(40, cut="start"), words, output="answer")
    assert fitted.prompt is not None
    assert fitted.prompt.body.endswith(" w98 w99\noutput:")
    assert " w0 " not in fitted.prompt.body


def test_negative_examples_give_way_before_positive_ones_and_these_last() -> None:
    negative = tuple(Example("bad " * 10, str(n)) for n in range(2))
    task = dataclasses.replace(TASK, negative_examples=negative)
    encoding = ENCODINGS["definition+2-positive+2-negative"]
    whole = words(encode(task, row(5), encoding).text)
    for dropped, rest in ((1, 1), (2, 0)):
        fitted = fit(task, row(5), encoding, LengthPolicy(whole - 16 * dropped + 4), words, output="answer")
        assert fitted.prompt is not None
        assert fitted.dropped_examples == dropped
        assert fitted.prompt.prefix.count("Negative Example") == rest
        assert fitted.prompt.prefix.count("Positive Example") == 2
