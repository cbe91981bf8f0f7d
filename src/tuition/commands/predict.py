"""`tuition predict`: print the answers of an exported model."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from rich.markup import escape

from tuition.base.errors import UserError
from tuition.commands.console import notes
from tuition.models.decoding import Decoding
from tuition.studies.export.inference import ExportedModel
from tuition.tasks import Instance, Task
from tuition.tasks.readers import open_collection


def predict_and_print(
    model: Path,
    *,
    tasks: Path | None,
    task: str | None,
    text: str | None,
    limit: int | None,
    decoding: Mapping[str, Any],
    format: str | None,  # noqa: A002 - the word that users know
    as_json: bool,
) -> None:
    """Answer one text, or the instances of a collection's tasks, and print one answer per line.

    Raises:
        UserError: neither text nor tasks are given, or both; the decoding settings are invalid; or the model or a task
            cannot be read.
    """
    if (text is None) is (tasks is None):
        raise UserError("give either --input TEXT or --tasks PATH")
    chosen = Decoding(**{**decoding, "stop": tuple(decoding.get("stop", ()))})
    exported = ExportedModel(model, say=lambda message: notes().print(escape(message), style="dim"))
    if text is not None:
        _print(exported, exported.task(task), [Instance("input", text, ("",))], chosen, as_json=as_json)
        return
    collection = open_collection(tasks, format)  # type: ignore[arg-type]  # one of the two is given
    names = [collection.full_name(task)] if task else collection.names
    for name in names:
        read = collection[name]
        _print(exported, read, list(itertools.islice(read.instances(), limit)), chosen, as_json=as_json)


def _print(exported: ExportedModel, task: Task, rows: list[Instance], decoding: Decoding, *, as_json: bool) -> None:
    answered = exported.answer(task, rows, decoding=decoding)
    for row, answer in zip(rows, answered.answers, strict=True):
        if as_json:
            line = {"task": task.name, "id": row.id, "prediction": answer, "references": [o for o in row.outputs if o]}
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        else:
            sys.stdout.write(answer + "\n")
    sys.stdout.flush()
    if answered.notice:
        notes().print(escape(f"{task.name}: {answered.notice}"), style="yellow")
