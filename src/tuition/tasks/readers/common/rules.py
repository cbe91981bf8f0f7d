"""The rules for what a task may contain; reading and checking use these rules in every format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuition.base.errors import clip
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.types import Example, Instance, RowSplit

# A million characters are about 200,000 tokens, more than the models here read, and about forty times the longest
# field of the 119 Super-NaturalInstructions test tasks: such a field is an accident (an unclosed quote, a pasted file).
FIELD_LIMIT = 1_000_000

# Values kept in addition to the schema's fields nest at most this deep: JSON encoders fail not far beyond.
_DEEPEST = 50
# … and their integers have 64 bits; floats can be larger without loss, except infinity.
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


@dataclass(frozen=True, slots=True)
class RowKeys:
    """A row's keys of input and output, and whether the input may be blank (if the instruction alone is enough)."""

    input: str = "input"
    output: str = "output"
    blank_input: bool = False


_ROW_KEYS = RowKeys()


def is_text(value: object, what: str, found: Findings) -> bool:
    """Whether `value` is text that can be used unchanged; if not, the reason goes to `found`."""
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
        found.error("nul-character", f"{what} contains the character \\u0000", "remove it")
        return False
    return _is_encodable(value, what, found)


def _is_encodable(value: str, what: str, found: Findings) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        found.error(
            "lone-surrogate",
            f"{what} contains half a character, \\u{code:04x}, at character {error.start}",
            "write both escapes of the pair, or the character itself",
        )
        return False
    return True


def is_plain(value: object, what: str, found: Findings, depth: int = 0) -> bool:
    """Whether all text and numbers of a JSON value can be written back; if not, the reason goes to `found`."""
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
    """Return a text or a list of texts as a tuple, unchanged; None if something in it is not text."""
    if isinstance(value, str):
        return (value,) if is_text(value, what, found) else None
    if not isinstance(value, list):
        found.error("wrong-type", f"{what} is {kind_of(value)}", "it must be text or a list of texts")
        return None
    if len(value) == 1:
        return tuple(value) if is_text(value[0], what, found) else None
    valid = [is_text(item, f"{what}[{number}]", found) for number, item in enumerate(value)]
    return tuple(value) if all(valid) else None


def definitions(value: object, what: str, found: Findings) -> tuple[str, ...] | None:
    """Return the definitions; there must be at least one, and none may be blank."""
    definitions_ = texts(value, what, found)
    if definitions_ is not None and not (definitions_ and all(text.strip() for text in definitions_)):
        found.error("empty-definition", f"{what} is empty", "write an instruction that describes the task")
        return None
    return definitions_


def examples(value: object, what: str, found: Findings, keys: Mapping[str, str] | None = None) -> tuple[Example, ...]:
    """Return the worked examples of a list; each needs an input and an output.

    `keys` maps an example's other keys to the fields of Example that they fill.
    """
    if not isinstance(value, list):
        found.error("wrong-type", f"{what} is {kind_of(value)}", "it must be a list of examples")
        return ()
    parsed = [_example(item, f"{what}[{number}]", keys or _EXAMPLE_KEYS, found) for number, item in enumerate(value)]
    return tuple(example for example in parsed if example is not None)


_EXAMPLE_KEYS = {"explanation": "explanation", "suggestion": "suggestion"}


def _example(value: object, what: str, keys: Mapping[str, str], found: Findings) -> Example | None:
    if not isinstance(value, dict):
        found.error("wrong-type", f"{what} is {kind_of(value)}", 'an example is an object with "input" and "output"')
        return None
    if "input" not in value:
        found.error("missing-key", f'{what} has no "input"', "every example has one")
    elif is_text(value["input"], f"{what}.input", found) and not value["input"].strip():
        found.warning("empty-input", f"{what}.input is empty", "write the input of the example's output")
    outputs = _outputs(value, "output", f"{what}.output", "example-without-output", found)
    if outputs is not None and len(outputs) > 1:
        found.warning("many-example-outputs", f"{what} has {len(outputs)} outputs", "prompts show only the first")
    others = [key for key in value if key not in keys and key not in ("input", "output")]
    if others:
        named = ", ".join(repr(clip(key, 40)) for key in others[:3])
        found.warning(
            "unknown-key", f"{what} also has {named}", f"an example has only input, output, {', '.join(keys)}"
        )
    optional = {keys[key]: value[key] for key in keys if key in value}
    valid = [is_text(value[key], f"{what}.{key}", found) for key in keys if key in value]
    if outputs is None or not isinstance(value.get("input"), str) or not all(valid):
        return None
    return Example(value["input"], outputs[0], **optional)


def instance(
    row: object,
    index: int,
    seen: dict[str, int],
    found: Findings,
    keys: RowKeys = _ROW_KEYS,
    split: RowSplit = "",
) -> Instance | None:
    """Return a row as an Instance, or None if it has faults.

    `seen` maps the ids so far to their indices; the row's id is added. A row without an id gets one from the task's
    name and the row's index. Keys other than id, input and output are kept in `Instance.fields`.
    """
    if not isinstance(row, dict):
        expected = f'an instance is an object with "{keys.input}" and "{keys.output}"'
        found.error("wrong-type", f"it is {kind_of(row)}", expected)
        return None
    name = row.get("id", f"{found.task}-{split}-{index}" if split else f"{found.task}-{index}")
    valid = is_text(name, "id", found)
    if valid and seen.setdefault(name, index) != index:
        found.error("duplicate-id", f"instance [{seen[name]}] has the same id", "give each instance its own id")
        valid = False
    if keys.input not in row:
        found.error("missing-key", f'it has no "{keys.input}"', "every instance has one")
        valid = False
    elif not is_text(row[keys.input], keys.input, found):
        valid = False
    elif not keys.blank_input and not row[keys.input].strip():
        found.warning("empty-input", f"the {keys.input} is empty", "write the input of this output")
    fields: dict[str, Any] = {}
    if len(row) > ("id" in row) + 2:
        fields = {key: value for key, value in row.items() if key not in ("id", keys.input, keys.output)}
        valid = all([is_plain(fields, "it", found), valid])
    outputs = _outputs(row, keys.output, keys.output, "no-output", found)
    if not valid or outputs is None:
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
        found.warning("blank-output", f"{what} has {blank} blank among {len(outputs)} texts", "remove the blank ones")
    return outputs


def kind_of(value: object) -> str:
    """Describe a JSON value in words: `a number (3)`, `a list`, `null`."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (int, float)):
        return f"a number ({clip(str(value), 40)})"
    if isinstance(value, str):
        return f"text ({clip(value, 40)!r})"
    return "a list" if isinstance(value, list) else "an object"
