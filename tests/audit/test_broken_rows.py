from __future__ import annotations

import pytest

from tuition.audit.audit import Setting
from tuition.audit.broken_rows import find_broken

SOUND = [(f"A plain question, number {n}?", f"Answer {n}.") for n in range(60)]


def found(rows) -> dict[str, int]:
    return {finding.kind: finding.count for finding in find_broken(rows, Setting())}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#VALUE!", "spreadsheet-error"),
        ("sum: #REF! euros", "spreadsheet-error"),
        ("an [object Object] here", "spreadsheet-error"),
        ("N/A", "placeholder"),
        ("Question N/A", "placeholder"),
        (" NaN ", "placeholder"),
        ("[removed]", "placeholder"),
        ("# .", "no-words"),
        ("a cafÃ© in Lyon", "mojibake"),
        ("theyâ\x80\x99re here", "mojibake"),
        ("S√°nchez", "mojibake"),
        ("a lost \ufffd sign", "lost-character"),
        ("a font's \uf02d own", "lost-character"),
        ("nec UNK in", "unknown-token"),
        ("nec <unk> in", "unknown-token"),
        ("a bell \x07", "control-character"),
        ("Nyong\x92o", "control-character"),
        ("no\u200bthing to see", "invisible-character"),
        ("back \u202egnitirw", "invisible-character"),
        (r"one\nTwo", "literal-escape"),
        (r"Enzyklop\u00e4die", "literal-escape"),
        ("AT&amp;T", "markup"),
        ("here<br />there", "markup"),
    ],
)
@pytest.mark.parametrize("side", ["input", "output"])
def test_each_way_of_being_broken_is_found_on_either_side(make_rows, text: str, kind: str, side: str) -> None:
    row = (text, "Answer.") if side == "input" else ("A plain question?", text)
    assert found(make_rows([*SOUND, row])) == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "«Été», dit-il, voilà… à côté",
        "“CAFÉ” and ‘É’",
        "coups d’état",
        "√2 ≈ 1.41",
        r"\nabla \neq \times \u",
        "naïve señor, Ã alone, AT&T; 3 < 5 > 2",
        "trunk UNKNOWN PUNK",
        "None of them",
        "#1 seed, C#",
        "日本語のテキスト",
        "tabs\tand\r\nlines",
    ],
)
def test_sound_text_is_not_found(make_rows, text: str) -> None:
    assert found(make_rows([*SOUND, (text, "Answer.")])) == {}


def test_a_word_for_nothing_is_a_label_where_many_rows_have_it(make_rows) -> None:
    rows = [(f"row number {n}", "None" if n % 2 else "Some") for n in range(60)]
    assert found(make_rows(rows)) == {}


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "null", "NA", "N/A", "<NA>", "NaT", "\\N", "(null)"])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_an_input_that_is_a_word_for_nothing_is_found_in_any_number(make_rows, word: str, share: float) -> None:
    rows = [(word if n < share * 60 else f"message {n}", "good" if n % 3 else "bad") for n in range(60)]
    assert found(make_rows(rows))["placeholder"] == share * 60


def test_what_only_programs_write_for_nothing_is_no_label_in_any_number(make_rows) -> None:
    rows = [(f"row number {n}", ["nan", "none", "good"][n % 3]) for n in range(60)]
    assert found(make_rows(rows)) == {"placeholder": 20}


def test_signs_without_a_word_are_a_form_where_most_inputs_are_such(make_rows) -> None:
    def rows(signs: int) -> list[tuple[str, str]]:
        return [("?" * (n + 1) if n < signs else f"text {n}", f"a{n % 2}") for n in range(60)]

    assert found(make_rows(rows(20))) == {"no-words": 20}
    assert found(make_rows(rows(50))) == {}


@pytest.mark.parametrize("word", ["nan", "NaN", "<NA>"])
def test_a_field_that_is_nan_is_found_in_any_number(make_rows, word: str) -> None:
    rows = [(f"title: text {n}\nbody: {word if n % 2 else 'more'}", f"a{n % 2}") for n in range(60)]
    assert found(make_rows(rows)) == {"empty-field": 30}
    none = [(f"title: text {n}\nhint: {'None' if n % 2 else 'more'}", f"a{n % 2}") for n in range(60)]
    assert found(make_rows(none)) == {}


def test_an_empty_field_is_found_where_the_others_are_filled(make_rows) -> None:
    rows = [(f"Passage: text {n} Question: what is {n}?", f"a {n}") for n in range(60)]
    assert found(make_rows([*rows, ("Passage:   \n Question: what is it?", "b")])) == {"empty-field": 1}
    assert found(make_rows([(f"{text} Answer:", out) for text, out in rows])) == {}


def test_a_copied_input_is_a_warning_where_it_is_rare_and_a_note_where_it_is_common(make_rows) -> None:
    rare = list(find_broken(make_rows([*SOUND, ("same text", "Same  text")]), Setting()))
    assert [(f.kind, f.severity, f.count) for f in rare] == [("output-is-input", "warning", 1)]
    common = list(find_broken(make_rows([(f"text {n}", f"text {n}") for n in range(60)]), Setting()))
    assert [(f.kind, f.severity, f.count) for f in common] == [("output-is-input", "note", 60)]


def test_an_answer_that_alone_is_not_in_its_input_is_found(make_rows) -> None:
    rows = [(f"Find the number in: we have {n} cats", str(n)) for n in range(200)]
    assert found(make_rows(rows)) == {}
    assert found(make_rows([*rows, ("Find the number in: we have nine cats", "9")])) == {"answer-not-in-input": 1}


def test_an_empty_task_has_no_broken_row(make_rows) -> None:
    assert found(make_rows([])) == {}
