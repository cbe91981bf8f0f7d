from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tuition.base.errors import ProblemsError
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Instance, Task

Write = Callable[..., Path]

REAL = SHARED / "t0"

ROW = {"prompt": "Say yes.\n", "completion": "yes"}


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_file_is_a_task_whose_prompts_hold_the_instruction(task_file: Write) -> None:
    (task,) = open_collection(task_file(lines(ROW, {"prompt": "a\rb", "completion": ["None"]}), "ag_news_x.jsonl"))
    assert task == Task("ag_news_x", (), task.read_instances)
    assert task.definition == ""
    assert list(task.instances()) == [
        Instance("ag_news_x-0", "Say yes.\n", ("yes",)),
        Instance("ag_news_x-1", "a\rb", ("None",)),
    ]


def test_a_list_of_completions_asks_for_a_card_that_says_what_it_is(task_file: Write) -> None:
    path = task_file(lines(ROW, {"prompt": "x", "completion": ["sport", "money"]}), "x.jsonl")
    (problem,) = check_collection(path).errors
    assert (problem.kind, problem.line) == ("list-of-outputs", 2)
    assert "--outputs references" in problem.expected
    (path.parent / "x.task.yaml").write_text("input: prompt\noutput: completion\noutputs: references")
    (task,) = open_collection(path)
    assert [row.outputs for row in task.instances()] == [("yes",), ("sport", "money")]


def test_ids_and_other_columns_are_kept(task_file: Write) -> None:
    (task,) = open_collection(task_file(lines({**ROW, "id": "q7", "label": 3, "meta": {"a": ["b"]}}), "x.jsonl"))
    (row,) = task.instances()
    assert (row.id, row.fields) == ("q7", {"label": 3, "meta": {"a": ["b"]}})


def test_the_list_beside_the_files_tells_their_datasets(task_file: Write, tmp_path: Path) -> None:
    for name in ("b_one", "a_two", "c"):
        task_file(lines(ROW), f"{name}.jsonl")
    task_file('template,dataset,rows\r\na_two,"a, the first",1\nb_one,b,2\nz_gone,z,5\nz_empty,z,0\n', "templates.csv")
    opened = open_collection(tmp_path)
    assert {task.name: task.sources for task in opened} == {"a_two": ("a, the first",), "b_one": ("b",), "c": ()}
    assert open_collection(tmp_path / "b_one.jsonl")["b_one"].sources == ("b",)
    assert [(p.kind, p.severity, p.file and p.file.name) for p in check_collection(tmp_path).problems] == [
        ("unknown-task", "warning", "templates.csv"),
        ("not-listed", "warning", "templates.csv"),
        ("other-count", "warning", "b_one.jsonl"),
    ]


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        ("template,dataset\n", []),
        ("name,rows\nx,1\n", ["unknown-columns"]),
        ("", ["unknown-columns"]),
        ("template,dataset,rows\nx,a,1\nx,b,1\nx,a\n\nx,a,1,2\n", ["listed-twice", "ragged-row", "ragged-row"]),
        ('template,dataset,rows\nx,a,1\n"x"y,"b,1\n', ["broken-csv"]),
        ("template,dataset,rows\nx,a,many\n", []),
    ],
)
def test_a_faulty_list_is_a_warning(content: str, kinds: list[str], task_file: Write, tmp_path: Path) -> None:
    task_file(lines(ROW), "x.jsonl")
    task_file(content, "templates.csv")
    report = check_collection(tmp_path)
    assert not report.errors
    assert [problem.kind for problem in report.problems] == kinds
    assert [len(list(task.instances())) for task in open_collection(tmp_path)] == [1]


def test_a_list_that_is_no_text_is_refused(task_file: Write, tmp_path: Path) -> None:
    task_file(lines(ROW), "x.jsonl")
    task_file(b"template,dataset\nx,\xe9\n", "templates.csv")
    assert [problem.kind for problem in check_collection(tmp_path).errors] == ["not-utf8"]
    with pytest.raises(ProblemsError, match="0xE9"):
        open_collection(tmp_path)


