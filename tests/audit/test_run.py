from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.conftest import make_task
from tuition.audit import AUDITS, audit_collection
from tuition.audit.finding import SEVERITIES, AuditFinding, worst_first
from tuition.base.errors import ProblemsError
from tuition.tasks.collection import Collection, TaskSplit

TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["yes", "no", "a: b: c", "Passage: x Question:", "N/A", "#REF!", "Ã©", "\\n", "&amp;", "東京", "\ud800"]
    ),
)
ROW = st.tuples(
    TEXT, st.lists(TEXT, min_size=1, max_size=3).map(tuple), st.sampled_from(["", "train", "test", "validation"])
)
LANGUAGES = st.sampled_from([(), ("English",), ("Japanese",), ("Klingon",)])


@st.composite
def collections(draw) -> Collection:
    tasks = {
        name: make_task(
            draw(st.lists(ROW, max_size=12)) * draw(st.sampled_from([1, 1, 30])),
            name,
            draw(st.lists(st.tuples(TEXT, TEXT), max_size=3)),
            definitions=tuple(draw(st.lists(TEXT, max_size=2))),
            input_languages=draw(LANGUAGES),
            output_languages=draw(LANGUAGES),
        )
        for name in ("task1_a", "task2_b", "task3_c")[: draw(st.integers(0, 3))]
    }
    split = TaskSplit(tuple(list(tasks)[:1]), tuple(list(tasks)[1:]))
    return Collection(Path("made"), tuple(tasks), tasks.__getitem__, {"default": split} if draw(st.booleans()) else {})


@settings(max_examples=150, deadline=None)
@given(collections())
def test_no_collection_makes_an_audit_raise_and_all_findings_are_plain(collection: Collection) -> None:
    findings = audit_collection(collection)
    for finding in findings:
        assert finding.severity in SEVERITIES
        assert finding.count > 0
        assert set(finding.tasks) <= set(collection.names)
        assert finding.message.isprintable()
        assert len(str(finding)) < 1000
        assert json.loads(json.dumps(finding.plain()))["kind"] == finding.kind
    assert [finding.plain() for finding in audit_collection(collection)] == [finding.plain() for finding in findings]


def test_a_task_that_cannot_be_read_is_passed_over(make_collection) -> None:
    sound = make_task([("same", "a"), ("same", "a")], "task2_b")

    def refuse():
        raise ProblemsError([])

    broken = make_task([], "task1_a")
    broken = type(broken)(name="task1_a", definitions=(), read_instances=refuse)
    assert {finding.tasks for finding in audit_collection(make_collection(broken, sound))} >= {("task2_b",)}


def test_findings_come_the_worst_first() -> None:
    made = [
        AuditFinding(kind, severity, (), 1, "", "") for kind, severity in (("a", "note"), ("b", "error"), ("c", "note"))
    ]
    assert [finding.kind for finding in worst_first(made)] == ["b", "a", "c"]


def test_every_audit_has_its_name_and_says_what_it_is_about() -> None:
    for name in AUDITS:
        assert AUDITS[name].name == name
        assert AUDITS[name].about


def test_auditing_loads_no_heavy_library() -> None:
    import subprocess
    import sys

    code = "import sys; from tuition.audit import AUDITS; [AUDITS[n] for n in AUDITS]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "scipy", "pyarrow", "pandas"} & set(loaded)


@pytest.fixture(scope="module")
def real(superni: Path) -> list[AuditFinding]:
    from tuition.tasks.readers import open_collection

    return audit_collection(open_collection(superni), [AUDITS[name] for name in AUDITS if name != "near-duplicates"])


def tasks_with(findings: list[AuditFinding], kind: str) -> set[str]:
    return {task.split("_")[0] for finding in findings if finding.kind == kind for task in finding.tasks}


@pytest.mark.parametrize(
    ("kind", "tasks"),
    [
        ("too-small", {"task393", "task602", "task640", "task760", "task893"}),
        ("test-in-train", {"task970", "task1533"}),
        ("demonstration-in-test", {"task402"}),
        ("spreadsheet-error", {"task1622", "task1624"}),
        ("empty-field", {"task602"}),
        ("unknown-token", {"task288"}),
        ("answer-not-in-input", {"task401"}),
        ("conflicting-outputs", {"task1622"}),
        ("shared-definition", {"task1385", "task1386", "task1387", "task1388"}),
    ],
)
def test_what_is_known_to_be_wrong_in_the_real_tasks_is_found(
    real: list[AuditFinding], kind: str, tasks: set[str]
) -> None:
    assert tasks_with(real, kind) == tasks


def test_the_task_whose_examples_both_say_yes_is_found(real: list[AuditFinding]) -> None:
    assert "task242" in tasks_with(real, "one-sided-demonstrations")
    assert len(tasks_with(real, "one-sided-demonstrations")) == 13


def test_no_real_task_leaks_by_its_sources_division(real: list[AuditFinding]) -> None:
    assert not [finding for finding in real if finding.severity == "error"]
