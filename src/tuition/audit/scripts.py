"""Scripts: the script of a letter, and the scripts of a language."""

from __future__ import annotations

import bisect
import unicodedata
from collections import Counter

# Blocks of letters: first and last code point, and script. Code points between blocks have no script here.
_BLOCKS: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x024F, "Latin"),
    (0x0250, 0x02AF, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058F, "Armenian"),
    (0x0591, 0x05F4, "Hebrew"),
    (0x0600, 0x077F, "Arabic"),
    (0x08A0, 0x08FF, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"),
    (0x0B00, 0x0B7F, "Odia"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"),
    (0x0D80, 0x0DFF, "Sinhala"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"),
    (0x0F00, 0x0FFF, "Tibetan"),
    (0x1000, 0x109F, "Myanmar"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1200, 0x139F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x3040, 0x30FF, "Kana"),
    (0x3130, 0x318F, "Hangul"),
    (0x31F0, 0x31FF, "Kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xAC00, 0xD7FF, "Hangul"),
    (0xF900, 0xFAFF, "Han"),
    (0xFB50, 0xFDFF, "Arabic"),
    (0xFE70, 0xFEFC, "Arabic"),
    (0xFF21, 0xFF5A, "Latin"),
    (0xFF66, 0xFF9D, "Kana"),
    (0x20000, 0x323AF, "Han"),
)
_STARTS = [first for first, _, _ in _BLOCKS]

_LATIN = """Afrikaans Albanian Azerbaijani Basque Bosnian Catalan Cebuano Croatian Czech Danish Dutch English Esperanto
    Estonian Filipino Finnish French Galician German Hausa Hungarian Icelandic Igbo Indonesian Irish Italian Javanese
    Latin Latvian Lithuanian Malagasy Malay Maltese Norwegian Polish Portuguese Romanian Slovak Slovenian Somali Spanish
    Swahili Swedish Tagalog Turkish Vietnamese Welsh Xhosa Yoruba Zulu"""
_LANGUAGES: dict[str, frozenset[str]] = {name.lower(): frozenset({"Latin"}) for name in _LATIN.split()}
for _names, _scripts in (
    ("Russian Ukrainian Bulgarian Belarusian Macedonian", "Cyrillic"),
    ("Serbian Uzbek Kazakh Kyrgyz Tajik Mongolian", "Cyrillic Latin"),
    ("Arabic Persian Urdu Pashto Sindhi Uyghur", "Arabic"),
    ("Kurdish", "Arabic Latin"),
    ("Hindi Marathi Nepali Sanskrit Bhojpuri", "Devanagari"),
    ("Bengali Assamese", "Bengali"),
    ("Panjabi Punjabi", "Gurmukhi Arabic"),
    ("Chinese Mandarin Cantonese", "Han"),
    ("Japanese", "Kana Han"),
    ("Korean", "Hangul Han"),
    ("Greek", "Greek"),
    ("Hebrew Yiddish", "Hebrew"),
    ("Amharic Tigrinya", "Ethiopic"),
    ("Oriya Odia", "Odia"),
    ("Sinhala Sinhalese", "Sinhala"),
    ("Burmese", "Myanmar"),
    ("Khmer Lao Thai Tibetan Armenian Georgian Gujarati Kannada Malayalam Tamil Telugu", ""),
):
    for _name in _names.split():
        _LANGUAGES[_name.lower()] = frozenset((_scripts or _name).split())


def scripts_of(languages: tuple[str, ...]) -> frozenset[str] | None:
    """Return the scripts that languages are written in; None if a language's English name is not known.

    Examples:
        >>> sorted(scripts_of(("Japanese",)))
        ['Han', 'Kana']
    """
    found = [_LANGUAGES.get(language.strip().lower()) for language in languages]
    known = [scripts for scripts in found if scripts is not None]
    return frozenset().union(*known) if known and len(known) == len(found) else None


def script_of(letter: str) -> str | None:
    """Return the script of a letter; None if it is not a letter, or its script is not known here."""
    code = ord(letter)
    if not letter.isalpha() or code in (0xAA, 0xB5, 0xBA):  # ª µ º are used in every script
        return None
    block = bisect.bisect_right(_STARTS, code) - 1
    if block < 0 or code > _BLOCKS[block][1]:
        name = unicodedata.name(letter, "")
        return "Latin" if name.startswith("LATIN ") else None
    return _BLOCKS[block][2]


def count_scripts(letters: Counter[str]) -> Counter[str]:
    """Return the number of letters of each script, from the counts of a text's characters."""
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        if script := script_of(letter):
            scripts[script] += count
    return scripts
