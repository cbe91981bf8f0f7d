"""A user's own table as a task: a file of rows, and a card next to it that describes the task.

The table is a .csv, .tsv, .jsonl, .parquet, .arrow or .feather file, a dataset that `datasets` saved, a folder of such
files, or a dataset of the hub that a card names. Without a card, columns with well-known names are used, and a warning
says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tuition.base.errors import ProblemsError
from tuition.tasks.collection import Collection
from tuition.tasks.readers.common import file_tasks
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_task import valid_rows
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.readers.table.card import FROM_DATA
from tuition.tasks.readers.table.discovery import EXPECTED, TableLocation, lay_out, recognises
from tuition.tasks.readers.table.files import rows_of
from tuition.tasks.readers.table.plan import Plan, make_plan, parts_of
from tuition.tasks.types import Instance, Task

_MOST_OPTIONS = 200


def _open(path: Path) -> Collection:
    found = Findings(path)
    locations = lay_out(path, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Collection(
        path,
        tuple(locations),
        partial(_read_named, locations),
        fingerprint_of=partial(_fingerprint, tuple(locations.values())),
    )


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    locations = lay_out(path, found)
    yield Audit(0, 0, found.all())
    yield from map(_audit_task, locations.values())


READER = Reader("table", EXPECTED, recognises, _open, _audit)


def walk(
    location: TableLocation, plan: Plan, found: Findings, *, examples: bool = False
) -> Iterator[tuple[int, Instance]]:
    """Yield each valid row's number, from 1, and its instance; what is wrong goes to `found`.

    Rows that the card uses as examples are skipped, unless `examples` is true.
    """
    seen: dict[str, int] = {}
    unseen_examples = set() if examples else {*plan.card.example_rows}
    row = count = 0
    for part, split in plan.parts:
        found.file = part.path
        for line, cells in rows_of(part, found):
            row += 1
            if row in unseen_examples:
                unseen_examples.discard(row)
                continue
            found.index = row if line is None else None
            instance = plan.rule.instance(cells, row, split, seen, found)
            found.index = None
            if instance is not None:
                count += 1
                yield row, instance
    found.file = location.card_file or location.path
    for number in sorted(unseen_examples):
        found.error("card-value", f"example_rows names row {number}; there are {row}", "rows are counted from 1")
    if not count and not found.failed:
        found.file = location.path
        found.error("no-instances", "there are no rows to train or evaluate on", "a table has at least one row")


def _walk(location: TableLocation, found: Findings) -> Iterator[Instance]:
    plan = make_plan(location, found)
    if plan is not None:
        yield from (instance for _, instance in walk(location, plan, found))


def _read_named(locations: Mapping[str, TableLocation], name: str) -> Task:
    location = locations[name]
    found = location.findings()
    plan = make_plan(location, found)
    if plan is None or found.failed:
        raise ProblemsError(found.errors())
    card = plan.card
    options = _options(location, plan, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Task(
        name,
        (card.definition,) if card.definition.strip() else (),
        partial(_read_instances, location),
        positive_examples=tuple(example.to_example() for example in card.examples),
        negative_examples=tuple(example.to_example() for example in card.negative_examples),
        categories=card.category,
        sources=card.source,
        input_languages=card.languages,
        output_languages=card.languages,
        instruction_languages=card.languages,
        options=options,
    )


def _options(location: TableLocation, plan: Plan, found: Findings) -> tuple[str, ...]:
    """Return the card's options; with `from data`, the distinct outputs of all valid rows, in their order."""
    if isinstance(plan.card.options, tuple):
        return plan.card.options
    outputs: dict[str, None] = {}
    unreported = location.findings()  # the rows' faults are reported when the rows are read
    for _, instance in walk(location, plan, unreported):
        outputs |= dict.fromkeys(instance.outputs)
        if len(outputs) > _MOST_OPTIONS:
            found.file = location.card_file or location.path
            message = f"'options: {FROM_DATA}' finds more than {_MOST_OPTIONS} different outputs"
            found.error("too-many-options", message, "leave options out: the answers are free text")
            return ()
    return tuple(outputs)


def _read_instances(location: TableLocation) -> Iterator[Instance]:
    found = location.findings()
    return valid_rows(_walk(location, found), found)


def _audit_task(location: TableLocation) -> Audit:
    found = location.findings()
    plan = make_plan(location, found)
    count = 0
    if plan is not None:
        count = sum(1 for _ in walk(location, plan, found))
        _options(location, plan, found)
    return Audit(1, count, found.all())


def _fingerprint(locations: tuple[TableLocation, ...]) -> str:
    digest = hashlib.sha256()
    for location in locations:
        found = location.findings()
        parts = parts_of(location, found)
        if parts is None or found.failed:
            raise ProblemsError(found.errors())
        files = [(part.path, part.root, split) for part, split in parts]
        if location.card_file is not None:
            files.append((location.card_file, location.card_file.parent, ""))
        for path, root, split in files:
            content = file_tasks.content_sha256(path, root, Findings(path, location.name))
            digest.update(f"{location.name}\0{split}\0{content}\0".encode())
    return digest.hexdigest()
