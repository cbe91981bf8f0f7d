"""`tuition convert`: write a collection in another format, and list what that format cannot store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from tuition.commands.console import console, print_json
from tuition.tasks.readers import open_collection
from tuition.tasks.writers import Conversion, convert_collection


def convert_and_print(
    source: Path,
    path: Path,
    target: str,
    *,
    format: str | None = None,  # noqa: A002 - the word that users know
    force: bool = False,
    as_json: bool = False,
) -> None:
    """Write the collection at `source` to `path` in the target format; print what was written and what was dropped.

    Raises:
        UserError: the format is unknown, or `path` cannot be used.
        ProblemsError: the source cannot be read; all its problems are listed.
    """
    done = convert_collection(open_collection(source, format), path, target, force=force)
    if as_json:
        print_json(_as_json(done))
        return
    out = console()
    written = f"{_count(done.tasks, 'task')}, {_count(done.instances, 'instance')}"
    lines = [f"{done.path}: {written} written as {done.target}"]
    if done.renamed:
        first, new = next(iter(done.renamed.items()))
        lines.append(f"renamed: {_count(len(done.renamed), 'task')}, such as {first} to {new}")
    if done.extra_keys:
        lines.append(f"kept in extra keys: {', '.join(map(str, done.extra_keys))}")
    lines.append(f"dropped: {', '.join(map(str, done.dropped)) or 'nothing'}")
    for line in lines:
        out.print(escape(line), soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _as_json(done: Conversion) -> dict[str, object]:
    return {
        "path": str(done.path),
        "target": done.target,
        "tasks": done.tasks,
        "instances": done.instances,
        "renamed": done.renamed,
        "kept_beside": [asdict(loss) for loss in done.extra_keys],
        "fell": [asdict(loss) for loss in done.dropped],
    }
