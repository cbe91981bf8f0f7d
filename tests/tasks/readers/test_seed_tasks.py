from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Instance, Task

Write = Callable[..., Path]

REAL = SHARED / "seed_tasks.jsonl"


def seed(number: int = 0, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": f"seed_task_{number}",
        "name": "breakfast",
        "instruction": "What can I eat?",
        "instances": [{"input": "", "output": "Oats."}, {"input": "no oats", "output": "None"}],
        "is_classification": False,
    }
    told.update(changes)
    return {key: value for key, value in told.items() if value is not ...}


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_every_line_is_a_task_and_its_input_may_be_empty(task_file: Write) -> None:
    opened = open_collection(task_file(lines(seed(0), seed(1, source="x")), "seeds.jsonl"))
    assert opened.names == ("seed_task_0_breakfast", "seed_task_1_breakfast")
    first, second = opened
    kept = {"id": "seed_task_0", "name": "breakfast", "is_classification": False}
    assert first == Task("seed_task_0_breakfast", ("What can I eat?",), first.read_instances, extra=kept)
    assert second.extra["source"] == "x"
    assert list(first.instances()) == [
        Instance("seed_task_0_breakfast-0", "", ("Oats.",)),
        Instance("seed_task_0_breakfast-1", "no oats", ("None",)),
    ]
    assert not check_collection(opened.path).problems


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"id": ...}, "breakfast"),
        ({"name": ...}, "seed_task_0"),
        ({"id": 7, "name": "x"}, "7_x"),
        ({"id": ..., "name": ...}, "seeds-1"),
        ({"id": None, "name": ["x"]}, "seeds-1"),
        ({"name": "jobs."}, "seed_task_0_jobs"),
        ({"name": "../../etc/passwd"}, "seed_task_0__._etc_passwd"),
        ({"id": "", "name": "\n"}, "_"),
        ({"name": "why’s it not funny"}, "seed_task_0_why’s it not funny"),
        ({"name": "é" * 500}, "seed_task_0_" + "é" * 60),
        ({"id": "😀" * 60, "name": "😀" * 60}, "seeds-1"),
    ],
)
def test_a_name_is_made_fit_and_the_given_one_is_kept(changes: dict[str, Any], name: str, task_file: Write) -> None:
    (task,) = open_collection(task_file(lines(seed(**changes)), "seeds.jsonl"))
    assert task.name == name
    assert task.extra == {
        key: value for key, value in seed(**changes).items() if key in ("id", "name", "is_classification")
    }


def test_tasks_of_one_name_are_refused_with_both_lines(task_file: Write) -> None:
    path = task_file(lines(seed(0), seed(1), seed(0)), "seeds.jsonl")
    with pytest.raises(ProblemsError, match=r"seeds\.jsonl:3: line 1 has the same task, 'seed_task_0_breakfast'"):
        open_collection(path)


def test_lines_that_are_no_tasks_are_told_all_together_when_it_is_opened(task_file: Write) -> None:
    path = task_file(lines(seed(0)) + "{\n" + lines([1], seed(1)) + '"x"\n', "seeds.jsonl")
    with pytest.raises(ProblemsError) as caught:
        open_collection(path)
    assert [(p.kind, p.line) for p in caught.value.problems] == [
        ("broken-json", 2),
        ("wrong-type", 3),
        ("wrong-type", 5),
    ]


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"instruction": " "}, ["empty-definition"]),
        ({"instruction": ...}, ["missing-key"]),
        ({"instances": ...}, ["no-instances"]),
        ({"instances": []}, ["no-instances"]),
        ({"instances": {"input": "", "output": "x"}}, ["no-instances"]),
        ({"instances": [{"input": None, "output": "x"}, {"output": "x"}]}, ["wrong-type", "missing-key"]),
        ({"instances": [{"input": "", "output": ""}]}, ["no-output"]),
        ({"note": "\ud800"}, ["lone-surrogate"]),
    ],
)
def test_faults_of_one_task_leave_the_others_readable(
    changes: dict[str, Any], kinds: list[str], task_file: Write
) -> None:
    path = task_file(lines(seed(0), seed(1, **changes), seed(2)), "seeds.jsonl")
    report = check_collection(path)
    assert [problem.kind for problem in report.errors] == kinds
    assert {(problem.line, problem.task) for problem in report.errors} == {(2, "seed_task_1_breakfast")}
    opened = open_collection(path)
    assert [len(list(opened[name].instances())) for name in (opened.names[0], opened.names[2])] == [2, 2]
    with pytest.raises(ProblemsError) as caught:
        opened["seed_task_1"]
    assert caught.value.problems == report.errors


def test_a_file_that_changes_after_it_was_opened_is_noticed(task_file: Write) -> None:
    path = task_file(lines(seed(0), seed(1)), "seeds.jsonl")
    opened = open_collection(path)
    task = opened["seed_task_1"]
    task_file(lines(seed(1, name="a longer name"), seed(0)), "seeds.jsonl")
    with pytest.raises(ProblemsError, match=r"line 2 no longer has this task"):
        list(task.instances())
    task_file("", "seeds.jsonl")
    with pytest.raises(ProblemsError):
        opened["seed_task_0"]


def test_the_fingerprint_is_that_of_the_content(task_file: Write) -> None:
    prints = [open_collection(task_file(lines(seed(n)), "seeds.jsonl")).fingerprint() for n in (0, 1, 0)]
    assert prints[0] == prints[2] != prints[1]


def test_collections_can_be_sent_to_other_processes(task_file: Write) -> None:
    opened = open_collection(task_file(lines(seed(0)), "seeds.jsonl"))
    sent, task = pickle.loads(pickle.dumps((opened, opened["seed_task_0"])))
    assert list(sent["seed_task_0"].instances()) == list(task.instances()) != []


@pytest.mark.skipif(not REAL.is_file(), reason="the shared data is not beside the checkout")
def test_the_175_real_tasks_are_what_plain_json_says() -> None:
    opened = open_collection(REAL)
    plain = [json.loads(line) for line in REAL.read_text("utf-8").split("\n") if line]
    assert len(opened) == len(plain) == 175
    empty = 0
    for task, row in zip(opened, plain, strict=True):
        assert task.name.startswith(row["id"] + "_")
        assert task.definitions == (row["instruction"],)
        assert task.extra == {key: row[key] for key in ("id", "name", "is_classification")}
        read = [{"input": one.input, "output": one.outputs[0]} for one in task.instances()]
        assert read == row["instances"]
        empty += sum(1 for one in read if not one["input"])
    assert empty == 50
    report = check_collection(REAL)
    assert (report.tasks, report.instances, report.problems) == (175, 175, ())
