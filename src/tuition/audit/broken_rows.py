"""Rows that something broke on their way: lost or misread characters, spreadsheet errors, empty fields, markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.fields import empty_field, missing_field, task_markers
from tuition.audit.finding import AuditFinding, Severity
from tuition.audit.missing import is_missing, says_nothing
from tuition.audit.mojibake import LEADS, misread
from tuition.audit.rows import TaskRows
from tuition.base.errors import clip
from tuition.splits.content import content_key

_Test = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class _Fault:
    """One way in which a text can be broken: `test` returns what shows it, or None.

    A text without any of the characters in `needs` cannot have it; None means that it has to be looked at.
    """

    kind: str
    severity: Severity
    says: str
    advice: str
    needs: frozenset[str] | None
    test: _Test


def _matches(pattern: str, *hints: str) -> _Test:
    """Return a test for a pattern; a text without any of the hints (if there are any) is not searched."""
    compiled = re.compile(pattern)

    def test(text: str) -> str | None:
        if hints and not any(hint in text for hint in hints):
            return None
        match = compiled.search(text)
        return None if match is None else text[max(0, match.start() - 12) : match.end() + 12]

    return test


def _says_nothing(text: str) -> str | None:
    return text if says_nothing(text) else None


def _has_no_words(text: str) -> str | None:
    return text if text.strip() and not any(map(str.isalnum, text)) else None


def _control(text: str) -> str | None:
    """The second range of control characters is mostly mojibake, which is told as such."""
    shown = _CONTROL(text)
    return None if shown is not None and not _C0(text) and misread(text) else shown


def _signs(*ranges: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


_C0_SIGNS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_C0, _CONTROL = _matches(f"[{_C0_SIGNS}]"), _matches(f"[{_C0_SIGNS}\x80-\x9f]")
_INVISIBLE = "\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"

FAULTS = (
    _Fault(
        "spreadsheet-error",
        "warning",
        "hold a program's error in place of text",
        "take the rows out, or find the text that was lost",
        frozenset("#["),
        _matches(r"#(?:VALUE!|REF!|NAME\?|DIV/0!|N/A|NUM!|NULL!)|\[object Object\]", "#", "[obj"),
    ),
    _Fault(
        "placeholder",
        "warning",
        "say nothing but a word for nothing",
        "fill them in, or take the rows out",
        None,
        _says_nothing,
    ),
    _Fault("no-words", "warning", "have no letter and no digit", "check what was there", None, _has_no_words),
    _Fault(
        "mojibake",
        "warning",
        "were read in a wrong encoding on their way",
        "decode them anew (the Python package ftfy can)",
        LEADS,
        misread,
    ),
    _Fault(
        "lost-character",
        "warning",
        "hold a mark for a character that was lost, or one of a font's own",
        "look them up at their source",
        _signs((0xFFFD, 0xFFFD), (0xE000, 0xF8FF)),
        _matches("[\ufffd\ue000-\uf8ff]"),
    ),
    _Fault(
        "unknown-token",
        "warning",
        "hold some tokenizer's mark for a word that it did not know",
        "take them from the source's own text, or leave them out",
        frozenset("U<"),
        _matches(r"(?<!\w)(?:UNK|<unk>)(?!\w)", "UNK", "<unk>"),
    ),
    _Fault(
        "control-character",
        "warning",
        "hold control characters",
        "take them out",
        _signs((0, 8), (11, 12), (14, 31), (127, 159)),
        _control,
    ),
    _Fault(
        "invisible-character",
        "note",
        "hold characters that are not seen (zero width, or changing the direction of writing)",
        "take them out unless their script needs them",
        _signs((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069), (0xFEFF, 0xFEFF)),
        _matches(f"[{_INVISIBLE}]"),
    ),
    _Fault(
        "literal-escape",
        "note",
        "hold a character written as its escape, such as \\n",
        "decode it",
        frozenset("\\"),
        _matches(r"\\r?\\n|\\n(?=[A-Z0-9\s\"'(]|$)|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}", "\\"),
    ),
    _Fault(
        "markup",
        "note",
        "hold HTML",
        "decode it, or keep it if the model shall read it",
        frozenset("&<"),
        _matches(
            r"&(?:amp|lt|gt|quot|nbsp|apos|#\d{1,6}|#x[0-9a-fA-F]{1,6});|<br ?/?>|</(?:p|div|span|b|i|a|li)>", "&", "<"
        ),
    ),
)
# A row is broken where it is the exception; what most rows of a task have is its form.
_EXCEPTION, _FORM = 0.05, 0.5


def find_broken(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find broken rows by what their inputs and outputs hold, a finding for each kind."""
    for what, texts in (
        ("input", [(index, row.input) for index, row in enumerate(rows.rows)]),
        ("output", [(index, output) for index, row in enumerate(rows.rows) for output in row.outputs]),
    ):
        yield from _faults(rows, what, texts)
    yield from _empty_fields(rows)
    yield from _copies(rows)
    yield from _not_in_input(rows)


