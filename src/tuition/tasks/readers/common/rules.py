"""The rules for what a task may hold; reading and checking, in every format, judge by these alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.types import Example, Instance, RowSplit

# A million characters are some 200,000 tokens, more than the models here read, and about forty times the longest
# field of the 119 Super-NaturalInstructions test tasks: such a field is an accident (an unclosed quote, a pasted file).
FIELD_LIMIT = 1_000_000

# What is kept beside the schema's fields nests this deep at most: encoders give up not far beyond.
_DEEPEST = 50
# … and its whole numbers have 64 bits; floats reach further without loss, but for infinity.
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


@dataclass(frozen=True, slots=True)
class RowKeys:
    """Where a row keeps its input and its output, and whether its input may be blank (the task's text says it all)."""

    input: str = "input"
    output: str = "output"
    blank_input: bool = False


_ROW_KEYS = RowKeys()


def is_text(value: object, what: str, found: Findings) -> bool:
    """Whether `value` is text that can be used as it stands; if not, `found` hears why."""
    if type(value) is str and value.isascii() and len(value) <= FIELD_LIMIT and "\0" not in value:
        return True
    if not isinstance(value, str):
        found.error("wrong-type", f"{what} is {kind_of(value)}", "it must be text in double quotes")
        return False
    if len(value) > FIELD_LIMIT:
        found.error(
            "field-too-long",
            f"{what} has {len(value):,} characters",
            f"a field may have {FIELD_LIMIT:,}; shorten it or look for a quote that is not closed",
        )
        return False
    if "\0" in value:
        found.error("nul-character", f"{what} holds the character \\u0000", "take it out")
        return False
    return _is_encodable(value, what, found)


def _is_encodable(value: str, what: str, found: Findings) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        found.error(
            "lone-surrogate",
            f"{what} holds half a character, \\u{code:04x}, at character {error.start}",
            "write the whole pair of escapes, or the character itself",
        )
        return False
    return True


def is_plain(value: object, what: str, found: Findings, depth: int = 0) -> bool:
    """Whether a JSON value, kept as it is, holds only text that can be written back; if not, `found` hears why."""
    if isinstance(value, str):
        return is_text(value, what, found)
    if depth > _DEEPEST:
        found.error("deep-nesting", f"{what} nests more than {_DEEPEST} deep", "make it flatter")
        return False
    if isinstance(value, dict):
        names = [is_text(name, f"a key of {what}", found) for name in value]
        parts = [is_plain(part, clip(f"{what}.{name}"), found, depth + 1) for name, part in value.items()]
        return all(names) and all(parts)
    if (isinstance(value, int) and not _SMALLEST <= value <= _LARGEST) or value in (math.inf, -math.inf):
        found.error("number-too-large", f"{what} is {kind_of(value)}", "write it as text to keep it as it is")
        return False
    if isinstance(value, list):
        parts = [is_plain(part, clip(f"{what}[{number}]"), found, depth + 1) for number, part in enumerate(value)]
        return all(parts)
    return True


def texts(value: object, what: str, found: Findings) -> tuple[str, ...] | None:
    """Return a text or a list of texts as a tuple, exactly as they stand; None if something in it is no text."""
    if isinstance(value, str):
        return (value,) if is_text(value, what, found) else None
    if not isinstance(value, list):
        found.error("wrong-type", f"{what} is {kind_of(value)}", "it must be text or a list of texts")
        return None
    if len(value) == 1:
        return tuple(value) if is_text(value[0], what, found) else None
    sound = [is_text(item, f"{what}[{number}]", found) for number, item in enumerate(value)]
    return tuple(value) if all(sound) else None


def definitions(value: object, what: str, found: Findings) -> tuple[str, ...] | None:
    """Return the definitions; there must be one, and none may be blank."""
    told = texts(value, what, found)
    if told is not None and not (told and all(text.strip() for text in told)):
        found.error("empty-definition", f"{what} is empty", "say in words what is to be done")
        return None
    return told


def examples(value: object, what: str, found: Findings, keys: Mapping[str, str] | None = None) -> tuple[Example, ...]:
    """Return the worked examples of a list; each needs an input and an output.

    `keys` gives the further keys of an example and the fields of Example that they fill.
    """
    if not isinstance(value, list):
        found.error("wrong-type", f"{what} is {kind_of(value)}", "it must be a list of examples")
        return ()
    told = [_example(item, f"{what}[{number}]", keys or _EXAMPLE_KEYS, found) for number, item in enumerate(value)]
    return tuple(example for example in told if example is not None)


_EXAMPLE_KEYS = {"explanation": "explanation", "suggestion": "suggestion"}


def _example(value: object, what: str, keys: Mapping[str, str], found: Findings) -> Example | None:
    if not isinstance(value, dict):
        found.error("wrong-type", f"{what} is {kind_of(value)}", 'an example is an object with "input" and "output"')
        return None
    if "input" not in value:
        found.error("missing-key", f'{what} has no "input"', "every example has one")
    elif is_text(value["input"], f"{what}.input", found) and not value["input"].strip():
        found.warning("empty-input", f"{what}.input is empty", "show what the example answers")
    outputs = _outputs(value, "output", f"{what}.output", "example-without-output", found)
    if outputs is not None and len(outputs) > 1:
        found.warning("many-example-outputs", f"{what} has {len(outputs)} outputs", "only the first is told")
    others = [key for key in value if key not in keys and key not in ("input", "output")]
    if others:
        named = ", ".join(repr(clip(key, 40)) for key in others[:3])
        found.warning("unknown-key", f"{what} has {named} too", f"an example keeps {', '.join(keys)} and no more")
    more = {keys[key]: value[key] for key in keys if key in value}
    sound = [is_text(value[key], f"{what}.{key}", found) for key in keys if key in value]
    if outputs is None or not isinstance(value.get("input"), str) or not all(sound):
        return None
    return Example(value["input"], outputs[0], **more)


def instance(
    row: object,
    index: int,
    seen: dict[str, int],
    found: Findings,
    keys: RowKeys = _ROW_KEYS,
    split: RowSplit = "",
) -> Instance | None:
    """Return a row as an Instance, or None where it has faults.

    `seen` holds the ids met so far with their indices and is added to. A row without an id gets the task's name and
    its own index as one. What it has besides id, input and output is kept in `Instance.fields`.
    """
    if not isinstance(row, dict):
        expected = f'an instance is an object with "{keys.input}" and "{keys.output}"'
        found.error("wrong-type", f"it is {kind_of(row)}", expected)
        return None
    name = row.get("id", f"{found.task}-{split}-{index}" if split else f"{found.task}-{index}")
    sound = is_text(name, "id", found)
    if sound and seen.setdefault(name, index) != index:
        found.error("duplicate-id", f"the id is that of instance [{seen[name]}] too", "give each instance its own id")
        sound = False
    if keys.input not in row:
        found.error("missing-key", f'it has no "{keys.input}"', "every instance has one")
        sound = False
    elif not is_text(row[keys.input], keys.input, found):
        sound = False
    elif not keys.blank_input and not row[keys.input].strip():
        found.warning("empty-input", f"the {keys.input} is empty", "say what the output answers")
    fields: dict[str, Any] = {}
    if len(row) > ("id" in row) + 2:
        fields = {key: value for key, value in row.items() if key not in ("id", keys.input, keys.output)}
        sound = all([is_plain(fields, "it", found), sound])
    outputs = _outputs(row, keys.output, keys.output, "no-output", found)
    if not sound or outputs is None:
        return None
    return Instance(name, row[keys.input], outputs, fields=fields, split=split)


def _outputs(row: dict[str, Any], key: str, what: str, kind: str, found: Findings) -> tuple[str, ...] | None:
    if key not in row:
        found.error(kind, f"{what} is missing", "give a text or a list of accepted texts")
        return None
    outputs = texts(row[key], what, found)
    if outputs is None:
        return None
    blank = sum(1 for output in outputs if not output or output.isspace())
    if blank == len(outputs):
        found.error(kind, f"{what} is {'blank' if outputs else 'an empty list'}", "give at least one accepted text")
        return None
    if blank:
        found.warning("blank-output", f"{what} holds {blank} blank among {len(outputs)} texts", "take the blank out")
    return outputs


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words: `a number (3)`, `a list`, `null`."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (int, float)):
        return f"a number ({clip(str(value), 40)})"
    if isinstance(value, str):
        return f"text ({clip(value, 40)!r})"
    return "a list" if isinstance(value, list) else "an object"
