from __future__ import annotations

import json
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

REAL = SHARED / "instruction_induction"


def told(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "name": "sum",
        "instructions": ["Add the numbers.", "Sum up."],
        "train": [["1 2", ["3", "three"]], ["None", ["NA"]]],
        "test": [["1 2", ["3"]]],
    }
    whole.update(changes)
    return {key: value for key, value in whole.items() if value is not ...}


def test_a_task_has_several_definitions_and_its_rows_their_sets(task_file: Write) -> None:
    (task,) = open_collection(task_file(told(), "sum.json"))
    assert task == Task("sum", ("Add the numbers.", "Sum up."), task.read_instances)
    assert list(task.instances()) == [
        Instance("sum-train-0", "1 2", ("3", "three"), split="train"),
        Instance("sum-train-1", "None", ("NA",), split="train"),
        Instance("sum-test-0", "1 2", ("3",), split="test"),
    ]


def test_one_set_of_rows_is_enough_and_either_may_be_empty(task_file: Write) -> None:
    for changes in ({"train": ...}, {"train": []}, {"test": ...}):
        (task,) = open_collection(task_file(told(**changes), "sum.json"))
        assert len(list(task.instances())) == (2 if "test" in changes else 1)


def test_another_name_in_the_file_is_a_warning_and_kept_with_all_other_keys(task_file: Write) -> None:
    path = task_file(told(source={"by": ["x"]}), "plus.json")
    (task,) = open_collection(path)
    assert (task.name, task.extra) == ("plus", {"name": "sum", "source": {"by": ["x"]}})
    assert [(p.kind, p.severity) for p in check_collection(path).problems] == [("other-name", "warning")]


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"instructions": []}, ["empty-definition"]),
        ({"instructions": ["Add.", 3]}, ["wrong-type"]),
        ({"instructions": ...}, ["missing-key"]),
        ({"train": ..., "test": ...}, ["missing-key"]),
        ({"train": [], "test": []}, ["no-instances"]),
        ({"train": {}}, ["wrong-type"]),
        ({"train": [["a"], ["a", ["b"], "c"], "a", {"a": 1}, [1, ["b"]], ["a", 2]]}, ["wrong-type"] * 6),
        ({"test": [["a", []], ["a", ["", " "]]]}, ["no-output"] * 2),
    ],
)
def test_faults_are_told_and_reading_agrees(changes: dict[str, Any], kinds: list[str], task_file: Write) -> None:
    path = task_file(told(**changes), "sum.json")
    report = check_collection(path, "instruction_induction")
    assert [problem.kind for problem in report.errors] == kinds
    with pytest.raises(ProblemsError) as caught:
        [list(task.instances()) for task in open_collection(path, "instruction_induction")]
    assert caught.value.problems == report.errors


def test_a_bad_row_is_placed_by_its_set_its_number_and_its_line(task_file: Write) -> None:
    path = task_file(told(test=[["a", ["b"]], ["a", [7]]]), "sum.json")
    (problem,) = check_collection(path).problems
    assert problem.instance == "[1] test"
    assert problem.line is not None
    assert path.read_text().split("\n")[problem.line :][2].strip() == "7"


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared data is not beside the checkout")
def test_the_24_real_tasks_are_what_plain_json_says() -> None:
    opened = open_collection(REAL)
    assert len(opened) == 24
    rows = 0
    for task in opened:
        plain = json.loads((REAL / f"{task.name}.json").read_text("utf-8"))
        assert list(task.definitions) == plain["instructions"]
        assert not task.extra
        read = list(task.instances())
        for split in ("train", "test"):
            assert [[row.input, list(row.outputs)] for row in read if row.split == split] == plain[split]
        rows += len(read)
    assert rows == 67_688 + 2_181
    report = check_collection(REAL)
    assert (report.tasks, report.instances, report.problems) == (24, rows, ())
