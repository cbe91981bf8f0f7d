from __future__ import annotations

import pytest

from tuition.audit.fields import empty_field, missing_field, task_markers


def test_the_names_that_nearly_all_inputs_have_are_fields() -> None:
    inputs = [f"Premise: one {n}\n Sentence 1: two: three Note: x{n}" for n in range(40)]
    inputs += ["Premise: a Sentence 1: b"] * 10
    assert task_markers(inputs) == {"Premise", "Sentence 1"}
    assert task_markers([]) == task_markers(["Premise: once"]) == frozenset()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Premise: a Choice 1: b", None),
        ("Premise: Choice 1: b", "Premise"),
        ("Premise: . Choice 1: b", "Premise"),
        ("Premise: a Choice 1:", "Choice 1"),
        ("nothing of the kind", None),
        ("", None),
        ("Premise:a Choice 1:b", None),
    ],
)
def test_the_first_field_without_text_is_named(text: str, field: str | None) -> None:
    assert empty_field(text, frozenset({"Premise", "Choice 1"})) == field


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Premise: NaN Choice 1: b", "Premise"),
        ("Premise: a Choice 1: nan", "Choice 1"),
        ("Premise: nan bread Choice 1: none", None),
        ("Premise: Choice 1: b", None),
        ("Other: nan", None),
    ],
)
def test_the_first_field_that_a_program_left_as_missing_is_named(text: str, field: str | None) -> None:
    assert missing_field(text, frozenset({"Premise", "Choice 1"})) == field
