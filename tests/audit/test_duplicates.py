from __future__ import annotations

import pytest

from tuition.audit.audit import Setting
from tuition.audit.duplicates import find_duplicates


def found(rows) -> dict[str, tuple[str, int]]:
    return {finding.kind: (finding.severity, finding.count) for finding in find_duplicates(rows, Setting())}


def test_distinct_inputs_are_not_found(make_rows) -> None:
    assert found(make_rows([(f"row {n}", "x") for n in range(150)])) == {}
    assert found(make_rows([])) == {}


def test_repeats_are_told_whatever_their_case_and_space(make_rows) -> None:
    assert found(make_rows([("One  two", "x"), ("one two ", "x"), ("ONE\ttwo", "x")])) == {
        "duplicate-input": ("note", 2)
    }


def test_blank_inputs_are_no_repeats(make_rows) -> None:
    assert found(make_rows([("", "a"), (" ", "b")])) == {}


@pytest.mark.parametrize(
    ("outputs", "conflicts"),
    [(("yes", "no"), True), (("yes", "Yes "), False), ((("a", "b"), ("b", "c")), False), ((("a", "b"), ("c",)), True)],
)
def test_conflicting_outputs_have_no_accepted_answer_in_common(make_rows, outputs, conflicts: bool) -> None:
    assert ("conflicting-outputs" in found(make_rows([("same", output) for output in outputs]))) is conflicts


def test_a_leak_between_sets_of_the_source_is_an_error(make_rows) -> None:
    rows = make_rows([("a", "x", "train"), ("b", "x", "validation"), ("a", "x", "test"), ("b", "x", "test")])
    assert found(rows) == {
        "test-in-train": ("error", 1),
        "test-in-validation": ("error", 1),
        "duplicate-input": ("note", 2),
    }


def test_a_leak_in_the_studies_order_is_a_warning(make_rows) -> None:
    inputs = [f"row {n}" for n in range(200)]
    inputs[150], inputs[151], inputs[105] = inputs[3], inputs[104], inputs[7]
    assert found(make_rows([(text, "x") for text in inputs])) == {
        "test-in-train": ("warning", 1),
        "test-in-validation": ("warning", 1),
        "validation-in-train": ("warning", 1),
        "duplicate-input": ("note", 3),
    }


def test_a_task_too_small_for_three_sets_has_no_leak(make_rows) -> None:
    assert found(make_rows([("a", "x")] * 50)) == {"duplicate-input": ("note", 49)}


def test_where_names_both_rows(make_rows) -> None:
    finding = next(iter(find_duplicates(make_rows([("z", "x"), ("a", "x"), ("a", "x")]), Setting())))
    assert finding.where == "task task1_made, instance [1] task1_made-1 and [2] task1_made-2"
