"""Characters that a tokenizer loses or changes when text is encoded and decoded again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tuition.audit.audit import CollectionAudit, Setting
from tuition.audit.finding import AuditFinding
from tuition.audit.lengths import Tokens
from tuition.audit.rows import TaskRows
from tuition.base.errors import clip

_NAMED = 8
_RUN = "  "


@dataclass(slots=True)
class _Losses:
    """The number of a task's rows with each lost character in the input or in an output."""

    task: str
    inputs: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    definition: set[str] = field(default_factory=set)


def round_trip_audit(tokens: Tokens, model: str) -> CollectionAudit:
    """Return the audit of the characters that `model`'s tokenizer loses (T5's: line breaks and braces)."""
    decoded: dict[str, str] = {" ": " "}
    return CollectionAudit(
        "round-trips",
        "characters that a tokenizer loses or changes",
        partial(_keep, tokens=tokens, decoded=decoded),
        partial(_compare, decoded=decoded, model=model),
    )


def _keep(rows: TaskRows, *, tokens: Tokens, decoded: dict[str, str]) -> _Losses:
    found = _Losses(rows.name)
    texts = [rows.task.definition, *(text for row in rows.rows for text in (row.input, *row.outputs))]
    _probe(set().union(*texts) | ({_RUN} if any(_RUN in text for text in texts) else set()), tokens, decoded)
    lost = {character for character, text in decoded.items() if text != character}
    if lost:
        found.definition = _lost_in(rows.task.definition, lost)
        for row in rows.rows:
            found.inputs.update(_lost_in(row.input, lost))
            found.outputs.update(set().union(*(_lost_in(output, lost) for output in row.outputs)))
    return found


def _probe(characters: Iterable[str], tokens: Tokens, decoded: dict[str, str]) -> None:
    """Encode and decode each new character between two letters, where tokenizers do not strip it."""
    new = sorted(set(characters) - decoded.keys())
    for character, ids in zip(new, tokens.ids([f"a{character}b" for character in new]), strict=True):
        text = tokens.decode(ids)
        complete = text[:1] == "a" and text[-1:] == "b" and len(text) > 1
        decoded[character] = text[1:-1] if complete else text


def _lost_in(text: str, lost: set[str]) -> set[str]:
    found = lost.intersection(text)
    return found | {_RUN} if _RUN in lost and _RUN in text else found


def _compare(
    kept: Sequence[_Losses], setting: Setting, *, decoded: dict[str, str], model: str
) -> Iterator[AuditFinding]:
    for part, effect in (("outputs", "the model cannot write them"), ("inputs", "the model does not see them")):
        counts: Counter[str] = Counter()
        for one in kept:
            counts.update(one.outputs if part == "outputs" else one.inputs)
            if part == "inputs":
                counts.update(one.definition)
        if not counts:
            continue
        tasks = tuple(one.task for one in kept if (one.outputs if part == "outputs" else one.inputs or one.definition))
        named = ", ".join(
            f"{_name(character)} {_becomes(decoded[character])} ({rows})"
            for character, rows in counts.most_common(_NAMED)
        )
        more = f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else ""
        yield AuditFinding(
            "lost-by-tokenizer",
            "warning" if part == "outputs" else "note",
            tasks,
            max(counts.values()),
            f"{part} of {len(tasks)} tasks, first {clip(tasks[0], 80)}",
            f"the tokenizer of {clip(model, 60)} loses {len(counts)} characters (rows): {named}{more}; {effect}",
        )


def _name(character: str) -> str:
    if character == _RUN:
        return "a run of spaces"
    return repr(character) if character.isprintable() else ascii(character)


def _becomes(text: str) -> str:
    return f"becomes {clip(text, 20)!r}" if text else "is dropped"
