from __future__ import annotations

from collections.abc import Sequence

import pytest

from tuition.audit import AuditFinding, audit_collection
from tuition.audit.lengths import length_audit
from tuition.prompts.encode import encode
from tuition.prompts.encodings import ENCODINGS
from tuition.prompts.types import Encoding


class Words:
    """A tokenizer whose tokens are words: lengths can be counted by hand."""

    overhead = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        self.asked += texts
        return [tuple(range(len(text.split()))) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join("w" * len(ids))


ENCODING: Encoding = ENCODINGS["definition+2-positive"]


def words_of(task, encoding: Encoding = ENCODING) -> list[int]:
    return [2 + len(encode(task, row, encoding).text.split()) for row in task.instances()]


def audited(make_collection, *tasks, limit: int) -> list[AuditFinding]:
    return audit_collection(make_collection(*tasks), [length_audit(ENCODING, Words(), limit)])


def test_what_fits_is_told_in_one_note(make_task, make_collection) -> None:
    task = make_task([("one two", "x"), ("one two three", "y")], examples=[("a", "b")])
    (note,) = audited(make_collection, task, limit=max(words_of(task)))
    assert (note.kind, note.severity, note.count, note.tasks) == ("length-ledger", "note", 0, ())
    assert f"2 of 2 prompts fit into {max(words_of(task))} tokens" in note.message


def test_the_ledger_tells_what_gives_way(make_task, make_collection) -> None:
    short, long = " ".join(["short"] * 3), " ".join(["long"] * 60)
    task = make_task(
        [(short, "x"), (long, "y"), (long + " er", "z")], examples=[("a b c d e f", "b"), ("c d e f g h", "d")]
    )
    small, *_ = words_of(task)
    warning, note = audited(make_collection, task, limit=small)
    assert (warning.kind, warning.severity, warning.count) == ("too-long", "warning", 2)
    assert "2 of 3 prompts" in warning.message
    assert "2 lose 4 examples" in warning.message
    assert "2 have" in warning.message
    assert "truncated at their end instead, 2 would lose the target" in warning.message
    assert "instance [1]" in warning.where
    assert note.count == 2
    assert note.tasks == (task.name,)


def test_an_instruction_that_cannot_fit_is_an_error(make_task, make_collection) -> None:
    task = make_task([("a", "x")], definitions=("word " * 50,))
    kinds = {finding.kind: finding.severity for finding in audited(make_collection, task, limit=20)}
    assert kinds == {"instruction-too-long": "error", "too-long": "warning", "length-ledger": "note"}


def test_rows_that_an_encoding_cannot_tell_are_an_error(make_task, make_collection) -> None:
    name = next(name for name in ENCODINGS if "{rationale}" in ENCODINGS[name].target)
    found = audit_collection(
        make_collection(make_task([("a", "x"), ("b", "y")])), [length_audit(ENCODINGS[name], Words(), 100)]
    )
    assert [(f.kind, f.severity, f.count) for f in found] == [("cannot-be-encoded", "error", 2)]


def test_each_text_is_tokenised_once(make_task, make_collection) -> None:
    tokens = Words()
    task = make_task([(f"row {n % 5}", "yes" if n % 2 else "no") for n in range(50)])
    audit_collection(make_collection(task), [length_audit(ENCODING, tokens, 1000)])
    assert len(tokens.asked) == len(set(tokens.asked)) == 1 + 5 + 2


@pytest.mark.parametrize("limit", [1, 10_000])
def test_an_empty_task_has_no_ledger(make_task, make_collection, limit: int) -> None:
    assert audited(make_collection, make_task([]), limit=limit) == []