def _faults(rows: TaskRows, what: str, texts: list[tuple[int, str]]) -> Iterator[AuditFinding]:
    signs = set().union(*(text for _, text in texts))
    faults = [fault for fault in FAULTS if fault.needs is None or not signs.isdisjoint(fault.needs)]
    found: dict[str, dict[int, str]] = {fault.kind: {} for fault in FAULTS}
    for index, text in texts:
        for fault in faults:
            shown = fault.test(text)
            if shown is not None:
                found[fault.kind].setdefault(index, shown)
    for fault in FAULTS:
        met = _not_meant(fault.kind, what, found[fault.kind], len(rows.rows))
        if not met:
            continue
        first = next(iter(met))
        yield AuditFinding(
            fault.kind,
            fault.severity,
            (rows.name,),
            len(met),
            rows.place(first),
            f"{len(met)} of {len(rows.rows)} {what}s {fault.says} ({clip(met[first], 40)!r}); {fault.advice}",
        )


def _not_meant(kind: str, what: str, met: dict[int, str], rows: int) -> dict[int, str]:
    """Return the rows of those met that are faults, and not the task's form or one of its labels.

    A sign alone may be what most inputs are, and a label like any other where many outputs are it. So may a word such
    as `none` be a label; but as an input it says nothing in any number, and `nan` says nothing anywhere.
    """
    if kind not in ("placeholder", "no-words") or len(met) <= _EXCEPTION * rows + 1:
        return met
    if kind == "no-words":
        return met if what == "input" and len(met) <= _FORM * rows else {}
    return met if what == "input" else {index: text for index, text in met.items() if is_missing(text)}


def _empty_fields(rows: TaskRows) -> Iterator[AuditFinding]:
    markers = task_markers([row.input for row in rows.rows])
    empty: dict[int, str] = {}
    for index, row in enumerate(rows.rows):
        field = (missing_field(row.input, markers) or empty_field(row.input, markers)) if markers else None
        if field is not None:
            empty[index] = field
    often = Counter(empty.values())
    rare = {field for field, count in often.items() if count <= _EXCEPTION * len(rows.rows) + 1}
    odd = {at: field for at, field in empty.items() if field in rare or missing_field(rows.rows[at].input, markers)}
    if odd:
        first = next(iter(odd))
        yield AuditFinding(
            "empty-field",
            "warning",
            (rows.name,),
            len(odd),
            rows.place(first),
            f"in {len(odd)} of {len(rows.rows)} inputs a field is empty, or nan, where others are not "
            f"({clip(odd[first], 30)!r} in {clip(rows.rows[first].input, 40)!r}); fill it or take the row out",
        )


def _copies(rows: TaskRows) -> Iterator[AuditFinding]:
    same = [
        index
        for index, (row, key) in enumerate(zip(rows.rows, rows.keys, strict=True))
        if key and any(len(output) <= 2 * len(row.input) and content_key(output) == key for output in row.outputs[:1])
    ]
    if same:
        often = len(same) > _EXCEPTION * len(rows.rows)
        yield AuditFinding(
            "output-is-input",
            "note" if often else "warning",
            (rows.name,),
            len(same),
            rows.place(same[0]),
            f"{len(same)} of {len(rows.rows)} outputs repeat the input ({clip(rows.rows[same[0]].input, 40)!r})"
            + ("; copying is part of this task, so it scores" if often else "; check that nothing was to be done"),
        )


# An answer that is found in nearly every other row's input, and the fewest rows to say so of.
_EXTRACTIVE, _LEAST_ROWS = 0.99, 50


def _not_in_input(rows: TaskRows) -> Iterator[AuditFinding]:
    if len(rows.rows) < _LEAST_ROWS or rows.labels:
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
            rows.place(first),
            f"all but {len(missing)} of {len(rows.rows)} outputs stand word for word in their input; these do not "
            f"({clip(rows.rows[first].outputs[0], 40)!r}): check them",
        )


AUDIT = TaskAudit("broken-rows", "lost and misread characters, errors in place of text, empty fields", find_broken)
