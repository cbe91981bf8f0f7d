from __future__ import annotations

import pytest

from tuition.audit.audit import Setting
from tuition.audit.labels import find_labels


def found(rows) -> dict[str, tuple[str, int]]:
    return {finding.kind: (finding.severity, finding.count) for finding in find_labels(rows, Setting())}


def rows_of(**counts: int) -> list[tuple[str, str]]:
    outputs = [label for label, count in counts.items() for _ in range(count)]
    return [(f"row {n}", label) for n, label in enumerate(outputs)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"yes": 30, "no": 25}, {}),
        ({"yes": 40}, {"constant-output": ("warning", 40)}),
        ({"yes": 96, "no": 4}, {"constant-output": ("warning", 96)}),
        ({"yes": 80, "no": 20}, {"label-imbalance": ("note", 80)}),
        ({"a": 60, "b": 60, "c": 5}, {"label-imbalance": ("note", 60)}),
        ({"He": 20, "he": 20, "she": 40}, {"label-spellings": ("note", 20)}),
        ({"yes": 5, "no": 1}, {}),
    ],
)
def test_shares_of_labels(make_rows, counts: dict[str, int], expected: dict[str, tuple[str, int]]) -> None:
    assert found(make_rows(rows_of(**counts))) == expected


def test_end_marks_make_a_second_spelling(make_rows) -> None:
    assert found(make_rows([(f"row {n}", ("No", "No.", "Yes")[n % 3]) for n in range(60)])) == {
        "label-spellings": ("note", 20)
    }


def test_free_answers_are_not_judged_by_their_balance(make_rows) -> None:
    rows = [(f"row {n}", "the same" if n < 30 else f"answer {n}") for n in range(100)]
    assert found(make_rows(rows)) == {}
    assert found(make_rows([])) == {}


def test_declared_options_make_a_closed_task_of_any_size(make_rows) -> None:
    rows = [(f"row {n}", "abc"[n % 3] if n else "d") for n in range(13)]
    assert found(make_rows(rows)) == {}
    assert found(make_rows(rows, options=("a", "b", "c", "d"))) == {}
    assert make_rows(rows, options=("a", "b", "c", "d")).labels.total() == 13
