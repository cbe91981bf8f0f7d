from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.readers.common.findings import LISTED_PER_KIND
from tuition.tasks.readers.common.rules import FIELD_LIMIT

Write = Callable[..., Path]
Make = Callable[..., dict[str, Any]]

ROW = {"id": "a", "input": "in", "output": ["out"]}

# What is changed in a sound task; then the kind, a part of what is found, and the instance of each problem.
CHANGES: dict[str, tuple[dict[str, Any], list[tuple[str, str, str | None]]]] = {
    "no definition": ({"Definition": ...}, [("missing-key", "no 'Definition'", None)]),
    "no instances key": ({"Instances": ...}, [("missing-key", "no 'Instances'", None)]),
    "misspelt key": ({"Definition": ..., "definition": "Do."}, [("missing-key", "no 'Definition'", None)]),
    "empty definition": ({"Definition": ""}, [("empty-definition", "Definition is empty", None)]),
    "blank definition": ({"Definition": ["Do.", " \n"]}, [("empty-definition", "Definition is empty", None)]),
    "no definition in list": ({"Definition": []}, [("empty-definition", "Definition is empty", None)]),
    "definition a number": ({"Definition": 3}, [("wrong-type", "Definition is a number (3)", None)]),
    "definition holds null": ({"Definition": [None, "x"]}, [("wrong-type", "Definition[0] is null", None)]),
    "categories an object": ({"Categories": {}}, [("wrong-type", "Categories is an object", None)]),
    "examples text": ({"Positive Examples": "-"}, [("wrong-type", "Positive Examples is text ('-')", None)]),
    "example text": ({"Negative Examples": ["-"]}, [("wrong-type", "Negative Examples[0] is text ('-')", None)]),
    "example without output": (
        {"Positive Examples": [{"input": "a", "output": "b"}, {"input": "a"}]},
        [("example-without-output", "Positive Examples[1].output is missing", None)],
    ),
    "example with blank output": (
        {"Positive Examples": [{"input": "a", "output": ""}]},
        [("example-without-output", "Positive Examples[0].output is blank", None)],
    ),
    "example without input": (
        {"Positive Examples": [{"output": "b", "explanation": 1}]},
        [
            ("missing-key", 'Positive Examples[0] has no "input"', None),
            ("wrong-type", "Positive Examples[0].explanation is a number (1)", None),
        ],
    ),
    "instances an object": ({"Instances": {"1": ROW}}, [("wrong-type", "Instances is an object", None)]),
    "no instance": ({"Instances": []}, [("no-instances", "Instances is empty", None)]),
    "instance a list": ({"Instances": [ROW, ["in", "out"]]}, [("wrong-type", "it is a list", "[1]")]),
    "input a number": ({"Instances": [ROW | {"input": 1.5}]}, [("wrong-type", "input is a number (1.5)", "[0] a")]),
    "input missing": ({"Instances": [{"id": "a", "output": "x"}]}, [("missing-key", 'no "input"', "[0] a")]),
    "id a number": ({"Instances": [ROW | {"id": 7}]}, [("wrong-type", "id is a number (7)", "[0]")]),
    "output missing": ({"Instances": [{"id": "a", "input": "x"}]}, [("no-output", "output is missing", "[0] a")]),
    "output empty list": ({"Instances": [ROW | {"output": []}]}, [("no-output", "output is an empty list", "[0] a")]),
    "output blank": ({"Instances": [ROW | {"output": ["", " \t"]}]}, [("no-output", "output is blank", "[0] a")]),
    "output true": ({"Instances": [ROW | {"output": True}]}, [("wrong-type", "output is true", "[0] a")]),
    "output of numbers": (
        {"Instances": [ROW | {"output": [1, "x", None]}]},
        [("wrong-type", "output[0] is a number (1)", "[0] a"), ("wrong-type", "output[2] is null", "[0] a")],
    ),
    "duplicate id": (
        {"Instances": [ROW, ROW | {"id": "b"}, ROW]},
        [("duplicate-id", "instance [0] has the same id", "[2] a")],
    ),
    "too long": (
        {"Instances": [ROW | {"input": "x" * 10_000_000}]},
        [("field-too-long", "input has 10,000,000 characters; a field may have 1,000,000", "[0] a")],
    ),
    "lone surrogate": (
        {"Instances": [ROW | {"output": ["ok \ud800 not"]}]},
        [("lone-surrogate", "output contains half a character, \\ud800, at character 3", "[0] a")],
    ),
    "nul character": ({"Definition": "a\0b"}, [("nul-character", "Definition contains the character \\u0000", None)]),
}

