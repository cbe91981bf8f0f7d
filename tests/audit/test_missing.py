from __future__ import annotations

import pytest

from tuition.audit.missing import is_missing, is_placeholder


@pytest.mark.parametrize("text", ["nan", " NaN\n", "NaT", "<NA>", "\\N", "(null)", "#N/A"])
def test_what_programs_write_for_a_missing_value_is_known(text: str) -> None:
    assert is_missing(text)
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["none", "None", "NA", "null", "N/A", "[removed]", "Question N/A"])
def test_words_that_may_be_meant_are_no_more_than_words_for_nothing(text: str) -> None:
    assert is_placeholder(text)
    assert not is_missing(text)


@pytest.mark.parametrize("text", ["", "banana", "nan bread", "no", "None of them", "nan" * 20, "\n"])
def test_other_texts_say_something(text: str) -> None:
    assert not is_placeholder(text)
    assert not is_missing(text)
