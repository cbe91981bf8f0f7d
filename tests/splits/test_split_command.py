from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.splits.made import made_task
from tuition.base.errors import UserError
from tuition.cli import app
from tuition.commands.splits import SplitRequest, split_and_print, write_lists
from tuition.splits.seen import Excluded, TasksDivided, divide_tasks
from tuition.tasks.readers import open_collection


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Four tasks of two categories and three datasets; the first two share an input, the last two a definition."""
    folder = tmp_path / "ni" / "tasks"
    folder.mkdir(parents=True)
    tasks = [
        made_task("task001_a", ["one", "two"], categories=["[red]"], sources=["squad"]),
        made_task("task002_b", ["TWO", "three"], categories=["Blue Things"], sources=["squad"]),
        made_task("task003_c", ["four"], categories=["Blue Things"], sources=["drop"], definition="Same."),
        made_task("task004_d", ["five"], categories=["[red]"], sources=["qasc"], definition="Same."),
    ]
    for task in tasks:
        told = {
            "Definition": list(task.definitions),
            "Categories": list(task.categories),
            "Source": list(task.sources),
            "Positive Examples": [],
            "Negative Examples": [],
            "Instances": [{"id": r.id, "input": r.input, "output": list(r.outputs)} for r in task.instances()],
        }
        (folder / f"{task.name}.json").write_text(json.dumps(told), encoding="utf-8")
    return tmp_path / "ni"


def printed(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["split", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_split_is_told_with_what_both_sides_share(checkout: Path) -> None:
    out = printed(checkout, "--by", "category=red")
    assert "category=[red]: 2 seen, 2 unseen, 0 excluded" in out
    assert "squad: task002_b seen, task001_a unseen" in out
    assert "Same.: task003_c seen, task004_d unseen" in out
    assert "1 of 3 unseen rows are among 3 seen rows (the first 1000 rows of each task)" in out
    assert "1 of task001_a in task002_b" in out


def test_json_has_all_of_it(checkout: Path) -> None:
    told = json.loads(printed(checkout, "--by", "category=red", "--json", "--disjoint-sources", "--rows", "all"))
    assert told["seen"] == ["task003_c"]
    assert told["unseen"] == ["task001_a", "task004_d"]
    assert told["excluded"] == [
        {"task": "task002_b", "reason": "shares the source dataset 'squad' with the unseen task001_a"}
    ]
    assert told["counts"] == {"seen": 1, "unseen": 2, "excluded": 1}
    assert told["leaks"]["clean"] is False
    assert told["leaks"]["definitions"] == [{"what": "Same.", "seen": ["task003_c"], "unseen": ["task004_d"]}]
    assert told["leaks"]["inputs"]["rows_per_task"] is None


def test_a_kind_alone_goes_through_all_of_it(checkout: Path) -> None:
    lines = printed(checkout, "--by", "category").splitlines()
    assert [line.split() for line in lines] == [
        ["category", "seen", "unseen", "excluded"],
        ["[red]", "2", "2", "0"],
        ["Blue", "Things", "2", "2", "0"],
    ]
    told = json.loads(printed(checkout, "--by", "dataset", "--json"))
    assert [(fold["by"], fold["unseen"]) for fold in told] == [
        ("dataset=squad", 2),
        ("dataset=drop", 1),
        ("dataset=qasc", 1),
    ]


def test_rows_are_not_read_if_none_are_wanted(checkout: Path) -> None:
    assert "inputs: not compared (--rows 0)" in printed(checkout, "--by", "task=task001", "--rows", "0")


@pytest.mark.parametrize("by", ["category=red", "random=1", "dataset=squad"])
def test_written_lists_are_read_back_as_the_same_split(checkout: Path, by: str) -> None:
    printed(checkout, "--by", by, "--seed", "7", "--disjoint-sources", "--write", checkout / "splits" / "mine")
    collection = open_collection(checkout)
    back = divide_tasks(collection, "list=mine")
    told = json.loads(printed(checkout, "--by", by, "--seed", "7", "--disjoint-sources", "--json"))
    assert [list(back.seen), list(back.unseen)] == [told["seen"], told["unseen"]]
    assert [one.task for one in back.excluded] == [one["task"] for one in told["excluded"]]
    again = divide_tasks(collection, f"list={checkout / 'splits' / 'mine'}")
    assert (again.seen, again.unseen) == (back.seen, back.unseen)


def test_lists_that_say_something_else_are_not_overwritten(tmp_path: Path) -> None:
    split = TasksDivided("x", ("a",), ("b",), (Excluded("c", "why"),))
    write_lists(split, tmp_path)
    write_lists(split, tmp_path)
    assert (tmp_path / "excluded_tasks.txt").read_text(encoding="utf-8") == "c\n"
    with pytest.raises(UserError, match=r"test_tasks.txt: exists already and lists other tasks"):
        write_lists(TasksDivided("x", ("a",), ("c",)), tmp_path)
    assert (tmp_path / "test_tasks.txt").read_text(encoding="utf-8") == "b\n"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"by": "category=green"}, "no category is named 'green'"),
        ({"by": "colour"}, "no task split named 'colour'"),
        ({"by": "category=red", "rows": "many"}, "--rows 'many': write a number of rows (0 for none) or 'all'"),
        ({"by": "category=red", "rows": "-1"}, "--rows '-1'"),
        ({"by": "list"}, "it has no list to split its tasks by"),
    ],
)
def test_what_cannot_be_done_is_refused(checkout: Path, request_: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        split_and_print(SplitRequest(checkout, **request_), as_json=False)
    assert message in str(caught.value)


def test_folds_are_not_written(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--write needs one split; give category a value: category=NAME"):
        split_and_print(SplitRequest(checkout, "category"), as_json=False, write=tmp_path / "lists")
    assert not (tmp_path / "lists").exists()


def test_dividing_tasks_loads_no_torch() -> None:
    import subprocess

    code = "import sys, tuition.commands.splits; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "scipy", "pyarrow", "numpy"} & set(loaded)
