from __future__ import annotations

import pytest

from tuition.audit.mojibake import misread


@pytest.mark.parametrize(
    "text", ["Müller", "café", "“quoted”", "naïve—yes", "10 °C", "£5", "ελληνικά", "кириллица", "東京"]
)
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_utf8_read_as_another_encoding_is_found(text: str, encoding: str) -> None:
    broken = text.encode().decode(encoding, "replace")
    if "\ufffd" in broken:
        pytest.skip("that encoding has no such byte")
    assert misread(broken) is not None
    assert misread(text) is None


@pytest.mark.parametrize("text", ["Sánchez", "attribute–value", "“quoted”", "10 °C", "œuvre"])
def test_utf8_read_as_mac_roman_is_found(text: str) -> None:
    assert misread(text.encode().decode("mac_roman")) is not None
    assert misread(text) is None


def test_what_is_shown_has_its_surroundings() -> None:
    assert misread("x" * 50 + "Ã©" + "y" * 50) == "x" * 12 + "Ã©" + "y" * 12
