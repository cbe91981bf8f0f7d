from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import pytest

from tuition.audit import audit_collection
from tuition.audit import near_duplicates as module
from tuition.audit.near_duplicates import AUDIT, THRESHOLD
from tuition.splits.content import content_key
from tuition.tasks.collection import TaskSplit
from tuition.tasks.readers import open_collection

LONG = "the quick brown fox jumps over the lazy dog while nine grey cats sleep on a warm wall near the old town gate"


def filler(number: int) -> tuple[str, str]:
    draw = random.Random(number)
    return " ".join(f"w{draw.randrange(10**6)}" for _ in range(12)), "x"


def test_a_row_of_test_that_is_nearly_one_of_train_is_a_warning(make_task, make_collection) -> None:
    rows = [filler(n) for n in range(200)]
    rows[4], rows[150] = (f"{LONG}.", "a"), (f"{LONG.upper()} today", "b")
    (finding,) = audit_collection(make_collection(make_task(rows)), [AUDIT])
    assert (finding.kind, finding.severity, finding.tasks, finding.count) == (
        "near-test-in-train",
        "warning",
        ("task1_made",),
        1,
    )
    assert "task1_made-4 and task1_made-150" in finding.where


def test_equal_inputs_are_left_to_the_audits_of_equal_inputs(make_task, make_collection) -> None:
    rows = [filler(n) for n in range(200)]
    rows[4], rows[150] = (LONG, "a"), (LONG.upper(), "b")
    assert audit_collection(make_collection(make_task(rows)), [AUDIT]) == []


def test_punctuation_alone_makes_no_difference_even_for_two_words(make_task, make_collection) -> None:
    rows = [("concert tonight", "a"), ("Concert, tonight!", "a"), ("concert today", "b")]
    (finding,) = audit_collection(make_collection(make_task(rows)), [AUDIT])
    assert (finding.kind, finding.severity, finding.count) == ("near-duplicate", "note", 1)


def test_tasks_that_judge_and_train_on_near_inputs_are_a_warning(make_task, make_collection) -> None:
    one = [filler(n) for n in range(200)]
    other = [filler(n + 1000) for n in range(200)]
    one[3], other[180] = (LONG, "a"), (f"{LONG}s", "b")
    tasks = make_task(one, "task1_a"), make_task(other, "task2_b")
    (finding,) = audit_collection(make_collection(*tasks), [AUDIT])
    assert (finding.kind, finding.severity, finding.tasks) == (
        "near-test-trains-other",
        "warning",
        ("task1_a", "task2_b"),
    )
    split = {"default": TaskSplit(("task2_b",), ("task1_a",))}
    (finding,) = audit_collection(make_collection(*tasks, splits=split), [AUDIT])
    assert (finding.kind, finding.severity) == ("near-seen-in-unseen", "warning")


def test_a_collection_too_large_is_compared_by_its_first_rows_and_says_so(
    make_task, make_collection, monkeypatch
) -> None:
    monkeypatch.setattr(module, "SEQUENCES", 100)
    rows = [(LONG, "a"), (f"{LONG}s", "b"), *(filler(n) for n in range(50))]
    found = audit_collection(make_collection(make_task(rows)), [AUDIT])
    assert [finding.kind for finding in found] == ["near-duplicates-not-sought", "near-duplicate"]
    assert 40 < found[0].count < 50


def brute(texts: list[str]) -> set[int]:
    """The texts with a near one behind them, by sets of words' triples in plain Python."""
    words = [re.findall(r"[^\W_]+", content_key(text)) for text in texts]
    sets = [{tuple(w[k : k + min(3, len(w))]) for k in range(max(len(w) - 2, 1))} if w else set() for w in words]
    found = set()
    for i, j in itertools.combinations(range(len(sets)), 2):
        differ = content_key(texts[i]) != content_key(texts[j]) and sets[i] and sets[j]
        if differ and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= THRESHOLD:
            found.add(i)
    return found


@pytest.mark.parametrize("name", ["task392", "task1390", "task290"])
def test_the_pairs_of_a_real_task_are_those_of_brute_force(
    name: str, superni: Path, make_task, make_collection
) -> None:
    texts = [row.input for row in open_collection(superni)[name].instances()][:400]
    rows = [(text, "x", "train") for text in texts]
    (finding,) = audit_collection(make_collection(make_task(rows)), [AUDIT])
    assert finding.count == len(brute(texts)) > 10
