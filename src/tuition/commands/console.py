"""The consoles of the commands: results as tables or JSON on standard output, notes on standard error."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from rich.console import Console


def console() -> Console:
    """Return the console for results (standard output); 120 columns wide if it is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 120, soft_wrap=False, highlight=False)


def notes() -> Console:
    """Return the console for progress and notices (standard error)."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any, *, indent: bool = True) -> None:
    """Print one JSON value, indented or on one line."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0) + b"\n")
    sys.stdout.buffer.flush()
