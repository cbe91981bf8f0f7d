"""Mojibake: UTF-8 that was decoded as Latin-1, Windows-1252 or Mac Roman, so that é became Ã©."""

from __future__ import annotations

import re

_ENCODINGS = ("latin-1", "cp1252", "mac_roman")
# The characters that can begin a misread character. In Mac Roman most of these bytes are quotes, dashes and letters
# that precede other letters in correct text ("«É", "…à"); the six here do not.
_OPENS = {
    "latin-1": {bytes([byte]).decode("latin-1") for byte in range(0xC2, 0xF5)},
    "mac_roman": set("√‚¬ƒ≈∆"),
}
LEADS = frozenset(_OPENS["latin-1"] | _OPENS["mac_roman"])
# Punctuation that can follow a word: "CAFÉ” is not a misread ɔ.
_BEHIND_WORDS = frozenset("‘’“”–—…‚„‹›")


def _tails() -> str:
    bytes_ = [bytes([byte]) for byte in range(0x80, 0xC0)]
    return "".join(sorted({re.escape(byte.decode(name, "ignore")) for byte in bytes_ for name in _ENCODINGS}))


# Nearly no correct text has such a run, so only texts with one are decoded to test them.
_RUN = re.compile(f"[{''.join(sorted(map(re.escape, LEADS)))}][{_tails()}]{{1,3}}")


def misread(text: str) -> str | None:
    """Return the first part of `text` that is misread UTF-8, with a little context; None if there is none.

    Examples:
        >>> misread("a cafÃ© in Lyon")
        'a cafÃ© in Lyon'
    """
    if text.isascii():
        return None
    for match in _RUN.finditer(text):
        if _decodes(match[0]):
            return text[max(0, match.start() - 12) : match.end() + 12]
    return None


def _decodes(run: str) -> bool:
    for name in _ENCODINGS:
        if run[0] not in _OPENS["mac_roman" if name == "mac_roman" else "latin-1"]:
            continue
        try:
            data = run.encode(name)
        except UnicodeEncodeError:
            continue
        length = 2 if data[0] < 0xE0 else 3 if data[0] < 0xF0 else 4
        if length == 2 and run[0] not in "ÃÂ√¬" and run[1] in _BEHIND_WORDS:
            continue
        try:
            data[:length].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False
