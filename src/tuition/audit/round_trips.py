"""What a tokenizer does not give back: characters that are lost or changed on the way into tokens and out again."""

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
    """How many of a task's rows have each sign that is not given back, in the input or in an output."""

    task: str
    inputs: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    definition: set[str] = field(default_factory=set)


def round_trip_audit(tokens: Tokens, model: str) -> CollectionAudit:
    """Return the audit of what `model`'s tokenizer loses of a collection's texts (T5's: line breaks and braces)."""
    back: dict[str, str] = {" ": " "}
    return CollectionAudit(
        "round-trips",
        "characters that a tokenizer loses or changes",
        partial(_keep, tokens=tokens, back=back),
        partial(_compare, back=back, model=model),
    )


def _keep(rows: TaskRows, *, tokens: Tokens, back: dict[str, str]) -> _Losses:
    found = _Losses(rows.name)
    texts = [rows.task.definition, *(text for row in rows.rows for text in (row.input, *row.outputs))]
    _probe(set().union(*texts) | ({_RUN} if any(_RUN in text for text in texts) else set()), tokens, back)
    lost = {sign for sign, text in back.items() if text != sign}
    if lost:
        found.definition = _held(rows.task.definition, lost)
        for row in rows.rows:
            found.inputs.update(_held(row.input, lost))
            found.outputs.update(set().union(*(_held(output, lost) for output in row.outputs)))
    return found


def _probe(signs: Iterable[str], tokens: Tokens, back: dict[str, str]) -> None:
    """Ask what becomes of each new sign between two letters, where no tokenizer strips it."""
    new = sorted(set(signs) - back.keys())
    for sign, ids in zip(new, tokens.ids([f"a{sign}b" for sign in new]), strict=True):
        text = tokens.decode(ids)
        whole = text[:1] == "a" and text[-1:] == "b" and len(text) > 1
        back[sign] = text[1:-1] if whole else text


def _held(text: str, lost: set[str]) -> set[str]:
    held = lost.intersection(text)
    return held | {_RUN} if _RUN in lost and _RUN in text else held


def _compare(kept: Sequence[_Losses], setting: Setting, *, back: dict[str, str], model: str) -> Iterator[AuditFinding]:
    for part, says in (("outputs", "the model cannot write them"), ("inputs", "the model does not see them")):
        counts: Counter[str] = Counter()
        for one in kept:
            counts.update(one.outputs if part == "outputs" else one.inputs)
            if part == "inputs":
                counts.update(one.definition)
        if not counts:
            continue
        tasks = tuple(one.task for one in kept if (one.outputs if part == "outputs" else one.inputs or one.definition))
        told = ", ".join(f"{_name(sign)} {_becomes(back[sign])} ({rows})" for sign, rows in counts.most_common(_NAMED))
        more = f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else ""
        yield AuditFinding(
            "lost-by-tokenizer",
            "warning" if part == "outputs" else "note",
            tasks,
            max(counts.values()),
            f"{part} of {len(tasks)} tasks, first {clip(tasks[0], 80)}",
            f"the tokenizer of {clip(model, 60)} does not give back {len(counts)} signs (rows): {told}{more}; {says}",
        )


def _name(sign: str) -> str:
    return "a run of spaces" if sign == _RUN else ascii(sign) if not sign.isprintable() else repr(sign)


def _becomes(text: str) -> str:
    return f"becomes {clip(text, 20)!r}" if text else "is dropped"
