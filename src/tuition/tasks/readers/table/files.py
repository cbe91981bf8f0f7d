"""The files of a table, and their rows: CSV, TSV, JSON lines, Parquet, Arrow, and folders of such files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import clip
from tuition.tasks.readers.common import file_tasks, rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.common.text_file import read_text
from tuition.tasks.readers.table.arrow import arrow_columns, arrow_rows
from tuition.tasks.readers.table.card_files import SUFFIXES
from tuition.tasks.readers.table.delimited import csv_columns, csv_rows
from tuition.tasks.readers.table.json_list import ENDING, ROW, is_json_table, json_list_rows

_TEXT = (".csv", ".tsv")
_JSON = (".jsonl", ENDING)
_PEEKED = 100
_STATE, _DICT = "state.json", "dataset_dict.json"
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_SPLIT_NAMES = ("train", "training", "validation", "valid", "val", "dev", "test")

Row = tuple[int | None, dict[str, object]]
"""A row's line, if its file has lines, and its cells by column."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table, the folder it must be inside, and its split, by the name the source uses."""

    path: Path
    root: Path
    split: str = ""


def is_table(path: Path) -> bool:
    """Whether a file can be read as a table: decided by its name, and for .json by its beginning."""
    suffix = path.suffix.lower()
    return suffix in SUFFIXES and (suffix != ENDING or is_json_table(path) or not path.exists())


def is_saved_dataset(folder: Path) -> bool:
    """Whether a folder was written by `save_to_disk` of Hugging Face `datasets`."""
    return (folder / _STATE).is_file() or (folder / _DICT).is_file()


def table_parts(path: Path, root: Path, found: Findings) -> list[Part]:
    """Return the files of a table: one file, a saved dataset, or a folder with a table's shards or splits."""
    if not path.is_dir():
        return [Part(path, root)]
    if (path / _DICT).is_file():
        splits = _json(path / _DICT, root, found).get("splits")
        if not isinstance(splits, list) or not all(isinstance(name, str) and _is_name(name) for name in splits):
            found.error("wrong-type", f"{_DICT} has no list of splits", "save the dataset again with save_to_disk")
            return []
        return [part for name in splits for part in _saved(path / name, root, name, found)]
    if (path / _STATE).is_file():
        return _saved(path, root, "", found)
    files = table_names(path, found)
    splits = split_names(files)
    return [Part(path / name, root, splits[number] if splits else "") for number, name in enumerate(files)]


def table_names(folder: Path, found: Findings) -> list[str]:
    """Return the names of the tables in a folder, sorted."""
    return [name for name in file_tasks.list_names(folder, found) or () if is_table(folder / name)]


def split_names(files: list[str]) -> list[str]:
    """Return each file's split by its name (`test-00000-of-00001.parquet`); none if any name names no split.

    Examples:
        >>> split_names(["test.csv", "train-00000-of-00001.parquet"]), split_names(["a.csv"])
        (['test', 'train'], [])
    """
    words = [re.split(r"[-_.]", _SHARD.sub("", Path(name).stem))[0].lower() for name in files]
    return words if all(word in _SPLIT_NAMES for word in words) else []


def columns_of(part: Part, found: Findings) -> tuple[str, ...] | None:
    """Return a file's columns; None, with the reasons in `found`, if it has none that can be used.

    JSON names columns row by row: those of the first hundred rows are returned. `rows_of` reports what is wrong with
    rows (also missing columns), unless no row is valid: then it goes to `found`.
    """
    suffix = part.path.suffix.lower()
    if suffix in _TEXT:
        return csv_columns(part.path, part.root, found)
    if suffix not in _JSON:
        return arrow_columns(part.path, part.root, found)
    names: dict[str, None] = {}
    quiet = Findings(part.path, found.task)
    for _, (_, row) in zip(range(_PEEKED), rows_of(part, quiet), strict=False):
        names |= dict.fromkeys(row)
    if not names and quiet.failed:
        found.include(quiet)
        return None
    return tuple(names)


def names_columns_once(part: Part) -> bool:
    """Whether all rows of a file have the same columns, so that a missing column is reported once."""
    return part.path.suffix.lower() not in _JSON


def rows_of(part: Part, found: Findings) -> Iterator[Row]:
    """Yield the rows of a file with unchanged text; what is wrong goes to `found`, and nothing is raised.

    JSON numbers that Python would write differently are returned as text.
    """
    suffix = part.path.suffix.lower()
    if suffix in _TEXT:
        return csv_rows(part.path, part.root, found)
    if suffix == ENDING:
        return json_list_rows(part.path, part.root, found)
    return _json_rows(part, found) if suffix in _JSON else arrow_rows(part.path, part.root, found)


def _json_rows(part: Part, found: Findings) -> Iterator[Row]:
    for line, row in read_json_lines(part.path, part.root, found, exact_numbers=True):
        if isinstance(row, dict):
            yield line, row
        else:
            found.error("wrong-type", f"it is {rules.kind_of(row)}", ROW)


def _saved(folder: Path, root: Path, split: str, found: Findings) -> list[Part]:
    state = _json(folder / _STATE, root, found)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        message = f"{clip(folder.name, 60)} has an index file that selects some of its rows"
        found.error("selected-rows", message, "save the dataset again with a current library, or flatten_indices first")
        return []
    files = state.get("_data_files")
    names = [file.get("filename") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    if not names or not all(isinstance(name, str) and _is_name(name) for name in names):
        if not found.failed:
            found.error("wrong-type", f"{_STATE} names no files", "save the dataset again with save_to_disk")
        return []
    return [Part(folder / str(name), root, split) for name in names]


def _is_name(name: str) -> bool:
    return bool(name) and not os.path.isabs(name) and ".." not in name and "\0" not in name


def _json(file: Path, root: Path, found: Findings) -> dict[str, object]:
    findings = Findings(file, found.task)
    text = read_text(file, root, findings)
    value: object = {}
    if not findings.failed:
        try:
            value = json.loads(text or "")
        except (ValueError, RecursionError) as error:
            findings.error("broken-json", f"it is not JSON ({clip(str(error))})", "save the dataset again")
    found.include(findings)
    return value if isinstance(value, dict) else {}