BYTES: dict[str, tuple[bytes, list[tuple[str, str, int]]]] = {
    "empty file": (b"", [("empty-file", "the file is empty", 1)]),
    "blank file": (b" \n\n", [("empty-file", "the file is empty", 1)]),
    "a list": (b"\n[1, 2]", [("wrong-type", "the file contains a list", 2)]),
    "no JSON": (b"\n  hello", [("broken-json", "broken JSON at column 3: expecting value", 2)]),
    "single quotes": (b"{\n 'Definition': 1}", [("broken-json", "column 2: expecting a key in double quotes", 2)]),
    "missing comma": (b'{"a": 1\n "b": 2}', [("broken-json", "column 2: expecting ','", 2)]),
    "trailing comma": (b'{"a": [1,\n]}', [("broken-json", "column 1: expecting value", 2)]),
    "no colon": (b'{"a" 1}', [("broken-json", "column 6: expecting ':'", 1)]),
    "raw line break in text": (b'{"a": "b\nc"}', [("broken-json", "column 9: invalid control character", 1)]),
    "two objects": (b"{}\n{}", [("broken-json", "something follows", 2)]),
    "cut in a list": (b'{"Instances": [\n', [("truncated-json", "the JSON is truncated", 2)]),
    "cut in a text": (b'{"Definition":\n "Com', [("truncated-json", "begins at line 2, column 2", 2)]),
    "UTF-16": ("{}".encode("utf-16"), [("not-utf8", "UTF-16", 1)]),
    "NUL": (b'{"a":\n"\0"}', [("nul-byte", "a NUL byte at offset 7", 2)]),
    "deep": (b'{"a":\n' + b"[" * 100_000, [("deep-nesting", "hundreds deep", 2)]),
    "deep instance": (b'{"Instances":[\n' + b'{"a":' * 100_000, [("deep-nesting", "hundreds deep", 2)]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_fault_of_content_has_its_line(what: str, task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    changes, expected = CHANGES[what]
    path = task_file(json.dumps(superni_task(**changes)))
    report = check_collection(tmp_path)
    assert [(p.kind, p.instance, p.severity) for p in report.problems] == [(k, i, "error") for k, _, i in expected]
    for problem, (_, found, _) in zip(report.problems, expected, strict=True):
        assert found in str(problem)
        assert str(problem).startswith(str(path))
        assert problem.task == "task1_x"
        assert len(str(problem)) < 500
        assert str(problem).isprintable()


@pytest.mark.parametrize("what", CHANGES)
def test_reading_refuses_what_checking_calls_an_error(
    what: str, task_file: Write, superni_task: Make, tmp_path: Path
) -> None:
    task_file(json.dumps(superni_task(**CHANGES[what][0])))
    opened = open_collection(tmp_path)
    with pytest.raises(ProblemsError) as caught:
        [list(task.instances()) for task in opened]
    assert caught.value.problems == check_collection(tmp_path).errors


@pytest.mark.parametrize("what", BYTES)
def test_every_fault_of_form_has_its_line(what: str, task_file: Write, tmp_path: Path) -> None:
    data, expected = BYTES[what]
    task_file(data)
    found = [p for p in check_collection(tmp_path).problems if p.kind != "missing-key"]
    assert [problem.kind for problem in found] == [kind for kind, _, _ in expected]
    for problem, (_, message, line) in zip(found, expected, strict=True):
        assert message in problem.found
        assert problem.line == line
    with pytest.raises(ProblemsError):
        list(open_collection(tmp_path))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"Positive Examples": ...}, "missing-key"),
        ({"Positive Examples": [{"input": " ", "output": "x"}]}, "empty-input"),
        ({"Positive Examples": [{"input": "a", "output": ["x", "y"]}]}, "many-example-outputs"),
        ({"Instances": [ROW | {"input": " \n"}]}, "empty-input"),
        ({"Instances": [ROW | {"output": ["yes", ""]}]}, "blank-output"),
    ],
)
def test_what_is_odd_is_a_warning_and_is_read(
    changes: dict[str, Any], kind: str, task_file: Write, superni_task: Make, tmp_path: Path
) -> None:
    task_file(superni_task(**changes))
    report = check_collection(tmp_path)
    assert [(p.kind, p.severity) for p in report.problems] == [(kind, "warning")]
    assert report.warnings
    assert not report.errors
    assert [len(list(task.instances())) for task in open_collection(tmp_path)] == [report.instances]


