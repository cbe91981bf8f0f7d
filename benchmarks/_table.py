"""Shared by the benchmarks: `--json` and `--quick`, and printing measurements as one table or one JSON object."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Cell = str | int | float | bool | None
_WIDTH = 110


def argument_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with `--json` and `--quick`, to which a benchmark adds its own options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, made in place: checks equality in seconds")
    return parser


def parse(parser: argparse.ArgumentParser, quick: Mapping[str, Any]) -> argparse.Namespace:
    """Return the command line's options; with `--quick`, `quick` replaces the defaults of those that are not given."""
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(**quick)
    return parser.parse_args()


def report(
    title: str,
    rows: Sequence[Mapping[str, Cell]],
    facts: Mapping[str, Cell],
    checks: Mapping[str, bool],
    *,
    as_json: bool = False,
) -> int:
    """Print the measurements, then the result of each equality check; return the exit status.

    Args:
        title: the table's title.
        rows: measurements, one mapping for each row.
        facts: values that are printed once, below the table.
        checks: what was compared, and whether it is equal; at least one. Speeds are not checked.
        as_json: print one JSON object instead.

    Returns:
        0 where every check holds, else 1.
    """
    if not checks:
        raise ValueError("a benchmark compares what it measures; no check is given")
    print_table(title, rows, {**facts, **verdict(checks)}, as_json=as_json)
    return 0 if all(checks.values()) else 1


def verdict(checks: Mapping[str, bool]) -> dict[str, Cell]:
    """Return the lines that report the result of each check, then of all together."""
    lines: dict[str, Cell] = {f"check: {name}": "yes" if holds else "NO" for name, holds in checks.items()}
    return {**lines, "equal": "yes" if all(checks.values()) else "NO"}


def print_table(
    title: str, rows: Sequence[Mapping[str, Cell]], facts: Mapping[str, Cell], *, as_json: bool = False
) -> None:
    """Print the measurements: `rows` as a table, `facts` below it.

    As JSON it is exactly one object, `{"benchmark", "rows", "facts", "machine"}`, and nothing else is printed.
    Rows may lack cells; columns are in the order in which they first appear.
    """
    if as_json:
        print(json.dumps({"benchmark": title, "rows": list(rows), "facts": dict(facts), "machine": _machine()}))
        return
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(title=title, title_justify="left")
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right")
    for row in rows:
        table.add_row(*(_shown(row.get(column)) for column in columns))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(table)
    for name, value in (*facts.items(), *_machine().items()):
        console.print(f"{name}: {_shown(value)}", markup=False, highlight=False, soft_wrap=True)


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.4g}" if abs(cell) < 1000 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def _machine() -> dict[str, Cell]:
    return {"python": platform.python_version(), "processors": os.cpu_count(), "platform": platform.platform()}
