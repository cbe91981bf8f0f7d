import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuition.base.errors import UserError
from tuition.prompts import ENCODINGS, encode
from tuition.prompts.fit import fit, ledger
from tuition.tasks import Example, Instance, Task

EXAMPLES = (Example("one " * 10, "1"), Example("two " * 10, "2"))
TASK = Task("task1_x", ("Say it.",), lambda: iter(()), positive_examples=EXAMPLES)
ENCODING = ENCODINGS["quick-learners"]


def words(text: str) -> int:
    return len(text.split())


def row(length: int) -> Instance:
    return Instance("7", " ".join(f"w{i}" for i in range(length)), ("answer",))


def test_what_fits_is_told_whole() -> None:
    fitted = fit(TASK, row(5), ENCODING, limit=1000, count=words, output="answer")
    assert fitted.prompt == encode(TASK, row(5), ENCODING)
    assert (fitted.dropped_examples, fitted.cut_tokens) == (0, 0)


def test_examples_give_way_first_from_the_last() -> None:
    whole = words(encode(TASK, row(5), ENCODING).text)
    fitted = fit(TASK, row(5), ENCODING, limit=whole - 1, count=words, output="answer")
    assert fitted.dropped_examples == 1
    assert "one one" in fitted.prompt.prefix
    assert "two two" not in fitted.prompt.prefix
    assert fitted.cut_tokens == 0


def test_then_the_input_is_cut_at_its_end_and_the_loss_is_counted() -> None:
    fitted = fit(TASK, row(100), ENCODING, limit=40, count=words, output="answer")
    assert fitted.dropped_examples == 2
    assert fitted.prompt.body.startswith(" w0 w1 ")
    assert fitted.prompt.body.endswith("\noutput:")
    assert fitted.prompt.target == " answer"
    assert fitted.cut_tokens == words(encode(TASK, row(100), ENCODING).body) - words(fitted.prompt.body)


def test_definition_and_target_are_never_cut_but_refused() -> None:
    with pytest.raises(UserError, match=r"task1_x, instance 7: the instruction .* raise max_length"):
        fit(TASK, row(5), ENCODING, limit=10, count=words, output="answer " * 20)


def test_room_for_an_answer_is_kept_free() -> None:
    fitted = fit(TASK, row(100), ENCODING, limit=60, count=words, room=30)
    assert words(fitted.prompt.source) <= 30


def test_the_ledger_counts_what_was_lost() -> None:
    rows = [fit(TASK, row(n), ENCODING, limit=50, count=words, output="answer") for n in (3, 20, 100)]
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
        fitted = fit(TASK, Instance("1", text, (output,)), ENCODING, limit=limit, count=characters, output=output)
    except UserError:
        return
    parts = fitted.prompt
    assert characters(parts.prefix) + characters(parts.body) + characters(parts.target) <= limit
    assert parts.target == f" {output}"
