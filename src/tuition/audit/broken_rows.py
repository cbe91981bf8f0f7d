"""Rows that were damaged by processing: lost or misread characters, spreadsheet errors, empty fields, markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.fields import empty_field, missing_field, task_markers
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.missing import is_missing, is_placeholder
from tuition.audit.mojibake import LEADS, misread
from tuition.audit.rows import TaskRows
from tuition.base.errors import clip
from tuition.splits.content import content_key

_Test = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class _Fault:
    """One kind of damage to a text: `test` returns the part of the text that shows it, or None.

    A text without any of the characters in `needs` cannot have it; if `needs` is None, `test` always runs.
    """

    kind: str
    severity: Severity
    description: str
    advice: str
    needs: frozenset[str] | None
    test: _Test


def _matches(pattern: str, *hints: str) -> _Test:
    """Return a test for a pattern; if there are hints, a text without any of them is not searched."""
    compiled = re.compile(pattern)

    def test(text: str) -> str | None:
        if hints and not any(hint in text for hint in hints):
            return None
        match = compiled.search(text)
        return None if match is None else text[max(0, match.start() - 12) : match.end() + 12]

    return test


def _placeholder(text: str) -> str | None:
    return text if is_placeholder(text) else None


def _has_no_words(text: str) -> str | None:
    return text if text.strip() and not any(map(str.isalnum, text)) else None


def _control(text: str) -> str | None:
    """Exclude the second range of control characters in misread text, which is reported as mojibake."""
    shown = _CONTROL(text)
    return None if shown is not None and not _C0(text) and misread(text) else shown


def _characters(*ranges: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


_C0_RANGES = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_C0, _CONTROL = _matches(f"[{_C0_RANGES}]"), _matches(f"[{_C0_RANGES}\x80-\x9f]")
_INVISIBLE = "\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"

FAULTS = (
    _Fault(
        "spreadsheet-error",
        "warning",
        "contain a program's error message instead of text",
        "remove the rows, or restore the lost text",
        frozenset("#["),
        _matches(r"#(?:VALUE!|REF!|NAME\?|DIV/0!|N/A|NUM!|NULL!)|\[object Object\]", "#", "[obj"),
    ),
    _Fault(
        "placeholder",
        "warning",
        "are only a placeholder for a missing text",
        "fill them in, or remove the rows",
        None,
        _placeholder,
    ),
    _Fault("no-words", "warning", "have no letter and no digit", "check the original text", None, _has_no_words),
    _Fault(
        "mojibake",
        "warning",
        "were decoded with a wrong encoding",
        "decode them again (the Python package ftfy can)",
        LEADS,
        misread,
    ),
    _Fault(
        "lost-character",
        "warning",
        "contain the mark of a lost character, or a private character of a font",
        "look up the characters in the source",
        _characters((0xFFFD, 0xFFFD), (0xE000, 0xF8FF)),
        _matches("[\ufffd\ue000-\uf8ff]"),
    ),
    _Fault(
        "unknown-token",
        "warning",
        "contain a tokenizer's mark for an unknown word",
        "take the text from the original source, or remove the rows",
        frozenset("U<"),
        _matches(r"(?<!\w)(?:UNK|<unk>)(?!\w)", "UNK", "<unk>"),
    ),
    _Fault(
        "control-character",
        "warning",
        "contain control characters",
        "remove the characters",
        _characters((0, 8), (11, 12), (14, 31), (127, 159)),
        _control,
    ),
    _Fault(
        "invisible-character",
        "note",
        "contain invisible characters (of zero width, or changing the writing direction)",
        "remove the characters unless the script needs them",
        _characters((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069), (0xFEFF, 0xFEFF)),
        _matches(f"[{_INVISIBLE}]"),
    ),
    _Fault(
        "literal-escape",
        "note",
        "contain an escape sequence instead of a character, such as \\n",
        "decode it",
        frozenset("\\"),
        _matches(r"\\r?\\n|\\n(?=[A-Z0-9\s\"'(]|$)|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}", "\\"),
    ),
    _Fault(
        "markup",
        "note",
        "contain HTML",
        "decode it, or keep it if the model should see it",
        frozenset("&<"),
        _matches(
            r"&(?:amp|lt|gt|quot|nbsp|apos|#\d{1,6}|#x[0-9a-fA-F]{1,6});|<br ?/?>|</(?:p|div|span|b|i|a|li)>", "&", "<"
        ),
    ),
)
# A fault is an exception if at most this share of a task's rows has it; what most rows have is the task's format.
_EXCEPTION, _FORMAT = 0.05, 0.5


def find_broken(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find damaged rows by the content of their inputs and outputs, one finding per kind."""
    for what, texts in (
        ("input", [(index, row.input) for index, row in enumerate(rows.rows)]),
        ("output", [(index, output) for index, row in enumerate(rows.rows) for output in row.outputs]),
    ):
        yield from _faults(rows, what, texts)
    yield from _empty_fields(rows)
    yield from _copies(rows)
    yield from _not_in_input(rows)


