"""`tuition encodings`: the ways in which a task can be told."""

from __future__ import annotations

from rich.table import Table

from tuition.commands.console import console, print_json
from tuition.prompts.encodings import ENCODINGS


def list_encodings(*, as_json: bool) -> None:
    """Print every encoding's name and what it tells."""
    told = [ENCODINGS[name] for name in ENCODINGS]
    if as_json:
        print_json([{"name": encoding.name, "description": encoding.description} for encoding in told])
        return
    table = Table("encoding", "what is told", box=None, pad_edge=False)
    for encoding in told:
        table.add_row(encoding.name, encoding.description)
    console().print(table)
