from __future__ import annotations

from pathlib import Path

import pytest

from tests.splits.made import made_collection, made_task
from tuition.base.errors import ProblemsError, UserError
from tuition.splits.seen import divide_tasks, each_fold
from tuition.splits.seen.record import Excluded
from tuition.tasks.collection import TaskSplit

TASKS = [made_task(f"task{n}_{word}") for n, word in enumerate(["zero", "one", "two", "three"], start=0)]
SHIPPED = {
    "default": TaskSplit(train=("task0_zero",), test=("task1_one", "task2_two")),
    "xlingual": TaskSplit(train=(), test=("task3_three",)),
}
MADE = made_collection(TASKS, splits=SHIPPED)


def divide(path: Path | str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Excluded, ...]]:
    split = divide_tasks(MADE, f"list={path}")
    return split.seen, split.unseen, split.excluded


def test_a_shipped_list_excludes_what_it_does_not_name() -> None:
    assert divide("default") == (
        ("task0_zero",),
        ("task1_one", "task2_two"),
        (Excluded("task3_three", "in neither list of 'default'"),),
    )
    assert divide_tasks(MADE, "list=xlingual").notes == ("no task is left to train on",)
    assert [fold.by for fold in each_fold(MADE, "list")] == ["list=default", "list=xlingual"]


def test_a_shipped_list_with_a_task_on_both_sides_is_refused() -> None:
    both = made_collection(TASKS, splits={"bad": TaskSplit(("task0_zero",), ("task0_zero",))})
    with pytest.raises(UserError, match="'bad' has tasks both seen and unseen: task0_zero"):
        divide_tasks(both, "list=bad")


def test_a_text_file_names_the_unseen_and_all_others_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("task1\r\n\n  task3_three  \ntask1_one", encoding="utf-8")
    assert divide(file) == (("task0_zero", "task2_two"), ("task1_one", "task3_three"), ())
    assert divide_tasks(MADE, f"list={file}").notes == ("1 names occur twice in one list",)


def test_yaml_names_each_side(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("unseen: [task1]\n", encoding="utf-8")
    assert divide(file) == (("task0_zero", "task2_two", "task3_three"), ("task1_one",), ())
    file.write_text("unseen: [task1]\nexcluded:\n- task2\n", encoding="utf-8")
    assert divide(file)[2] == (Excluded("task2_two", "excluded by mine.yaml"),)
    file.write_text("seen: [task3]\nunseen: [task1]\nexcluded:\n- task2\n", encoding="utf-8")
    assert divide(file) == (
        ("task3_three",),
        ("task1_one",),
        (Excluded("task0_zero", "in no list of mine.yaml"), Excluded("task2_two", "excluded by mine.yaml")),
    )


def test_a_folder_is_read_as_a_checkout_writes_it(tmp_path: Path) -> None:
    (tmp_path / "test_tasks.txt").write_text("task2_two\n", encoding="utf-8")
    assert divide(tmp_path)[0] == ("task0_zero", "task1_one", "task3_three")
    (tmp_path / "train_tasks.txt").write_text("task0_zero\n", encoding="utf-8")
    (tmp_path / "excluded_tasks.txt").write_text("task3_three\n", encoding="utf-8")
    seen, unseen, excluded = divide(tmp_path)
    assert (seen, unseen) == (("task0_zero",), ("task2_two",))
    assert [one.task for one in excluded] == ["task1_one", "task3_three"]


def test_unknown_and_doubly_placed_names_are_told_together_with_line_and_nearest(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seen:\n- task0\n- task7_thre\nunseen:\n- task0_zero\n- task\n", encoding="utf-8")
    with pytest.raises(ProblemsError) as caught:
        divide(file)
    told = [(problem.kind, problem.line, str(problem).partition(": ")[2]) for problem in caught.value.problems]
    assert told == [
        ("unknown-task", 3, "no task is named 'task7_thre'; nearest: task3_three, task2_two, task1_one"),
        (
            "seen-and-unseen",
            5,
            "task0_zero is unseen here and seen in mine.yaml, line 2;"
            " a task is either trained on, held out or excluded",
        ),
        (
            "unknown-task",
            6,
            "'task' begins 4 task names (task0_zero, task1_one, task2_two, task3_three); write more of it",
        ),
    ]


def test_a_list_of_a_hundred_thousand_strangers_ends_soon(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\n".join(f"nobody{n}" for n in range(100_000)), encoding="utf-8")
    with pytest.raises(ProblemsError) as caught:
        divide(file)
    assert len(caught.value.problems) == 51
    assert caught.value.problems[-1].found == "the 99950 names from 'nobody50' on were not checked"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "- task1\n", "is not a mapping; give the keys seen, unseen, excluded"),
        ("a.yaml", "unsen: [task1]\n", "unknown key 'unsen'"),
        ("a.yaml", "unseen: task1\n", "'unseen' is not a list of names"),
        ("a.yaml", "unseen: [[task1]]\n", "'unseen' is not a list of names"),
        ("a.yaml", "unseen: {task1: 2}\n", "'unseen' is not a list of names"),
        ("a.yaml", "unseen: [task1\n", "a.yaml"),
        ("a.yaml", "unseen: !!python/name:os.system [task1]\n", "a.yaml"),
        ("a.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nunseen: [*b, *b]\n", "unknown key 'a'"),
        ("a.yaml", "", "a.yaml"),
        ("a.yaml", "unseen: []\n", "names no unseen task"),
        ("a.yaml", "seen: [task1]\n", "names no unseen task"),
        ("a.txt", "", "names no unseen task"),
        ("a.txt", "task1\0", "NUL"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        divide(tmp_path / name)
    assert message in str(caught.value)


def test_bytes_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"task1\ntask\xff\n")
    with pytest.raises(ProblemsError, match="is not UTF-8"):
        divide(tmp_path / "a.txt")


def test_a_path_to_nothing_or_to_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a list of the collection \(the collection ships default, xlingual\)"):
        divide(tmp_path / "none.txt")
    with pytest.raises(UserError, match=r"has no test_tasks.txt"):
        divide(tmp_path)


def test_a_name_with_a_path_in_it_is_only_ever_compared(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("../../etc/passwd\n", encoding="utf-8")
    with pytest.raises(ProblemsError, match="no task is named"):
        divide(tmp_path / "a.txt")
