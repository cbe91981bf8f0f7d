"""Tuition's own JSON lines, whole and broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tasks.test_writers import collection, full_task
from tuition.base.errors import ProblemsError
from tuition.tasks.readers import find_reader, open_collection
from tuition.tasks.writers import convert_collection


@pytest.fixture
def made(tmp_path: Path) -> Path:
    convert_collection(collection(full_task()), tmp_path / "made", "jsonl")
    return tmp_path / "made"


def change(file: Path, **changes: Any) -> None:
    lines = file.read_bytes().decode().removesuffix("\n").split("\n")
    lines[0] = json.dumps({**json.loads(lines[0]), **changes})
    file.write_text("\n".join(lines) + "\n")


def kinds(place: Path) -> set[str]:
    """What the audit finds; reading must refuse the same errors."""
    findings = [finding for audit in find_reader(place, "jsonl").audit(place) for finding in audit.findings]
    errors = {finding.kind for finding in findings if finding.severity == "error"}
    refused: set[str] = set()
    try:
        for task in open_collection(place, "jsonl"):
            list(task.instances())
    except ProblemsError as error:
        refused = {problem.kind for problem in error.problems}
    assert bool(errors) == bool(refused)
    assert refused <= errors
    return {finding.kind for finding in findings}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"definitions": "Do it.", "titel": "x"}, "unknown-key"),
        ({"definitions": [" "]}, "empty-definition"),
        ({"title": 3}, "wrong-type"),
        ({"extra": []}, "wrong-type"),
        ({"templates": [{"name": "t"}]}, "wrong-type"),
        ({"templates": [{"name": "t", "input": "x", "joined": "yes"}]}, "wrong-type"),
        ({"templates": [{"name": "t", "input": "x", "code": "y"}]}, "unknown-key"),
        ({"task": "../made"}, "unsafe-name"),
        ({"task": "other"}, "missing-file"),
        ({"task": 7}, "wrong-type"),
    ],
)
def test_a_task_line_that_is_wrong_is_refused(changes: dict[str, Any], kind: str, made: Path) -> None:
    change(made / "tasks.jsonl", **changes)
    assert kind in kinds(made)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"task": "other"}, "wrong-task"),
        ({"split": "dev"}, "unknown-split"),
        ({"split": ["train"]}, "unknown-split"),
        ({"fields": 3}, "wrong-type"),
        ({"rationale": None}, "wrong-type"),
        ({"outputs": [" "]}, "no-output"),
        ({"outputs": None}, "wrong-type"),
        ({"id": "2"}, "duplicate-id"),
        ({"comment": "x"}, "unknown-key"),
    ],
)
def test_a_row_that_is_wrong_is_told(changes: dict[str, Any], kind: str, made: Path) -> None:
    change(made / "instances" / "task001_full.jsonl", **changes)
    assert kind in kinds(made)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty-file"),
        ("[]", "wrong-type"),
        ('{"format": "tuition-jsonl", "version": 2}', "wrong-format"),
        ('{"format": "tuition-jsonl", "version": 1, "splits": []}', "wrong-type"),
        ('{"format": "tuition-jsonl", "version": 1, "splits": {"a": {"train": ["x"]}}}', "unknown-task"),
        ('{"format": "tuition-jsonl", "version": 1, "splits": {"a": {"dev": []}}}', "unknown-task"),
        ('{"format": "tuition-jsonl", "version": 1, "related": {"a": 3}}', "wrong-type"),
        ('{"format": "tuition-jsonl", "version', "truncated-json"),
    ],
)
def test_a_head_that_is_wrong_is_refused(text: str, kind: str, made: Path) -> None:
    (made / "collection.json").write_text(text)
    assert kind in kinds(made)


def test_the_same_task_twice_is_refused(made: Path) -> None:
    file = made / "tasks.jsonl"
    file.write_text(file.read_text() * 2)
    assert kinds(made) == {"duplicate-name"}


def test_a_file_of_rows_that_leads_out_of_the_collection_is_refused(made: Path, tmp_path: Path) -> None:
    rows = made / "instances" / "task001_full.jsonl"
    rows.rename(tmp_path / "elsewhere")
    rows.symlink_to(tmp_path / "elsewhere")
    assert kinds(made) == {"outside-link"}


_JUNK = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"", b"\xff", b"\0", b"null", b"[]", b'""', b"{}", b"\n\n", b"{" * 2000, b'"\\ud800"', b"NaN"]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(["collection.json", "tasks.jsonl", "instances/task001_full.jsonl"]),
    at=st.integers(0, 2000),
    width=st.integers(0, 30),
    junk=_JUNK,
)
def test_whatever_stands_in_a_file_is_read_or_refused_in_words(
    name: str, at: int, width: int, junk: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("fuzz") / "made"
    convert_collection(collection(full_task()), place, "jsonl")
    whole = (place / name).read_bytes()
    (place / name).write_bytes(whole[:at] + junk + whole[at + width :])
    kinds(place)
