from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuition.tasks.readers.common.json_text import Cursor

LEAVES = st.one_of(
    st.none(), st.integers(), st.text('a"\\\\{}[],: \n', max_size=8), st.sampled_from(['}], "', '"}]', "]]"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
)
OBJECTS = st.dictionaries(st.text("ab}]", max_size=2), VALUES, max_size=3)
ROWS = st.one_of(
    st.lists(OBJECTS, min_size=1, max_size=4), st.lists(st.lists(VALUES, max_size=3), min_size=1, max_size=4)
)


def without_rows(text: str) -> tuple[bool, dict[str, Any]]:
    """Whether the list under `rows` was jumped, and the other members as the cursor gives them."""
    cursor = Cursor(text)
    jumped, told = True, {}
    for key in cursor.members():
        if key == "rows":
            jumped = cursor.jumps_list()
        else:
            told[key] = cursor.value()
    cursor.end()
    return jumped, told


@settings(max_examples=400, deadline=None)
@given(rows=ROWS, before=OBJECTS, behind=OBJECTS, indent=st.sampled_from([None, 1]))
def test_the_members_around_a_list_are_those_of_plain_json_without_decoding_it(
    rows: list[Any], before: dict[str, Any], behind: dict[str, Any], indent: int | None
) -> None:
    behind = {key: value for key, value in behind.items() if key not in before}
    text = json.dumps({**before, "rows": rows, **behind}, indent=indent)
    assert without_rows(text)[1] == {**before, **behind}


@pytest.mark.parametrize("indent", [None, 1])
def test_a_plain_list_of_rows_is_jumped(indent: int | None) -> None:
    row = {"id": "1", "input": '}], "x": [{', "output": ["a", "b"]}
    for behind in ({}, {"x": [{"rows": 1}], "y": [[2]]}):
        told = {"a": 1, "rows": [row] * 50, **behind}
        assert without_rows(json.dumps(told, indent=indent)) == (True, {"a": 1, **behind})


@pytest.mark.parametrize("rows", [[], [1], ["x"], {"a": [{}]}, "}]", [{"a": [{"b": 1}], "c": 2}] * 9])
def test_what_cannot_be_jumped_for_certain_is_decoded(rows: object) -> None:
    jumped, told = without_rows(json.dumps({"rows": rows, "x": [{}]}))
    assert (jumped, told) == (False, {"x": [{}]})
