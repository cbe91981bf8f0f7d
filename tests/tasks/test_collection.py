from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.tasks.collection import Collection, name_fault
from tuition.tasks.types import Instance, Task

NAMES = ("task1_add", "task39_sum", "task391_difference", "task392_inverse")


def collection(names: tuple[str, ...] = NAMES, reads: list[str] | None = None, text: str = "in") -> Collection:
    def read(name: str) -> Task:
        if reads is not None:
            reads.append(name)
        return Task(name, ("Do.",), lambda: iter([Instance("1", text, ("out",))]))

    return Collection(Path("here"), names, read)


def test_iteration_reads_each_task_as_it_comes() -> None:
    reads: list[str] = []
    tasks = iter(collection(reads=reads))
    assert next(tasks).name == "task1_add"
    assert reads == ["task1_add"]


def test_membership_and_length_read_nothing() -> None:
    reads: list[str] = []
    tasks = collection(reads=reads)
    assert "task1_add" in tasks
    assert "task1" not in tasks
    assert len(tasks) == 4
    assert not reads


@pytest.mark.parametrize(("short", "full"), [("task39", "task39_sum"), ("task391", "task391_difference")])
def test_a_whole_first_word_names_its_task(short: str, full: str) -> None:
    assert collection().full_name(short) == full
    assert collection()[short].name == full


def test_a_unique_beginning_names_its_task() -> None:
    assert collection().full_name("task392_inv") == "task392_inverse"


def test_a_beginning_of_several_names_is_refused_with_them() -> None:
    with pytest.raises(UserError, match=r"begins 4 task names \(task1_add, task39_sum, .*\); write more of it"):
        collection().full_name("task")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="no task is named 'task39_sun'; nearest: task39_sum"):
        collection().full_name("task39_sun")


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "\0", "x" * 100_000])
def test_hostile_names_are_refused_on_one_short_line(name: str) -> None:
    with pytest.raises(UserError) as caught:
        collection()[name]
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_collection_without_tasks_refuses_every_name() -> None:
    with pytest.raises(UserError, match="no task is named 'x'"):
        collection(())["x"]


def test_the_fingerprint_depends_on_names_and_content() -> None:
    prints = {collection().fingerprint(), collection(NAMES[:2]).fingerprint(), collection(text="other").fingerprint()}
    assert len(prints) == 3
    assert collection().fingerprint() in prints


@pytest.mark.parametrize("name", ["task1152_bard_analogical", "tâche-1", "a b", "superglue.copa"])
def test_ordinary_names_have_no_fault(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../../x", "path separator"),
        ("a/b", "path separator"),
        ("a\\b", "path separator"),
        ("C:x", "path separator"),
        ("..", r"'\.\.'"),
        ("a..b", r"'\.\.'"),
        (".hidden", "begins"),
        ("-rf", "begins"),
        ("trailing ", "ends"),
        ("a\nb", "unprintable"),
        ("a\x1b[31m", "unprintable"),
        ("right\u202eleft", "unprintable"),
        ("\udce9", "unprintable"),
        ("x" * 181, "longer than 180 bytes"),
        ("é" * 91, "longer than 180 bytes"),
        ("", "empty"),
    ],
)
def test_names_unfit_for_paths_and_terminals_have_a_fault(name: str, fault: str) -> None:
    assert re.search(fault, name_fault(name) or "")
