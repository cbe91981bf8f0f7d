from __future__ import annotations

import pytest

from tuition.prompts.encodings import find_encoding
from tuition.prompts.missing_fields import lacking
from tuition.tasks.types import Example, Task

PLAIN = Task("t", ("Say it.",), lambda: iter(()), positive_examples=(Example("a", "b", ""), Example("c", "d", "")))


@pytest.mark.parametrize(
    ("encoding", "lacks"),
    [
        ("input-only", ()),
        ("definition+2-positive", ()),
        ("definition+4-positive", ("fewer than 4 positive examples",)),
        ("definition+2-positive+2-negative", ("no negative example",)),
        (
            "definition+2-positive+2-negative+explanation",
            ("no explanation of a positive example", "no negative example"),
        ),
        ("ni-prompt", ("no prompt",)),
        ("ni-avoid+prompt", ("no things to avoid", "no prompt")),
        ("ni-emphasis+prompt", ("no emphasis", "no prompt")),
    ],
)
def test_what_an_encoding_asks_for_and_a_task_lacks_is_named(encoding: str, lacks: tuple[str, ...]) -> None:
    assert sorted(lacking(PLAIN, find_encoding(encoding))) == sorted(lacks)


def test_exemplars_that_take_the_place_of_examples_leave_nothing_lacking() -> None:
    assert lacking(PLAIN, find_encoding("definition+4-shot")) == ()
