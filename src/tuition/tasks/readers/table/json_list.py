"""A table in one JSON list of objects, like Alpaca's data and like `tuition convert` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_text import Cursor, note_fault, note_oddities
from tuition.tasks.readers.common.sniff import begins_as_table
from tuition.tasks.readers.common.text_file import note_unreadable, read_text

ENDING = ".json"
# The whole file is in memory while it is read; JSON lines are not, and have no such limit.
_LARGEST = 1 << 30
ROW = 'a row is an object, {"column": "text", …}'


def is_json_table(path: Path) -> bool:
    """Whether a file is a JSON list of objects, by its name and its beginning."""
    try:
        return path.suffix.lower() == ENDING and path.is_file() and begins_as_table(path)
    except OSError:
        return True  # reading it reports what is wrong


def json_list_rows(file: Path, root: Path, found: Findings) -> Iterator[tuple[int | None, dict[str, object]]]:
    """Yield each row's line and its cells by column; what is wrong goes to `found`, and nothing is raised."""
    try:
        size = file.stat().st_size
    except OSError as error:
        note_unreadable(error, found)
        return
    if size > _LARGEST:
        message = f"a JSON list of {size:,} bytes; it is read into memory, and at most {_LARGEST:,} bytes are"
        found.error("table-too-large", message, f"write it as JSON lines: jq -c '.[]' {file.name} > {file.stem}.jsonl")
        return
    text = read_text(file, root, found)
    if text is None:
        return
    cursor = Cursor(text, exact_numbers=True)
    try:
        yield from _rows(cursor, found)
    except (json.JSONDecodeError, RecursionError) as fault:
        note_oddities(cursor.oddities, found)
        note_fault(cursor, fault, found)
    finally:
        found.line = None


def _rows(cursor: Cursor, found: Findings) -> Iterator[tuple[int | None, dict[str, object]]]:
    if not cursor.opens("["):
        found.error(
            "wrong-type", f"the file contains {rules.kind_of(cursor.value())}", f"a table is a list; {ROW}", line=1
        )
        return
    for row in cursor.elements():
        found.line = cursor.line(cursor.start)
        note_oddities(cursor.oddities, found)
        if isinstance(row, dict):
            yield found.line, row
        else:
            found.error("wrong-type", f"it is {rules.kind_of(row)}", ROW)
    cursor.end()
