"""Encodings as data: what a description may say, and what is said about one that is wrong."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tuition.base.errors import ProblemsError, UserError
from tuition.prompts import ENCODINGS, Demonstration, InContextExamples, encode, find_encoding
from tuition.prompts.encode import read_answer
from tuition.prompts.encodings.reading import encoding_from_json, encoding_to_json, read_encodings
from tuition.tasks import Instance, Task

ROWS = (Instance("1", "2 + 2", ("4",), rationale="Two and two are four."), Instance("2", "x", ("y",)))
TASK = Task("task1_sum", ("Add.",), lambda: iter(ROWS), options=("4", "5"), categories=("Maths",), sources=("sums",))


@pytest.mark.parametrize("name", list(ENCODINGS))
def test_every_encoding_is_described_and_survives_being_kept_as_json(name: str) -> None:
    encoding = ENCODINGS[name]
    assert encoding.name == name
    assert encoding.description
    assert encoding_from_json(orjson.loads(orjson.dumps(encoding_to_json(encoding)))) == encoding


def test_a_users_own_description_begins_as_another_and_differs(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text('mine: {like: definition, description: "mine", body: " <{input}>\\n=>"}')
    mine = find_encoding("mine.yaml", tmp_path)
    prompt = encode(TASK, ROWS[0], mine)
    assert prompt.prefix == encode(TASK, ROWS[0], ENCODINGS["definition"]).prefix
    assert prompt.body == " <2 + 2.>\n=>"


def test_all_faults_of_a_description_are_told_together() -> None:
    text = """
bad:
  body: " {inputs}"
  target: 3
  text_rule: loud
  prefix:
    - definiton: "{value}"
    - positive: "{input}"
    - definition: "{definition}"
worse: [1]
worst: {like: nothing, colour: red}
"""
    with pytest.raises(ProblemsError) as caught:
        read_encodings(text, Path("mine.yaml"), ENCODINGS)
    told = str(caught.value)
    for part in (
        "inputs",
        "target is 3",
        "'loud'",
        "definiton",
        "no count",
        "slots definition",
        "[1]",
        "nothing",
        "colour",
    ):
        assert part in told


@pytest.mark.parametrize("text", ["- a", "a: [", "!!python/object:os.system {}", "", "3"])
def test_text_that_describes_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text(text)
    with pytest.raises(UserError):
        find_encoding("e.yaml", tmp_path)


def test_an_unknown_name_or_file_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'quick-learners'"):
        find_encoding("quick-learner")
    with pytest.raises(UserError, match=r"gone\.yaml"):
        find_encoding("gone.yaml", tmp_path)


def test_a_rationale_is_learnt_before_the_answer_and_the_answer_read_back() -> None:
    encoding = ENCODINGS["chain-of-thought"]
    prompt = encode(TASK, ROWS[0], encoding)
    assert prompt.target == " Two and two are four. So the answer is: 4"
    assert read_answer(prompt.target, encoding) == "4"
    assert read_answer("a So the answer is: b. So the answer is: c", encoding) == "c"
    assert read_answer("just 4", encoding) == "just 4"
    with pytest.raises(UserError, match=r"instance 2: .* needs rationales"):
        encode(TASK, ROWS[1], encoding)


def test_exemplars_and_demonstrations_stand_in_the_prefix() -> None:
    shown = InContextExamples(ROWS, (Demonstration("Name it.", "a cat", "cat"),))
    assert encode(TASK, ROWS[0], ENCODINGS["definition+4-shot"], shown=shown).prefix == (
        "Definition: Add.\n\nInput: 2 + 2\nOutput: 4\n\nInput: x\nOutput: y\n\nInput:"
    )
    assert encode(TASK, ROWS[0], ENCODINGS["in-context-instruction-learning"], shown=shown).prefix == (
        "Task: Name it.\nInput: a cat\nOutput: cat\n\nTask: Add.\nInput:"
    )


def test_a_datasets_name_is_told_in_brackets_as_flan_has_it() -> None:
    assert encode(TASK, ROWS[0], ENCODINGS["flan-dataset-name"]).text == "[Maths: sums] 2 + 2 4"


def test_an_encoding_in_chat_has_no_space_before_the_answer() -> None:
    chat = ENCODINGS["definition"].in_chat()
    assert chat.chat
    assert encode(TASK, ROWS[0], chat).target == "4"
