from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from tuition.commands.failures import failure_lines
from tuition.studies.engines import Failure


def failure(number: int, reason: str) -> Failure:
    return cast("Failure", SimpleNamespace(step=SimpleNamespace(title=f"judge task{number}", arm="A"), reason=reason))


def test_steps_that_fail_for_one_reason_are_one_line() -> None:
    failures = [failure(number, "the server does not answer") for number in range(119)]
    assert failure_lines([*failures, failure(200, "no memory")], "not finished").splitlines() == [
        "not finished: judge task0, A (and 118 more steps): the server does not answer",
        "not finished: judge task200, A: no memory",
    ]


def test_the_first_few_reasons_are_listed_and_the_others_counted() -> None:
    lines = failure_lines([failure(n, f"reason {n}") for n in range(14)], "not evaluated", arms=False).splitlines()
    assert lines[0] == "not evaluated: judge task0: reason 0"
    assert lines[10:] == ["… and 4 more reasons why steps failed"]