def test_every_bad_row_is_told_with_its_line(task_file: Write) -> None:
    bad = [
        {"prompt": 3, "completion": "x"},
        {"prompt": "x"},
        [1],
        {"prompt": "x", "completion": [""]},
        {"completion": "x"},
    ]
    path = task_file(lines(ROW, *bad) + "{\n" + lines({"prompt": " ", "completion": "x"}), "x.jsonl")
    report = check_collection(path)
    assert [(p.kind, p.line, p.instance, p.severity) for p in report.problems] == [
        ("wrong-type", 2, "[1]", "error"),
        ("no-output", 3, "[2]", "error"),
        ("wrong-type", 4, "[3]", "error"),
        ("no-output", 5, "[4]", "error"),
        ("missing-key", 6, "[5]", "error"),
        ("broken-json", 7, None, "error"),
        ("empty-input", 8, "[6]", "warning"),
    ]
    (task,) = open_collection(path)
    with pytest.raises(ProblemsError) as caught:
        list(task.instances())
    assert caught.value.problems == report.errors


def test_opening_reads_no_row(task_file: Write, tmp_path: Path) -> None:
    task_file(lines(ROW), "a.jsonl")
    task_file(b"\xff\xfe no JSON", "b.jsonl")
    opened = open_collection(tmp_path)
    assert opened.names == ("a", "b")
    assert opened["b"].name == "b"
    with pytest.raises(ProblemsError, match="UTF-16"):
        list(opened["b"].instances())


def test_a_link_out_of_the_collection_is_refused(task_file: Write, tmp_path: Path) -> None:
    task_file(lines(ROW), "in/a.jsonl")
    outside = task_file(lines(ROW), "outside.jsonl")
    (tmp_path / "in" / "b.jsonl").symlink_to(outside)
    opened = open_collection(tmp_path / "in")
    for act in (lambda: opened["b"], opened.fingerprint):
        with pytest.raises(ProblemsError, match="leads out of the collection"):
            act()
    assert [problem.kind for problem in check_collection(tmp_path / "in").errors] == ["outside-link"]


def test_the_fingerprint_changes_with_names_rows_and_the_list(task_file: Write, tmp_path: Path) -> None:
    prints = []
    for name, row, listed in [("a", ROW, "a,x"), ("a", ROW, "a,y"), ("b", ROW, "a,x"), ("a", {**ROW, "n": 1}, "a,x")]:
        folder = f"{name}{row}{listed}".replace("/", "")
        task_file(lines(row), f"{folder}/{name}.jsonl")
        task_file(f"template,dataset\n{listed}\n", f"{folder}/templates.csv")
        prints.append(open_collection(tmp_path / folder).fingerprint())
    assert len(set(prints)) == 4
    assert prints[0] == open_collection(tmp_path / f"a{ROW}a,x").fingerprint()


def test_collections_can_be_sent_to_other_processes(task_file: Write) -> None:
    opened = open_collection(task_file(lines(ROW), "x.jsonl"))
    sent, task = pickle.loads(pickle.dumps((opened, opened["x"])))
    assert list(sent["x"].instances()) == list(task.instances()) != []


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared data is not beside the checkout")
def test_the_276_real_tasks_are_what_plain_json_says() -> None:
    opened = open_collection(REAL)
    assert len(opened) == 276
    with (REAL / "templates.csv").open(newline="") as stream:
        datasets = {row["template"]: row["dataset"] for row in csv.DictReader(stream)}
    rows = 0
    for task in opened:
        plain = [json.loads(line) for line in (REAL / f"{task.name}.jsonl").read_bytes().split(b"\n") if line]
        read = [{"prompt": row.input, "completion": row.outputs[0]} for row in task.instances()]
        assert read == plain
        assert task.sources == (datasets[task.name],)
        rows += len(read)
    assert rows == 16_248
    assert len({task.sources for task in opened}) == 36
    report = check_collection(REAL)
    assert (report.tasks, report.instances, report.problems) == (276, rows, ())
