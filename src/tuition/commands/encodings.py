"""`tuition encodings`: list the encodings, which format a task as a prompt."""

from __future__ import annotations

from rich.table import Table

from tuition.commands.console import console, print_json
from tuition.prompts.encodings import ENCODINGS


def list_encodings(*, as_json: bool) -> None:
    """Print every encoding's name and description."""
    encodings = [ENCODINGS[name] for name in ENCODINGS]
    if as_json:
        print_json([{"name": encoding.name, "description": encoding.description} for encoding in encodings])
        return
    table = Table("encoding", "description", box=None, pad_edge=False)
    for encoding in encodings:
        table.add_row(encoding.name, encoding.description)
    console().print(table)
