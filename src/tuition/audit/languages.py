"""Text in another script than the language that a task declares for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TaskRows
from tuition.audit.scripts import count_scripts, scripts_of
from tuition.base.errors import clip

# A text is in a script that has more than half of its letters; fewer letters than this may be a name or a label.
_LEAST_LETTERS = 8
# From this share of a task's texts on, what is wrong is the declaration, not a row.
_MANY = 0.1
# Letters beyond Latin-1 and its extensions: text without any is in the Latin script, or has no letters.
_FOREIGN = re.compile("[\u0370-\uffff\U00010000-\U0010ffff]")
_ASCII_LETTERS = re.compile("[A-Za-z]")


def find_languages(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find a task's definitions, inputs and outputs that are not in a script of the language declared for them."""
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
    met: dict[int, tuple[str, str]] = {}
    lettered = 0
    for number, text in texts:
        script = _script(text, latin="Latin" in expected)
        lettered += script is not None
        if script is not None and script not in expected:
            met.setdefault(number, (script, text))
    if not met:
        return
    many = len(met) > _MANY * lettered
    first = next(iter(met))
    script, text = met[first]
    declared = ", ".join(clip(language, 30) for language in languages)
    yield AuditFinding(
        "other-script",
        "warning" if many else "note",
        (rows.name,),
        len(met),
        f"{rows.place()}, definition {first}" if what == "definition" else rows.place(first),
        f"{len(met)} of {len(texts)} {what}s are not in a script of the declared {what} language ({declared}) but in "
        f"{script} ({clip(text, 40)!r}); {'declare the language that it is' if many else 'check them'}",
    )


def _script(text: str, *, latin: bool) -> str | None:
    """Return the script of most of a text's letters; None where it has too few of them, or no script has most."""
    if latin and not _FOREIGN.search(text):
        return "Latin"
    if latin and len(_FOREIGN.findall(text)) * 2 < len(_ASCII_LETTERS.findall(text)):
        return "Latin"
    counts = count_scripts(Counter(text))
    letters = counts.total()
    if letters < _LEAST_LETTERS:
        return None
    script, count = counts.most_common(1)[0]
    if script == "Han" and counts["Kana"]:  # Japanese is written in both
        return "Kana"
    return script if count * 2 > letters else None


AUDIT = TaskAudit("languages", "text in another script than its declared language", find_languages)
