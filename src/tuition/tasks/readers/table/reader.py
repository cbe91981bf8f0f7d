"""A user's own table as a task: a file of rows, and a card beside it that says what to do with them.

The table is a .csv, .tsv, .jsonl, .parquet, .arrow or .feather file, a dataset that `datasets` saved, a folder of such
files, or a dataset of the hub that a card names. Without a card, columns of well-known names are taken, and said.
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
from tuition.tasks.readers.common.json_task import sound_rows
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.readers.table.card import FROM_DATA
from tuition.tasks.readers.table.discovery import EXPECTED, TablePlace, lay_out, recognises
from tuition.tasks.readers.table.files import rows_of
from tuition.tasks.readers.table.plan import Plan, make_plan, parts_of
from tuition.tasks.types import Instance, Task

_MOST_OPTIONS = 200


def _open(path: Path) -> Collection:
    found = Findings(path)
    places = lay_out(path, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Collection(
        path, tuple(places), partial(_read_named, places), fingerprint_of=partial(_fingerprint, tuple(places.values()))
    )


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    places = lay_out(path, found)
    yield Audit(0, 0, found.all())
    yield from map(_audit_task, places.values())


READER = Reader("table", EXPECTED, recognises, _open, _audit)


def walk(place: TablePlace, plan: Plan, found: Findings, *, examples: bool = False) -> Iterator[tuple[int, Instance]]:
    """Yield each sound row's number, from 1, and the instance that it is; what is wrong goes to `found`.

    Rows that the card has as examples are passed over, but for `examples`.
    """
    seen: dict[str, int] = {}
    left = set() if examples else {*plan.card.example_rows}
    row = count = 0
    for part, split in plan.parts:
        found.file = part.path
        for line, cells in rows_of(part, found):
            row += 1
            if row in left:
                left.discard(row)
                continue
            found.index = row if line is None else None
            instance = plan.rule.instance(cells, row, split, seen, found)
            found.index = None
            if instance is not None:
                count += 1
                yield row, instance
    found.file = place.card_file or place.path
    for number in sorted(left):
        found.error("card-value", f"example_rows names row {number}; there are {row}", "rows are counted from 1")
    if not count and not found.failed:
        found.file = place.path
        found.error("no-instances", "there are no rows to learn or judge by", "a table has at least one row")


def _walk(place: TablePlace, found: Findings) -> Iterator[Instance]:
    plan = make_plan(place, found)
    if plan is not None:
        yield from (instance for _, instance in walk(place, plan, found))


def _read_named(places: Mapping[str, TablePlace], name: str) -> Task:
    place = places[name]
    found = place.findings()
    plan = make_plan(place, found)
    if plan is None or found.failed:
        raise ProblemsError(found.errors())
    card = plan.card
    options = _options(place, plan, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Task(
        name,
        (card.definition,) if card.definition.strip() else (),
        partial(_read_instances, place),
        positive_examples=tuple(example.told() for example in card.examples),
        negative_examples=tuple(example.told() for example in card.negative_examples),
        categories=card.category,
        sources=card.source,
        input_languages=card.languages,
        output_languages=card.languages,
        instruction_languages=card.languages,
        options=options,
    )


def _options(place: TablePlace, plan: Plan, found: Findings) -> tuple[str, ...]:
    """Return the card's options; where they are those of the data, the outputs of all sound rows, in their order."""
    if isinstance(plan.card.options, tuple):
        return plan.card.options
    outputs: dict[str, None] = {}
    quiet = place.findings()  # the rows' faults are told when they are read
    for _, instance in walk(place, plan, quiet):
        outputs |= dict.fromkeys(instance.outputs)
        if len(outputs) > _MOST_OPTIONS:
            found.file = place.card_file or place.path
            message = f"'options: {FROM_DATA}' finds more than {_MOST_OPTIONS} different outputs"
            found.error("too-many-options", message, "leave options out: the answers are free text")
            return ()
    return tuple(outputs)


def _read_instances(place: TablePlace) -> Iterator[Instance]:
    found = place.findings()
    return sound_rows(_walk(place, found), found)


def _audit_task(place: TablePlace) -> Audit:
    found = place.findings()
    plan = make_plan(place, found)
    count = 0
    if plan is not None:
        count = sum(1 for _ in walk(place, plan, found))
        _options(place, plan, found)
    return Audit(1, count, found.all())


def _fingerprint(places: tuple[TablePlace, ...]) -> str:
    digest = hashlib.sha256()
    for place in places:
        found = place.findings()
        parts = parts_of(place, found)
        if parts is None or found.failed:
            raise ProblemsError(found.errors())
        files = [(part.path, part.root, split) for part, split in parts]
        if place.card_file is not None:
            files.append((place.card_file, place.card_file.parent, ""))
        for path, root, split in files:
            content = file_tasks.content_sha256(path, root, Findings(path, place.name))
            digest.update(f"{place.name}\0{split}\0{content}\0".encode())
    return digest.hexdigest()