def _faults(rows: TaskRows, what: str, texts: list[tuple[int, str]]) -> Iterator[AuditFinding]:
    characters = set().union(*(text for _, text in texts))
    faults = [fault for fault in FAULTS if fault.needs is None or not characters.isdisjoint(fault.needs)]
    found: dict[str, dict[int, str]] = {fault.kind: {} for fault in FAULTS}
    for index, text in texts:
        for fault in faults:
            shown = fault.test(text)
            if shown is not None:
                found[fault.kind].setdefault(index, shown)
    for fault in FAULTS:
        faulty = _unintended(fault.kind, what, found[fault.kind], len(rows.rows))
        if not faulty:
            continue
        first = next(iter(faulty))
        yield AuditFinding(
            fault.kind,
            fault.severity,
            (rows.name,),
            len(faulty),
            rows.where(first),
            f"{len(faulty)} of {len(rows.rows)} {what}s {fault.description} ({clip(faulty[first], 40)!r}); "
            f"{fault.advice}",
        )


def _unintended(kind: str, what: str, matches: dict[int, str], rows: int) -> dict[int, str]:
    """Return the matching rows that are faults, and not the task's format or one of its labels.

    Punctuation alone may be the format of most inputs, or a label if it is many outputs. A word such as `none` may also
    be a label, but as an input it is always a placeholder, and `nan` is one everywhere.
    """
    if kind not in ("placeholder", "no-words") or len(matches) <= _EXCEPTION * rows + 1:
        return matches
    if kind == "no-words":
        return matches if what == "input" and len(matches) <= _FORMAT * rows else {}
    return matches if what == "input" else {index: text for index, text in matches.items() if is_missing(text)}


def _empty_fields(rows: TaskRows) -> Iterator[AuditFinding]:
    markers = task_markers([row.input for row in rows.rows])
    empty: dict[int, str] = {}
    for index, row in enumerate(rows.rows):
        field = (missing_field(row.input, markers) or empty_field(row.input, markers)) if markers else None
        if field is not None:
            empty[index] = field
    counts = Counter(empty.values())
    rare = {field for field, count in counts.items() if count <= _EXCEPTION * len(rows.rows) + 1}
    faulty = {at: field for at, field in empty.items() if field in rare or missing_field(rows.rows[at].input, markers)}
    if faulty:
        first = next(iter(faulty))
        yield AuditFinding(
            "empty-field",
            "warning",
            (rows.name,),
            len(faulty),
            rows.where(first),
            f"in {len(faulty)} of {len(rows.rows)} inputs a field is empty, or nan, which is filled in the others "
            f"({clip(faulty[first], 30)!r} in {clip(rows.rows[first].input, 40)!r}); fill it or remove the row",
        )


def _copies(rows: TaskRows) -> Iterator[AuditFinding]:
    same = [
        index
        for index, (row, key) in enumerate(zip(rows.rows, rows.keys, strict=True))
        if key and any(len(output) <= 2 * len(row.input) and content_key(output) == key for output in row.outputs[:1])
    ]
    if same:
        frequent = len(same) > _EXCEPTION * len(rows.rows)
        yield AuditFinding(
            "output-is-input",
            "note" if frequent else "warning",
            (rows.name,),
            len(same),
            rows.where(same[0]),
            f"{len(same)} of {len(rows.rows)} outputs repeat the input ({clip(rows.rows[same[0]].input, 40)!r})"
            + ("; copying is part of this task, so it scores" if frequent else "; check that they are correct"),
        )


# A task counts as extractive if at least this share of its outputs is in the input, with at least this many rows.
_EXTRACTIVE, _MIN_ROWS = 0.99, 50


def _not_in_input(rows: TaskRows) -> Iterator[AuditFinding]:
    if len(rows.rows) < _MIN_ROWS or rows.labels:
        return
    missing = [
        index
        for index, (row, key) in enumerate(zip(rows.rows, rows.keys, strict=True))
        if not any(content_key(output) in key for output in row.outputs)
    ]
    if 0 < len(missing) <= (1 - _EXTRACTIVE) * len(rows.rows):
        first = missing[0]
        yield AuditFinding(
            "answer-not-in-input",
            "warning",
            (rows.name,),
            len(missing),
            rows.where(first),
            f"all but {len(missing)} of {len(rows.rows)} outputs occur word for word in their input; these do not "
            f"({clip(rows.rows[first].outputs[0], 40)!r}): check them",
        )


AUDIT = TaskAudit("broken-rows", "lost and misread characters, errors instead of text, empty fields", find_broken)
