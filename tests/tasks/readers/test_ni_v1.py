"""Tasks of Natural Instructions v1, made by hand: its keys, its dashes and its two ways to lay out examples."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuition.base.errors import ProblemsError
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Example, Instance, Task

Write = Callable[..., Path]

POSITIVE = {"input": "Passage: a.", "output": "Who?", "reason": "It links.", "suggestion": "-"}
NEGATIVE = {"input": "Passage: b.", "output": "b", "reason": "No link.", "suggestion": "Ask for a pronoun."}


def v1(**changes: Any) -> dict[str, Any]:
    """A sound task in the key order of the release: instances before examples; a change to `...` takes the key out."""
    told: dict[str, Any] = {
        "Title": "Writing questions",
        "Prompt": "Write a question.",
        "Definition": "You are given a passage. ",
        "Things to Avoid": "Do not ask twice. \n",
        "Emphasis & Caution": "Be clear.",
        "Instances": [{"input": "Passage: c.", "output": ["Why?", "How?"]}, {"input": "-", "output": ["-"]}],
        "Examples": {"Positive Examples": [POSITIVE], "Negative Examples": [NEGATIVE]},
    }
    told.update({key.replace("_", " "): value for key, value in changes.items()})
    return {key: value for key, value in told.items() if value is not ...}


def only(path: Path) -> Task:
    (task,) = open_collection(path, "ni_v1")
    return task


def test_every_element_has_its_place_and_text_is_kept_exactly(task_file: Write) -> None:
    task = only(task_file(v1(), "subtask001_x.json"))
    assert task == Task(
        "subtask001_x",
        ("You are given a passage. ",),
        task.read_instances,
        title="Writing questions",
        prompt="Write a question.",
        things_to_avoid="Do not ask twice. \n",
        emphasis="Be clear.",
        positive_examples=(Example("Passage: a.", "Who?", "It links.", ""),),
        negative_examples=(Example("Passage: b.", "b", "No link.", "Ask for a pronoun."),),
    )
    assert not task.extra


def test_a_dash_in_a_row_is_text(task_file: Write) -> None:
    assert list(only(task_file(v1(), "s.json")).instances()) == [
        Instance("s-0", "Passage: c.", ("Why?", "How?")),
        Instance("s-1", "-", ("-",)),
    ]


@pytest.mark.parametrize("dash", ["-", " - ", "-\n", ["-"]])
def test_a_field_that_is_a_dash_is_absent(dash: object, task_file: Write) -> None:
    told = v1(Title=dash, Prompt=dash, Definition=dash, Things_to_Avoid=dash, Examples=dash)
    told["Emphasis & Caution"] = dash
    path = task_file(told, "s.json")
    task = only(path)
    assert task == Task("s", (), task.read_instances)
    assert task.definition == ""
    assert not check_collection(path, "ni_v1").problems


@pytest.mark.parametrize("dash", ["-", ["-"]])
def test_a_list_of_examples_that_is_a_dash_is_empty(dash: object, task_file: Write) -> None:
    task = only(task_file(v1(Examples={"Positive Examples": [POSITIVE], "Negative Examples": dash}), "s.json"))
    assert (len(task.positive_examples), task.negative_examples) == (1, ())


def test_an_example_that_is_a_dash_is_passed_over(task_file: Write) -> None:
    task = only(task_file(v1(Examples={"Positive Examples": ["-", POSITIVE, "-"]}), "s.json"))
    assert [example.output for example in task.positive_examples] == ["Who?"]


def test_reasons_and_suggestions_may_be_dashes_missing_or_a_space(task_file: Write) -> None:
    given = [
        {"input": "a", "output": "b", "reason": "-", "suggestion": "-"},
        {"input": "a", "output": "b"},
        {"input": "-", "output": "-", "reason": "", "suggestion": " "},
        {"input": "a", "output": "b", "explanation": "Why."},
    ]
    task = only(task_file(v1(Examples={"Negative Examples": given}), "s.json"))
    assert task.negative_examples == (
        Example("a", "b"),
        Example("a", "b"),
        Example("-", "-", "", " "),
        Example("a", "b", "Why."),
    )


def test_examples_may_stand_without_their_wrapping(task_file: Write) -> None:
    told = v1(Examples=..., Positive_Examples=[POSITIVE], Negative_Examples="-")
    task = only(task_file(told, "s.json"))
    assert [example.explanation for example in task.positive_examples] == ["It links."]
    assert task.negative_examples == ()


def test_examples_told_in_both_ways_are_refused(task_file: Write) -> None:
    path = task_file(v1(Positive_Examples=[NEGATIVE]), "s.json")
    with pytest.raises(ProblemsError, match="sets a field that another key has set"):
        only(path)


def test_other_keys_are_kept(task_file: Write) -> None:
    task = only(task_file(v1(Contributors=["x"], Source="quoref", License={"name": "-"}), "s.json"))
    assert task.sources == ("quoref",)
    assert task.extra == {"Contributors": ["x"], "License": {"name": "-"}}


def test_the_task_is_read_without_decoding_its_instances(task_file: Write) -> None:
    text = json.dumps(v1())
    task = only(task_file(text.replace('"Why?"', '"Why?" no JSON'), "s.json"))
    assert task.positive_examples[0].output == "Who?"
    with pytest.raises(ProblemsError, match="broken JSON"):
        list(task.instances())


def test_a_folder_is_read_in_the_order_of_its_numbers(task_file: Write, tmp_path: Path) -> None:
    for name in ("subtask010_a", "subtask9_b", "subtask002_c"):
        task_file(v1(), f"{name}.json")
    task_file("{}", "stats.json")
    task_file("x", ".hidden.json")
    opened = open_collection(tmp_path)
    assert opened.names == ("subtask002_c", "subtask9_b", "subtask010_a")
    assert opened["subtask9"].title == "Writing questions"
    assert [(p.kind, p.severity) for p in check_collection(tmp_path).problems] == [("not-a-task-file", "warning")]


def test_a_folder_of_other_names_is_read_in_their_order(task_file: Write, tmp_path: Path) -> None:
    for name in ("b", "a"):
        task_file(v1(), f"{name}.json")
    assert open_collection(tmp_path).names == ("a", "b")


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"Definition": ...}, ["missing-key"]),
        ({"Definition": " "}, ["empty-definition"]),
        ({"Title": 3}, ["wrong-type"]),
        ({"Title": ["a", "b"]}, ["wrong-type"]),
        ({"Examples": [POSITIVE]}, ["wrong-type"]),
        ({"Examples": {"Positive Examples": [{"input": "a"}], "Other": 1}}, ["example-without-output", "unknown-key"]),
        ({"Instances": "-"}, ["wrong-type"]),
        ({"Instances": []}, ["no-instances"]),
        ({"Instances": ...}, ["missing-key"]),
        ({"Instances": [{"input": "a", "output": []}]}, ["no-output"]),
    ],
)
def test_faults_are_told_and_reading_agrees(changes: dict[str, Any], kinds: list[str], task_file: Write) -> None:
    path = task_file(v1(**changes), "s.json")
    report = check_collection(path, "ni_v1")
    assert [problem.kind for problem in report.problems] == kinds
    assert all(problem.task == "s" for problem in report.problems)
    if report.errors:
        with pytest.raises(ProblemsError):
            list(only(path).instances())
    else:
        assert len(list(only(path).instances())) == report.instances


def test_collections_can_be_sent_to_other_processes(task_file: Write) -> None:
    opened = open_collection(task_file(v1(), "s.json"))
    sent = pickle.loads(pickle.dumps((opened, opened["s"])))
    assert sent == (opened, opened["s"])
    assert list(sent[1].instances()) == list(opened["s"].instances())
