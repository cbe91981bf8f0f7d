"""Text in another script than that of the language that the task declares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TaskRows
from tuition.audit.scripts import count_scripts, scripts_of
from tuition.base.errors import clip

# A text is in a script if more than half of its letters are; fewer letters than this may be a name or a label.
_MIN_LETTERS = 8
# If more than this share of a task's texts differs, the declaration is wrong, not the rows.
_MANY = 0.1
# Letters beyond Latin-1 and its extensions: text without such letters is in the Latin script, or has no letters.
_FOREIGN = re.compile("[\u0370-\uffff\U00010000-\U0010ffff]")
_ASCII_LETTERS = re.compile("[A-Za-z]")


def find_languages(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find a task's definitions, inputs and outputs that are not in a script of their declared language."""
    task = rows.task
    for what, languages, texts in (
        ("definition", task.instruction_languages, list(enumerate(task.definitions))),
        ("input", task.input_languages, [(n, row.input) for n, row in enumerate(rows.rows)]),
        ("output", task.output_languages, [(n, text) for n, row in enumerate(rows.rows) for text in row.outputs]),
    ):
        expected = scripts_of(languages)
        if expected is not None:
            yield from _other_scripts(rows, what, languages, expected, texts)


def _other_scripts(
    rows: TaskRows, what: str, languages: Sequence[str], expected: frozenset[str], texts: Sequence[tuple[int, str]]
) -> Iterator[AuditFinding]:
    deviating: dict[int, tuple[str, str]] = {}
    lettered = 0
    for number, text in texts:
        script = _script(text, latin="Latin" in expected)
        lettered += script is not None
        if script is not None and script not in expected:
            deviating.setdefault(number, (script, text))
    if not deviating:
        return
    many = len(deviating) > _MANY * lettered
    first = next(iter(deviating))
    script, text = deviating[first]
    declared = ", ".join(clip(language, 30) for language in languages)
    yield AuditFinding(
        "other-script",
        "warning" if many else "note",
        (rows.name,),
        len(deviating),
        f"{rows.where()}, definition {first}" if what == "definition" else rows.where(first),
        f"{len(deviating)} of {len(texts)} {what}s are not in a script of the declared {what} language ({declared}) "
        f"but in {script} ({clip(text, 40)!r}); {'declare the actual language' if many else 'check them'}",
    )


def _script(text: str, *, latin: bool) -> str | None:
    """Return the script of most of a text's letters; None if it has too few letters, or no script has most of them."""
    if latin and not _FOREIGN.search(text):
        return "Latin"
    if latin and len(_FOREIGN.findall(text)) * 2 < len(_ASCII_LETTERS.findall(text)):
        return "Latin"
    counts = count_scripts(Counter(text))
    letters = counts.total()
    if letters < _MIN_LETTERS:
        return None
    script, count = counts.most_common(1)[0]
    if script == "Han" and counts["Kana"]:  # Japanese is written in both
        return "Kana"
    return script if count * 2 > letters else None


AUDIT = TaskAudit("languages", "text in another script than its declared language", find_languages)
