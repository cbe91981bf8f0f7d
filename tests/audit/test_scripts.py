from __future__ import annotations

import unicodedata
from collections import Counter

import pytest

from tuition.audit.scripts import count_scripts, script_of, scripts_of


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        ("a", "LATIN"), ("ß", "LATIN"), ("ạ", "LATIN"), ("я", "CYRILLIC"), ("ω", "GREEK"), ("ש", "HEBREW"),
        ("ع", "ARABIC"),
        ("न", "DEVANAGARI"), ("ক", "BENGALI"), ("ਪ", "GURMUKHI"), ("ગ", "GUJARATI"), ("த", "TAMIL"), ("తె"[0], "TELUGU"),
        ("ಕ", "KANNADA"), ("മ", "MALAYALAM"), ("ไ", "THAI"), ("ခ", "MYANMAR"), ("ა", "GEORGIAN"), ("한", "HANGUL"),
        ("አ", "ETHIOPIC"), ("ក", "KHMER"), ("հ", "ARMENIAN"), ("ල", "SINHALA"), ("ລ", "LAO"), ("བ", "TIBETAN"),
    ],
)  # fmt: skip
def test_letters_have_the_script_of_their_unicode_name(letter: str, name: str) -> None:
    assert unicodedata.name(letter).startswith(name)
    assert script_of(letter) == name.capitalize()


@pytest.mark.parametrize(
    ("letter", "script"), [("東", "Han"), ("カ", "Kana"), ("ひ", "Kana"), ("ⅼ", None), ("1", None), ("µ", None)]
)
def test_other_signs(letter: str, script: str | None) -> None:
    assert script_of(letter) == script


def test_languages_are_known_by_their_names() -> None:
    assert scripts_of(("English",)) == {"Latin"}
    assert scripts_of((" serbian ", "Korean")) == {"Cyrillic", "Latin", "Hangul", "Han"}
    assert scripts_of(("English", "Klingon")) is None
    assert scripts_of(()) is None


def test_letters_are_counted_by_script() -> None:
    assert count_scripts(Counter("abc где 12!")) == {"Latin": 3, "Cyrillic": 3}
