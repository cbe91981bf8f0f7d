from __future__ import annotations

import pytest

from tuition.audit.audit import Setting
from tuition.audit.languages import find_languages

ENGLISH = {"input_languages": ("English",), "output_languages": ("English",)}


def found(rows) -> list[tuple[str, str, int]]:
    return [(finding.kind, finding.severity, finding.count) for finding in find_languages(rows, Setting())]


def rows_with(*texts: str, sound: int = 40) -> list[tuple[str, str]]:
    return [*((text, "yes") for text in texts), *((f"a plain text {n}", "no") for n in range(sound))]


def test_a_row_in_another_script_is_a_note(make_rows) -> None:
    rows = make_rows(rows_with("Соломія Бук, Андрій Ровенчак"), **ENGLISH)
    assert found(rows) == [("other-script", "note", 1)]
    (finding,) = find_languages(rows, Setting())
    assert "in Cyrillic" in finding.message
    assert "instance [0]" in finding.where


def test_many_rows_in_another_script_are_a_warning(make_rows) -> None:
    rows = rows_with(*[f"東京へ行く日本語のテキスト{n}" for n in range(10)], sound=10)
    assert found(make_rows(rows, **ENGLISH)) == [("other-script", "warning", 10)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("Japanese", "東京へ行く日本語のテキスト"),
        ("Chinese", "我们今天去北京看朋友"),
        ("Serbian", "Данас је леп дан, danas je lep dan"),
        ("Hindi", "आज मौसम बहुत अच्छा है"),
        ("English", "A café in Kraków, Łódź or Tiệm — with the word “Москва” in it"),
        ("Klingon", "東京へ行く"),
        ("English", "12345 !!! 67890"),
        ("English", "ok да"),
    ],
)
def test_text_in_its_own_script_or_of_an_unknown_language_is_sound(make_rows, language: str, text: str) -> None:
    assert found(make_rows([(text, text)], input_languages=(language,), output_languages=(language,))) == []


def test_a_definition_in_another_script_is_found(make_rows) -> None:
    rows = make_rows(rows_with(), definitions=("Ответьте на вопрос.",), instruction_languages=("English",))
    assert found(rows) == [("other-script", "warning", 1)]


def test_nothing_declared_is_nothing_to_judge(make_rows) -> None:
    assert found(make_rows(rows_with("Соломія Бук, Андрій Ровенчак"))) == []
