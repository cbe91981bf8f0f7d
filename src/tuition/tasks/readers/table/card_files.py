"""Find the card of a table by file names, and by reading cards that may belong to another table."""

from __future__ import annotations

import re
from pathlib import Path

from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.sniff import beginning
from tuition.tasks.readers.common.text_file import read_text

CARD = "task.yaml"
ENDING = f".{CARD}"

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow", ".feather")
"""The endings of files that can be read as tables; a .json file must be a list of objects."""

# A card is block YAML, or one line of flow YAML in braces (JSON, too).
_KEY_BEFORE = r"""^(?:\{(?:.*,)?\s*)?["']?"""
_CARD_KEYS = re.compile(rf"""{_KEY_BEFORE}(definition|input|output|template|table|dataset)["']?\s*:""", re.MULTILINE)
# PromptSource's templates (cards have no YAML tags), clusters of datasets, studies.
_NOT_A_CARD = re.compile(rf"""{_KEY_BEFORE}(templates|datasets|study|arms)["']?\s*:|!Template""", re.MULTILINE)


def has_card(path: Path) -> bool:
    """Whether a card describes what is at `path`: it is a card, is next to its card, or contains cards.

    Raises:
        OSError: `path` cannot be accessed.
    """
    if path.is_file():
        return is_card(path) or (path.suffix.lower() in SUFFIXES and find_card(path) is not None)
    return find_card(path) is not None or any(path.glob(f"*{ENDING}")) or any(path.glob(f"*/{CARD}"))


def find_card(table: Path) -> Path | None:
    """Return the card of a table (a file, or a folder that is one): `<stem>.task.yaml`, `<stem>.yaml` or `task.yaml`.

    A folder may also have its `task.yaml` inside. A `<stem>.yaml` that does not look like a card is skipped, and so is
    a `task.yaml` that names another table or the files of its splits.
    """
    inside = table / CARD
    if table.is_dir() and inside.is_file():
        return inside
    stem = table.name if table.is_dir() else table.stem
    for name in (f"{stem}{ENDING}", f"{stem}.yaml"):
        if (card := table.parent / name).is_file() and (name.endswith(ENDING) or _looks_like_a_card(card)):
            return card
    shared = table.parent / CARD
    if table.is_dir() or not shared.is_file():
        return None
    named = _named_table(shared)
    return shared if named in ("", table.name) else None


def is_card(path: Path) -> bool:
    """Whether a file is a card, by its name or by how it begins.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file() or path.suffix != ".yaml":
        return False
    return path.name == CARD or path.name.endswith(ENDING) or _looks_like_a_card(path)


def card_stem(card: Path) -> str:
    """Return the stem of the table that a card belongs to by its file name; empty for `task.yaml`."""
    return "" if card.name == CARD else card.name.removesuffix(ENDING).removesuffix(".yaml")


def _looks_like_a_card(file: Path) -> bool:
    text = beginning(file)
    return bool(_CARD_KEYS.search(text)) and not _NOT_A_CARD.search(text)


def _named_table(card: Path) -> str | None:
    """Return the table that a card names, empty if it names none; None if its rows are in other files or on the hub."""
    from tuition.tasks.readers.common.yaml_text import parse_yaml  # imported only for such a card: it loads a library

    findings = Findings(card)
    document = parse_yaml(read_text(card, card, findings) or "", findings)
    if document is None or not isinstance(document.value, dict):
        return ""  # a broken card of this folder must be reported, not skipped
    if "dataset" in document.value or isinstance(document.value.get("split"), dict):
        return None
    return document.written("table") or ""
