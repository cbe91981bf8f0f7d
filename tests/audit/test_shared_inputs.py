from __future__ import annotations

from pathlib import Path

import pytest

from tuition.audit import audit_collection
from tuition.audit.shared_inputs import AUDIT
from tuition.splits.content import content_key
from tuition.tasks.collection import Collection, TaskSplit
from tuition.tasks.readers import open_collection


def rows_of(name: str, count: int = 200, **others: str) -> list[tuple[str, str]]:
    return [(others.get(f"at{n}", f"{name} row {n}"), f"{name} {n}") for n in range(count)]


def pair(make_task, one: dict[str, str], other: dict[str, str]):
    return make_task(rows_of("first", **one), "task1_a"), make_task(rows_of("second", **other), "task2_b")


def test_an_input_that_judges_one_task_and_trains_another_is_a_warning(make_task, make_collection) -> None:
    tasks = pair(
        make_task, {"at5": "a Shared text", "at180": "both train"}, {"at150": "A shared  text", "at160": "both train"}
    )
    (finding,) = audit_collection(make_collection(*tasks), [AUDIT])
    assert (finding.kind, finding.severity, finding.tasks, finding.count) == (
        "test-input-trains-other",
        "warning",
        ("task1_a", "task2_b"),
        1,
    )
    assert "share 2 inputs" in finding.message
    assert "task1_a-5 and task task2_b, instance task2_b-150" in finding.where


def test_inputs_that_leak_nowhere_are_a_note(make_task, make_collection) -> None:
    tasks = pair(make_task, {"at5": "a shared text"}, {"at6": "a shared text"})
    (finding,) = audit_collection(make_collection(*tasks), [AUDIT])
    assert (finding.kind, finding.severity, finding.count) == ("shared-input", "note", 1)


@pytest.mark.parametrize(("answer", "severity"), [("first 5", "error"), ("another", "warning")])
def test_seen_and_unseen_tasks_with_one_input_are_an_error_where_the_output_is_one_too(
    make_task, make_collection, answer: str, severity: str
) -> None:
    one = make_task(rows_of("first"), "task1_a")
    other = make_task([("FIRST row 5", answer)], "task2_b")
    for split in (TaskSplit(("task1_a",), ("task2_b",)), TaskSplit(("task2_b",), ("task1_a",))):
        (finding,) = audit_collection(make_collection(one, other, splits={"default": split}), [AUDIT])
        assert (finding.kind, finding.severity) == ("seen-input-in-unseen", severity)


def test_very_short_and_blank_inputs_are_no_leak(make_task, make_collection) -> None:
    tasks = make_task([("yes", "a"), ("", "b")], "task1_a"), make_task([("yes", "a"), ("", "b")], "task2_b")
    assert audit_collection(make_collection(*tasks), [AUDIT]) == []


def test_the_pairs_of_the_real_tasks_are_those_of_plain_sets(superni: Path) -> None:
    collection = open_collection(superni)
    names = [
        n
        for n in collection.names
        if n.startswith(("task619_", "task620_", "task1612_", "task1615_", "task200_", "task201_"))
    ]
    chosen = Collection(collection.path, tuple(names), collection.read_task)
    sides = {}
    for name in names:
        keys = [content_key(row.input) for row in collection[name].instances()]
        sides[name] = set(keys[:110]), set(keys[110:])
    expected = {}
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            leaking = (sides[one][0] & sides[other][1]) | (sides[one][1] & sides[other][0])
            if leaking:
                expected[one, other] = len(leaking)
    found = {f.tasks: f.count for f in audit_collection(chosen, [AUDIT]) if f.kind == "test-input-trains-other"}
    assert found == expected
    assert len(found) == 3
