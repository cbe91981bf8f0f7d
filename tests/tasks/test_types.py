from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from tuition.tasks.types import Example, Instance, Task, task_fingerprint

ROWS = (Instance("1", "None", ("NA",)), Instance("2", "a\rb", ("1.0", "yes")))


def task(rows: tuple[Instance, ...] = ROWS, **changes: object) -> Task:
    told: dict[str, object] = {"name": "task1_x", "definitions": ("First.", "Second."), **changes}
    return Task(read_instances=lambda: iter(rows), **told)  # type: ignore[arg-type]


def test_the_definition_told_is_the_first_of_several() -> None:
    assert task().definition == "First."


def test_a_task_without_definition_tells_nothing() -> None:
    assert task(definitions=()).definition == ""


def test_instances_are_read_anew_by_every_call() -> None:
    reads = []

    def read() -> Iterator[Instance]:
        reads.append(1)
        return iter(ROWS)

    lazy = Task("task1_x", ("Do.",), read)
    assert not reads
    assert list(lazy.instances()) == list(lazy.instances()) == list(ROWS)
    assert len(reads) == 2


def test_records_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ROWS[0].input = "other"  # type: ignore[misc]


def test_tasks_are_equal_by_what_they_say_and_not_by_their_reader() -> None:
    assert task() == task(rows=())
    assert task() != task(title="Other")


@pytest.mark.parametrize(
    "other",
    [
        task(name="task2_x"),
        task(title="Title"),
        task(positive_examples=(Example("in", "out"),)),
        task(rows=ROWS[::-1]),
        task(rows=(ROWS[0], Instance("2", "a\nb", ("1.0", "yes")))),
        task(rows=(ROWS[0], Instance("2", "a\rb", ("yes", "1.0")))),
    ],
)
def test_the_fingerprint_tells_any_change_of_words_rows_or_order(other: Task) -> None:
    assert task_fingerprint(task()) == task_fingerprint(task())
    assert task_fingerprint(task()) != task_fingerprint(other)