def test_keys_that_stand_twice_are_told_with_their_place(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    text = json.dumps(superni_task(), indent=1)
    text = text.replace('"Source"', '"Domains"', 1).replace('"id": "t-1"', '"id": "t-1", "input": "other"', 1)
    task_file(text)
    report = check_collection(tmp_path)
    assert [(p.kind, p.instance) for p in report.problems] == [("duplicate-key", None), ("duplicate-key", "[1] t-1")]
    lines = text.split("\n")
    for problem in report.problems:
        key = problem.found.split("'")[1]
        assert problem.line is not None
        assert any(f'"{key}"' in line for line in lines[problem.line - 1 : problem.line + 2])


def test_numbers_that_json_has_not_are_told_wherever_they_stand(
    task_file: Write, superni_task: Make, tmp_path: Path
) -> None:
    told = superni_task(Contributors=[float("nan")], Instances=[ROW | {"weight": float("-inf")}])
    task_file(json.dumps(told))
    problems = check_collection(tmp_path).problems
    assert [(p.kind, p.found, p.instance) for p in problems] == [
        ("not-json", "NaN is not JSON", None),
        ("not-json", "-Infinity is not JSON", "[0] a"),
    ]


def test_a_byte_order_mark_is_told_and_the_rest_is_still_judged(
    task_file: Write, superni_task: Make, tmp_path: Path
) -> None:
    task_file(b"\xef\xbb\xbf" + json.dumps(superni_task(Definition="")).encode())
    assert [p.kind for p in check_collection(tmp_path).problems] == ["byte-order-mark", "empty-definition"]


def test_offsets_are_those_of_the_file_behind_a_byte_order_mark_too(task_file: Write, tmp_path: Path) -> None:
    task_file(b"\xef\xbb\xbf\xe9")
    assert check_collection(tmp_path).problems[1].found.startswith("byte 0xE9 at offset 3")


def test_bytes_that_are_not_utf8_are_told_line_by_line_and_the_rest_is_still_judged(
    task_file: Write, superni_task: Make, tmp_path: Path
) -> None:
    told = superni_task(Definition=["café", "naïve"], Instances=[{"id": "1", "input": "x"}])
    data = json.dumps(told, indent=1, ensure_ascii=False).encode("latin-1")
    task_file(data)
    first, second, third = check_collection(tmp_path).problems
    assert first.found == f"byte 0xE9 at offset {data.index(0xE9)} is not UTF-8 (in Latin-1: 'é')"
    assert first.line == data[: data.index(0xE9)].count(b"\n") + 1
    assert second.line == first.line + 1
    assert third.kind == "no-output"


def test_a_row_is_placed_on_its_own_line(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    rows = superni_task(50)["Instances"]
    rows[37]["output"] = [""]
    path = task_file(superni_task(Instances=rows))
    (problem,) = check_collection(tmp_path).problems
    lines = path.read_text().split("\n")
    assert problem.line is not None
    assert [line.strip() for line in lines[problem.line - 1 : problem.line + 1]] == ["{", '"id": "t-37",']


def test_problems_of_all_files_come_in_one_report(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    task_file("{", "tasks/task1_cut.json")
    task_file(superni_task(), "tasks/task2_sound.json")
    task_file(superni_task(Definition=""), "tasks/task3_mute.json")
    task_file(superni_task(), "tasks/Task4_left_out.json")
    task_file("task2_sound\ntask2_sound\ntask9_x\n../../x\n", "splits/default/test_tasks.txt")
    report = check_collection(tmp_path)
    assert (report.tasks, report.instances) == (3, 6)
    assert [(p.kind, p.severity, p.line) for p in report.problems] == [
        ("not-a-task-file", "warning", None),
        ("listed-twice", "warning", 2),
        ("unknown-task", "warning", 3),
        ("unsafe-name", "warning", 4),
        ("truncated-json", "error", 1),
        ("empty-definition", "error", 12),
    ]


def test_names_that_differ_by_case_alone_are_told(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    task_file(superni_task(), "task1_x.json")
    task_file(superni_task(), "task1_X.json")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system tells no case")
    assert [p.kind for p in check_collection(tmp_path).problems] == ["duplicate-name"]


@pytest.mark.parametrize("make", ["folder", "pipe", "loop", "out", "gone"])
def test_what_is_no_plain_file_inside_is_told(make: str, superni_task: Make, task_file: Write, tmp_path: Path) -> None:
    outside = task_file(superni_task(), "outside.json")
    path = tmp_path / "tasks" / "task1_x.json"
    path.parent.mkdir()
    if make == "folder":
        path.mkdir()
    elif make == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"loop": path, "out": outside, "gone": tmp_path / "tasks" / "nothing"}[make])
    report = check_collection(tmp_path / "tasks")
    assert [p.kind for p in report.problems] == ["outside-link" if make == "out" else "unreadable-file"]
    with pytest.raises(ProblemsError):
        list(open_collection(tmp_path / "tasks"))


def test_lists_of_splits_that_lead_out_are_refused(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    outside = task_file("task1_x", "outside.txt")
    task_file(superni_task(), "all/tasks/task1_x.json")
    folder = tmp_path / "all" / "splits" / "default"
    folder.mkdir(parents=True)
    (folder / "test_tasks.txt").symlink_to(outside)
    assert [p.kind for p in check_collection(tmp_path / "all").problems] == ["outside-link"]
    with pytest.raises(ProblemsError, match="leads out"):
        open_collection(tmp_path / "all")


def test_a_file_without_the_right_to_read_is_told(
    task_file: Write, superni_task: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = task_file(superni_task())
    if os.geteuid() == 0:  # root may read everything, so the system's refusal is played

        def refuse(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
    path.chmod(0)
    (problem,) = check_collection(tmp_path).problems
    assert (problem.kind, problem.found) == ("unreadable-file", "it cannot be read (Permission denied)")


@pytest.mark.parametrize(("name", "kind"), [("nowhere", "no-such-path"), ("empty", "no-tasks")])
def test_a_path_without_tasks_is_a_problem_and_not_an_exception(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = check_collection(tmp_path / name)
    assert (report.tasks, report.instances, [p.kind for p in report.problems]) == (0, 0, [kind])


def test_a_million_faults_are_counted_and_not_all_listed(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    task_file(superni_task(Instances=[1] * 3000))
    report = check_collection(tmp_path)
    assert len(report.problems) == LISTED_PER_KIND + 1
    assert sum(p.count for p in report.problems) == 3000
    assert "2000 more" in str(report.problems[-1])


def test_findings_are_plain_data(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    path = task_file(superni_task(Instances=[ROW | {"output": ""}]))
    findings = check_collection(tmp_path).findings()
    line = path.read_text()[: path.read_text().index('{\n   "id"')].count("\n") + 1
    assert json.loads(json.dumps(findings)) == [
        {
            "kind": "no-output",
            "severity": "error",
            "tasks": ["task1_x"],
            "count": 1,
            "where": f"{path}:{line}, task task1_x, instance [0] a",
            "message": "output is blank; give at least one accepted text",
        }
    ]


def test_a_field_at_the_limit_is_read(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    task_file(superni_task(Instances=[ROW | {"input": "x" * FIELD_LIMIT}]))
    assert not check_collection(tmp_path).problems


def test_memory_holds_one_file_at_a_time(task_file: Write, superni_task: Make, tmp_path: Path) -> None:
    big = json.dumps(superni_task(Instances=[{"id": str(n), "input": "x" * 10_000, "output": "y"} for n in range(100)]))
    for number in range(10):
        task_file(big, f"task{number}_x.json")
    tracemalloc.start()
    try:
        assert check_collection(tmp_path).instances == 1000
        assert tracemalloc.get_traced_memory()[1] < 4 * len(big)
    finally:
        tracemalloc.stop()


def test_checking_loads_no_heavy_library() -> None:
    heavy = ("torch", "numpy", "pandas", "pyarrow", "transformers", "nltk", "pydantic")
    code = "import sys, tuition.tasks.check, tuition.tasks.readers.superni.reader; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tuition.tasks.check" in loaded
    assert not set(heavy) & set(loaded)


@pytest.mark.skipif(not (SHARED / "superni").is_dir(), reason="the shared data is not beside the checkout")
def test_the_real_tasks_have_no_problem() -> None:
    report = check_collection(SHARED / "superni")
    assert (report.tasks, report.instances, report.problems) == (119, 103_496, ())
