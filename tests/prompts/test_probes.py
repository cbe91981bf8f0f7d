from __future__ import annotations

import pytest

from tuition.base.errors import UserError
from tuition.prompts import ENCODINGS, encode
from tuition.prompts.probes import PROBES
from tuition.tasks import Example, Instance, Task

ROWS = (Instance("1", "a", ("yes",)), Instance("2", "b", ("no",)))
EXAMPLES = (Example("one", "yes", "so"), Example("two", "maybe"))
TASK = Task(
    "t", ("Say.", "Tell."), lambda: iter(ROWS), positive_examples=EXAMPLES, options=("yes", "no", "maybe")
)  # fmt: skip
OTHER = Task("u", ("Count.",), lambda: iter(()))
BARE = Task("v", ("Say.",), lambda: iter(()))


@pytest.mark.parametrize("name", list(PROBES))
def test_a_probe_changes_one_thing_and_always_the_same(name: str) -> None:
    told = PROBES[name](TASK, [OTHER], 1)
    assert told == PROBES[name](TASK, [OTHER], 1)
    assert told.name == TASK.name
    changed = {
        field
        for field in ("definitions", "positive_examples", "negative_examples", "options")
        if getattr(told, field) != getattr(TASK, field)
    }
    assert len(changed) == 1


def test_what_each_probe_tells() -> None:
    def told(name: str) -> str:
        return encode(PROBES[name](TASK, [OTHER], 1), ROWS[0], ENCODINGS["definition+2-positive+2-negative"]).prefix

    assert told("other-wording").startswith("Definition: Tell.")
    assert told("other-task").startswith("Definition: Count.")
    assert "Definition" not in told("without-definition")
    assert told("reordered-examples").index("two") < told("reordered-examples").index("one")
    assert "Input: one.\n Output: maybe." in told("swapped-outputs")
    assert "Negative Example 1 -\nInput: one.\n Output: no." in told("negative-example")
    assert sorted(PROBES["shuffled-options"](TASK, [], 1).options) == sorted(TASK.options)


@pytest.mark.parametrize("name", [name for name in PROBES if name != "without-definition"])
def test_a_probe_that_cannot_be_made_says_why(name: str) -> None:
    with pytest.raises(UserError, match=f"the probe '{name}' is not possible, since"):
        PROBES[name](BARE, [BARE], 1)
