"""`tuition presets` and `tuition run … --write`: list and copy the studies that come with the package."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from pathlib import Path

import yaml
from rich.markup import escape
from rich.table import Table

from tuition.base.errors import UserError
from tuition.base.files import write_atomically
from tuition.base.yamltext import load_yaml
from tuition.commands.console import console, notes, print_json
from tuition.commands.run import RunChoice
from tuition.studies.presets import find_study, list_presets
from tuition.studies.spec.overrides import Overrides, overridden
from tuition.studies.spec.study import STARTER, parse_study


def print_presets(*, as_json: bool = False) -> None:
    """List the presets, one per line."""
    presets = list_presets()
    if as_json:
        print_json([asdict(preset) for preset in presets])
        return
    table = Table("preset", "description", box=None, pad_edge=False)
    for preset in presets:
        table.add_row(preset.name, escape(preset.about))
    console().print(table)
    console().print("tuition run PRESET --tasks PATH runs one; with --plan it prints an estimate instead.")


def write_study(choice: RunChoice, to: Path) -> None:
    """Write a study, with the changes of the command line, to a file for the user to edit.

    Without changes it is an exact copy with comments; with changes, only the comments at its head are kept.

    Raises:
        UserError: `to` exists, or the changed study is invalid.
    """
    if to.exists():
        raise UserError(f"{to}: exists already; give the name of a new file")
    found, changes = find_study(choice.study), choice.overrides()
    text = found.file.read_text(encoding="utf-8")
    if changes != Overrides():
        data = overridden(load_yaml(text, found.file), changes)
        parse_study(overridden(data, Overrides(collection=STARTER)), found.place)
        head = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True))
        text = "".join(head) + yaml.safe_dump(
            data, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
        )
    write_atomically(to, text)
    notes().print(escape(f"written: {to}; tuition run {to} runs it"))
