"""Every prompt against strings built by hand from the papers' descriptions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tuition.prompts import ENCODINGS, encode
from tuition.prompts.encode import training_output
from tuition.tasks import Example, Instance, Task
from tuition.tasks.readers import open_collection


def make(definition: str = "Name it", positive: tuple[Example, ...] = (), outputs: tuple[str, ...] = ("yes",)) -> Task:
    rows = (Instance("1", "What is it", outputs),)
    return Task(
        name="task1_x",
        definitions=(definition, "another wording") if definition else (),
        read_instances=lambda: iter(rows),
        positive_examples=positive,
    )


TWO = (Example("in one", "out one", "because"), Example(" in two? ", "out two!", ""), Example("third", "three"))


def told(task: Task, encoding: str, text: str = "What is it", output: str = "yes") -> tuple[str, str, str]:
    prompt = encode(task, Instance("1", text, (output,)), ENCODINGS[encoding])
    assert prompt.text == prompt.prefix + prompt.body + prompt.target
    return prompt.prefix, prompt.body, prompt.target


def test_tk_instruct_input_only_strips_and_closes_the_input() -> None:
    assert told(make(), "input-only", " What is it ") == (
        "Now complete the following example -\nInput:",
        " What is it.\nOutput:",
        " yes",
    )


def test_tk_instruct_definition_takes_the_first_and_keeps_its_end_mark() -> None:
    prefix, body, _ = told(make("Is it? "), "definition", "Yes!")
    assert prefix == "Definition: Is it?\n\nNow complete the following example -\nInput:"
    assert body == " Yes!\nOutput:"


def test_tk_instruct_definition_and_two_positive_examples_have_its_odd_spaces_and_no_third() -> None:
    prefix, body, target = told(make(positive=TWO), "definition+2-positive")
    assert prefix == (
        "Definition: Name it.\n\n"
        " Positive Example 1 -\nInput: in one.\n Output: out one.\n\n"
        " Positive Example 2 -\nInput: in two?\n Output: out two!\n\n"
        "Now complete the following example -\nInput:"
    )
    assert prefix + body + target == prefix + " What is it.\nOutput: yes"


def test_quick_learners_strips_nothing_and_adds_nothing() -> None:
    prefix, body, target = told(make(" Name it", TWO), "quick-learners", " What is it ", " yes ")
    assert prefix + body + target == (
        "Definition:  Name it\n"
        "Positive example 1-\ninput: in one\noutput: out one\n"
        "Positive example 2-\ninput:  in two? \noutput: out two!\n"
        "Now complete the following example-\ninput:  What is it \noutput:  yes "
    )
    assert prefix.endswith("input:")
    assert body.endswith("output:")


def test_quick_learners_input_only_is_input_and_output() -> None:
    assert told(make(positive=TWO), "quick-learners-input-only") == ("input:", " What is it\noutput:", " yes")


PLAIN = [name for name in ENCODINGS if not ENCODINGS[name].template and "rationale" not in ENCODINGS[name].target]


@pytest.mark.parametrize("encoding", PLAIN)
def test_missing_elements_are_left_out_without_a_trace(encoding: str) -> None:
    prefix, _, _ = told(make(definition="", positive=()), encoding)
    assert "Definition" not in prefix
    assert "xample" not in prefix.replace("following example", "")


@pytest.mark.parametrize("encoding", ["definition+2-positive", "quick-learners"])
def test_braces_in_fields_are_never_taken_for_places(encoding: str) -> None:
    example = Example("{output} {0} {number}", "{input} {definition}")
    prefix, _, _ = told(make("{input} {number} {definition}", (example,)), encoding)
    assert "{input} {number} {definition}" in prefix
    assert "{output} {0} {number}" in prefix
    assert "{input} {definition}" in prefix


def test_the_prefix_is_the_same_for_every_instance() -> None:
    task = make(positive=TWO)
    for name in PLAIN:
        if ENCODINGS[name].one_of:
            continue
        assert len({told(task, name, text)[0] for text in ("a", "b b", "", "ü\n\r")}) == 1


def test_an_empty_input_still_gets_tk_instructs_full_stop() -> None:
    assert told(make(), "definition", "")[1] == " .\nOutput:"


def test_a_training_output_is_drawn_by_name_and_only_where_there_are_several() -> None:
    task, row = make(), Instance("7", "x", ("a", "b", "c"))
    assert training_output(task, Instance("7", "x", ("only",)), 1) == "only"
    assert training_output(task, row, 1) == training_output(task, row, 1)
    assert {training_output(task, Instance(str(i), "x", ("a", "b", "c")), 1) for i in range(40)} == {"a", "b", "c"}


def thesis_prompt(task: dict, row: dict) -> str:
    """The thesis's string, put together from its description without any of our code."""
    text = "Definition: " + task["Definition"][0] + "\n"
    for i, example in enumerate(task["Positive Examples"][:2], start=1):
        text += f"Positive example {i}-\ninput: " + example["input"] + "\noutput: " + example["output"] + "\n"
    return text + "Now complete the following example-\ninput: " + row["input"] + "\noutput: " + row["output"][0]


def test_every_test_prompt_of_all_119_tasks_equals_the_thesis_byte_for_byte(superni: Path) -> None:
    collection = open_collection(superni)
    compared = 0
    for name in collection.names:
        task = collection[name]
        raw = json.loads((superni / "tasks" / f"{name}.json").read_text(encoding="utf-8"))
        for row, plain in zip(task.instances(), raw["Instances"][:100], strict=False):
            assert encode(task, row, ENCODINGS["quick-learners"]).text == thesis_prompt(raw, plain)
            bare = encode(task, row, ENCODINGS["quick-learners-input-only"])
            assert bare.text == "input: " + plain["input"] + "\noutput: " + plain["output"][0]
            compared += 1
    assert compared == 11_810
    assert len(collection) == 119
