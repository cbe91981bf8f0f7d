from __future__ import annotations

from tuition.audit import audit_collection
from tuition.audit.definitions import AUDIT
from tuition.tasks.collection import TaskSplit


def test_a_definition_of_two_tasks_is_a_note_and_of_seen_and_unseen_ones_a_warning(make_task, make_collection) -> None:
    tasks = (
        make_task([], "task1_a", definitions=("Say  YES or no.",)),
        make_task([], "task2_b", definitions=("other", "say yes or no.")),
        make_task([], "task3_c", definitions=("third", "third", "")),
        make_task([], "task4_d", definitions=("",)),
    )
    (finding,) = audit_collection(make_collection(*tasks), [AUDIT])
    assert (finding.kind, finding.severity, finding.tasks) == ("shared-definition", "note", ("task1_a", "task2_b"))
    for split, kind in (
        (TaskSplit(("task1_a",), ("task2_b",)), "seen-definition"),
        (TaskSplit(("task1_a", "task2_b"), ("task3_c",)), "shared-definition"),
    ):
        (finding,) = audit_collection(make_collection(*tasks, splits={"default": split}), [AUDIT])
        assert finding.kind == kind
        assert ("default" in finding.message) is (kind == "seen-definition")
