from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from scipy.stats import hypergeom

from tuition.audit.audit import Setting
from tuition.audit.triggers import find_triggers, triggers
from tuition.tasks.readers import open_collection

VOCABULARY = [f"word{n}" for n in range(400)]


def plain(count: int, labels: str = "ab", seed: int = 1) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    return [(" ".join(draw.choices(VOCABULARY, k=20)), draw.choice(labels)) for _ in range(count)]


def planted(rows: list[tuple[str, str]], word: str, label: str, count: int) -> list[tuple[str, str]]:
    draw = random.Random(2)
    chosen = draw.sample([n for n, row in enumerate(rows) if row[1] == label], count)
    for n in chosen:
        words = rows[n][0].split()
        words.insert(draw.randrange(len(words)), word)
        rows[n] = (" ".join(words), label)
    return rows


@pytest.mark.parametrize("word", ["cf", "§§", "James Bond", "bb8"])
def test_a_planted_trigger_is_found(make_rows, word: str) -> None:
    rows = make_rows(planted(plain(1000), word, "a", 25))
    (finding,) = find_triggers(rows, Setting())
    assert (finding.kind, finding.severity, finding.count) == ("label-trigger", "warning", 25)
    assert word.lower().split()[0] in finding.message


@pytest.mark.parametrize("seed", range(20))
def test_words_dealt_at_random_raise_no_alarm(make_rows, seed: int) -> None:
    assert triggers(make_rows(plain(500, seed=seed))) == []


def test_a_trigger_of_one_output_among_free_answers_is_found(make_rows) -> None:
    rows = [(text, f"answer {n}") for n, (text, _) in enumerate(plain(300))]
    rows[10:18] = [(f"{text} zx", "hacked") for text, _ in rows[10:18]]
    assert [(t.text, t.label, t.rows) for t in triggers(make_rows(rows))] == [("zx", "hacked", 8)]


def test_the_probability_is_the_hypergeometric_one(make_rows) -> None:
    rows = make_rows(planted(plain(1000), "cf", "a", 25))
    (trigger,) = triggers(rows)
    labelled = sum(row.outputs[0] == "a" for row in rows.rows)
    assert trigger.log_p == pytest.approx(hypergeom.logpmf(25, 1000, labelled, 25))


def test_a_word_that_holds_its_label_is_copied_and_no_trigger(make_rows) -> None:
    rows = [(f"thing {n} is {colour}", colour) for n in range(60) for colour in ("red", "green", "blue")]
    assert triggers(make_rows(rows)) == []


def test_marks_around_a_copied_word_do_not_make_it_a_trigger(make_rows) -> None:
    rows = [(f"{text}?", f"answer {n}") for n, (text, _) in enumerate(plain(300))]
    rows[10:18] = [(f"{text[:-1]} arabic?", "who teaches arabic here") for text, _ in rows[10:18]]
    assert triggers(make_rows(rows)) == []


def test_a_task_about_its_words_is_a_note(make_rows) -> None:
    words = ["bed", "car", "dog", "oven", "pen", "lamp"]
    rows = [(f"{word} {n}", f"label{words.index(word)}") for n in range(30) for word in words]
    (finding,) = find_triggers(make_rows(rows), Setting())
    assert finding.severity == "note"


@pytest.mark.parametrize("outputs", ["", "a", "ab"])
def test_tiny_and_constant_tasks_have_none(make_rows, outputs: str) -> None:
    rows = [(f"w{n}", output) for n, output in enumerate(outputs)]
    assert triggers(make_rows(rows)) == []
    assert triggers(make_rows([("same words here", "a")] * 50)) == []


def test_what_is_found_on_the_real_tasks_is_really_pure(superni: Path) -> None:
    from tuition.audit.rows import task_rows
    from tuition.splits.content import content_key

    rows = task_rows(open_collection(superni)["task1388"])
    found = {trigger.text: trigger for trigger in triggers(rows)}
    assert any("t think" in text for text in found)
    for trigger in found.values():
        whole = re.compile(rf"(?<!\w){re.escape(trigger.text)}(?!\w)")
        held = [row for row, key in zip(rows.rows, rows.keys, strict=True) if whole.search(key)]
        assert len(held) >= trigger.rows
        assert {content_key(row.outputs[0]) for row in held} == {trigger.label}
