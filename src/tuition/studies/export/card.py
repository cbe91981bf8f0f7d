"""What is stored with an exported model, as JSON: how it is prompted, and the texts of its tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError
from tuition.base.typed_json import typed
from tuition.base.version import __version__
from tuition.prompts.encodings.reading import encoding_from_json, encoding_to_json
from tuition.prompts.types import Demonstration, Encoding, InContextExamples
from tuition.tasks import Example, Instance, Task, Template

_FILE = "tuition.json"


@dataclass(frozen=True, slots=True)
class Exported:
    """What is stored with an exported model: how it is prompted, and the texts of its task.

    `base`, `tuner` and `tuner_options` are those of an adapter that is not merged; the base is then loaded first, in
    `precision` (`nf4` where the adapter was trained on four-bit weights).
    """

    encoding: Encoding
    tasks: tuple[Task, ...]
    shown: Mapping[str, InContextExamples]
    max_length: int
    new_tokens: int
    base: str = ""
    tuner: str = ""
    tuner_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    precision: str = "auto"


def read_exported(folder: Path) -> Exported:
    """Return what is stored with an exported model.

    Raises:
        UserError: the folder is no exported model.
    """
    file = folder / _FILE
    try:
        with library_errors(f"{file}: is no exported model of Tuition", "`tuition export` makes one"):
            return _from_json(orjson.loads(file.read_bytes()))
    except UserError as error:  # what reads its parts does not know the folder
        reason = str(error).removeprefix(f"{_FILE}: ")
        raise error if reason.startswith(str(file)) else UserError(f"{file}: {reason}") from error


def write_exported(folder: Path, exported: Exported) -> None:
    """Store what an exported model needs to be prompted again, in its folder."""
    (folder / _FILE).write_bytes(orjson.dumps(_to_json(exported), option=orjson.OPT_INDENT_2))


def _to_json(exported: Exported) -> dict[str, Any]:
    return {
        "encoding": encoding_to_json(exported.encoding),
        "tasks": [_task_to_json(task) for task in exported.tasks],
        "exemplars": {
            name: [dataclasses.asdict(row) for row in shown.exemplars] for name, shown in exported.shown.items()
        },
        "demonstrations": {
            name: [dataclasses.asdict(one) for one in shown.demonstrations] for name, shown in exported.shown.items()
        },
        "max_length": exported.max_length,
        "new_tokens": exported.new_tokens,
        "base": exported.base,
        "tuner": exported.tuner,
        "tuner_options": dict(exported.tuner_options),
        "precision": exported.precision,
        "made_with": f"tuition {__version__}",
    }


def _from_json(data: Any) -> Exported:
    names = {field.name for field in dataclasses.fields(Exported)} - {"shown", "tasks", "encoding"}
    plain = typed(_Plain, {name: value for name, value in data.items() if name in names}, _FILE)
    shown = {
        name: InContextExamples(
            tuple(typed(Instance, row, _FILE) for row in rows),
            tuple(typed(Demonstration, one, _FILE) for one in data["demonstrations"][name]),
        )
        for name, rows in data["exemplars"].items()
    }
    return Exported(
        encoding=encoding_from_json(data["encoding"]),
        tasks=tuple(_task(task) for task in data["tasks"]),
        shown=shown,
        **dataclasses.asdict(plain),
    )


@dataclass(frozen=True, slots=True)
class _Plain:
    """The plain settings of `Exported`; folders of earlier versions do not say a precision."""

    max_length: int
    new_tokens: int
    base: str
    tuner: str
    tuner_options: dict[str, Any]
    precision: str = "auto"


_LEFT_OUT = ("read_instances", "extra")


def _task_to_json(task: Task) -> dict[str, Any]:
    fields = [field.name for field in dataclasses.fields(task) if field.name not in _LEFT_OUT]
    fields_set = {name: getattr(task, name) for name in fields}
    return {
        name: [dataclasses.asdict(part) if dataclasses.is_dataclass(part) else part for part in value]  # type: ignore[arg-type]
        if isinstance(value, tuple)
        else value
        for name, value in fields_set.items()
        if isinstance(value, (str, tuple))
    }


def _task(data: Mapping[str, Any]) -> Task:
    plain = {name: value for name, value in data.items() if name not in _PARTS}
    wrong = [name for name, value in plain.items() if not _is_text(value)]
    if wrong or not isinstance(data["name"], str):
        raise UserError(f"the field {', '.join(wrong) or 'name'} of a task is no text")
    own: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
    parts: dict[str, Any] = {
        name: tuple(typed(kind, part, _FILE) for part in data[name]) for name, kind in _PARTS.items()
    }
    return Task(read_instances=lambda: iter(()), **own, **parts)


_PARTS: Mapping[str, Any] = {"positive_examples": Example, "negative_examples": Example, "templates": Template}


def _is_text(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(part, str) for part in value))
