"""Where the card of a table is: told by names, and for a card that may be another's by a look into it."""

from __future__ import annotations

import re
from pathlib import Path

from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.sniff import beginning
from tuition.tasks.readers.common.text_file import read_text

CARD = "task.yaml"
ENDING = f".{CARD}"

SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow", ".feather")
"""The endings of the files that can be read as tables; of .json, a list of objects."""

# A card is a block of YAML, or one line of it in braces, which JSON is too.
_KEY_BEFORE = r"""^(?:\{(?:.*,)?\s*)?["']?"""
_TELLING = re.compile(rf"""{_KEY_BEFORE}(definition|input|output|template|table|dataset)["']?\s*:""", re.MULTILINE)
# PromptSource's templates (cards have no tags), clusters of datasets, studies.
_NOT_A_CARD = re.compile(rf"""{_KEY_BEFORE}(templates|datasets|study|arms)["']?\s*:|!Template""", re.MULTILINE)


def has_card(path: Path) -> bool:
    """Whether the user says in a card what is at `path`: it is one, lies beside one, or holds one.

    Raises:
        OSError: it cannot be looked at.
    """
    if path.is_file():
        return is_card(path) or (path.suffix.lower() in SUFFIXES and find_card(path) is not None)
    return find_card(path) is not None or any(path.glob(f"*{ENDING}")) or any(path.glob(f"*/{CARD}"))


def find_card(table: Path) -> Path | None:
    """Return the card of a table (a file, or a folder that is one): `<stem>.task.yaml`, `<stem>.yaml` or `task.yaml`.

    A folder may have its `task.yaml` inside, too. A `<stem>.yaml` that reads like no card is passed over, and so is a
    `task.yaml` that names another table or the files of its splits.
    """
    inside = table / CARD
    if table.is_dir() and inside.is_file():
        return inside
    stem = table.name if table.is_dir() else table.stem
    for name in (f"{stem}{ENDING}", f"{stem}.yaml"):
        if (card := table.parent / name).is_file() and (name.endswith(ENDING) or _reads_like_a_card(card)):
            return card
    shared = table.parent / CARD
    if table.is_dir() or not shared.is_file():
        return None
    told = _told_table(shared)
    return shared if told in ("", table.name) else None


def is_card(path: Path) -> bool:
    """Whether a file is a card, by its name or by how it begins.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file() or path.suffix != ".yaml":
        return False
    return path.name == CARD or path.name.endswith(ENDING) or _reads_like_a_card(path)


def card_stem(card: Path) -> str:
    """Return the stem of the table that a card's own name names; empty for `task.yaml`."""
    return "" if card.name == CARD else card.name.removesuffix(ENDING).removesuffix(".yaml")


def _reads_like_a_card(file: Path) -> bool:
    text = beginning(file)
    return bool(_TELLING.search(text)) and not _NOT_A_CARD.search(text)


def _told_table(card: Path) -> str | None:
    """Return the table that a card names, empty if it names none; None if its rows are elsewhere altogether."""
    from tuition.tasks.readers.common.yaml_text import parse_yaml  # not before there is such a card: it loads a library

    place = Findings(card)
    document = parse_yaml(read_text(card, card, place) or "", place)
    if document is None or not isinstance(document.value, dict):
        return ""  # a broken card of this folder: to be told, not to be passed over
    if "dataset" in document.value or isinstance(document.value.get("split"), dict):
        return None
    return document.written("table") or ""
