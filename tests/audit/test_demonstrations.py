from __future__ import annotations

from tuition.audit.audit import Setting
from tuition.audit.demonstrations import find_demonstrations

ROWS = [(f"row {n}", "yes" if n % 2 else "no") for n in range(40)]


def found(rows) -> dict[str, tuple[str, int]]:
    return {finding.kind: (finding.severity, finding.count) for finding in find_demonstrations(rows, Setting())}


def test_examples_that_show_both_labels_are_sound(make_rows) -> None:
    assert found(make_rows(ROWS, examples=[("a", "yes"), ("b", "no")])) == {}


def test_examples_of_one_label_among_several_are_a_warning(make_rows) -> None:
    assert found(make_rows(ROWS, examples=[("a", "yes"), ("b", "Yes")])) == {"one-sided-demonstrations": ("warning", 2)}


def test_two_alike_before_another_are_a_note(make_rows) -> None:
    examples = [("a", "no"), ("b", "no"), ("c", "no"), ("d", "yes")]
    assert found(make_rows(ROWS, examples=examples)) == {"one-sided-demonstrations": ("note", 3)}


def test_one_example_and_a_task_of_free_answers_are_not_judged(make_rows) -> None:
    assert found(make_rows(ROWS, examples=[("a", "yes")])) == {}
    assert found(make_rows([(f"row {n}", f"answer {n}") for n in range(40)], examples=[("a", "b"), ("c", "b")])) == {}


def test_an_example_with_a_label_that_no_row_has_is_a_warning(make_rows) -> None:
    assert found(make_rows(ROWS, examples=[("a", "yes"), ("b", "No.")])) == {
        "unknown-demonstration-label": ("warning", 1)
    }


def test_an_example_from_the_test_set_is_a_warning_and_from_train_a_note(make_rows) -> None:
    rows = [(f"row {n}", f"answer {n}") for n in range(200)]
    assert found(make_rows(rows, examples=[("ROW 5", "answer 5")])) == {"demonstration-in-test": ("warning", 1)}
    assert found(make_rows(rows, examples=[("row 150", "x"), ("row  104", "x")])) == {
        "demonstration-in-rows": ("note", 1),
        "demonstration-in-test": ("warning", 1),
    }
