"""Find a user's tables and the card of each: cards are read, tables are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tuition.base.errors import clip
from tuition.tasks.collection import name_fault
from tuition.tasks.readers.common import file_tasks
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.table.card import Splits, TaskCard, read_card
from tuition.tasks.readers.table.card_files import CARD, SUFFIXES, card_stem, find_card, has_card, is_card
from tuition.tasks.readers.table.files import is_saved_dataset, is_table, split_names, table_names

EXPECTED = (
    f"a table ({', '.join(SUFFIXES)} or a dataset saved by save_to_disk) with columns for input and output, or with a "
    "task.yaml that names them"
)
_NO_CARD = TaskCard()
SPLIT_FOLDERS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class TableLocation:
    """The paths of one task's table and card, and the card itself. Without a table, the card names the rows."""

    name: str
    root: Path
    card: TaskCard
    table: Path | None = None
    card_file: Path | None = None

    @property
    def path(self) -> Path:
        """The table, or the card that names the files of the rows."""
        return self.table or self.card_file or self.root

    def findings(self) -> Findings:
        """Return an empty record of what is wrong in this task."""
        return Findings(self.path, self.name)


def recognises(path: Path) -> bool:
    """Whether a card or a table is at `path`, by names alone.

    Raises:
        OSError: `path` cannot be accessed.
    """
    return is_table(path) or is_card(path) if path.is_file() else has_card(path) or bool(_tables(path))


def _tables(folder: Path) -> list[str]:
    return ["."] if is_saved_dataset(folder) else table_names(folder, Findings(folder)) or [*split_folders(folder)]


def lay_out(path: Path, found: Findings) -> dict[str, TableLocation]:
    """Return the tables at `path` by their tasks' names; cards are read, tables are not."""
    locations: dict[str, TableLocation] = {}
    for location in _locations(path, found):
        if location is None:
            continue
        if fault := name_fault(location.name):
            found.error("unsafe-name", f"the task name {clip(location.name)!r} {fault}", "give it a 'name' in its card")
        elif location.name in locations:
            both = f"two tables are tasks of the name {clip(location.name)!r}"
            found.error("duplicate-name", both, "give one of them another 'name' in its card")
        else:
            locations[location.name] = location
    file_tasks.note_same_names(locations, found)
    return locations


def _locations(path: Path, found: Findings) -> Iterator[TableLocation | None]:
    try:
        if path.is_file():
            yield _of_table(path, found) if is_table(path) or not _is_yaml(path) else _of_card(path, found)
            return
        card = find_card(path)
        if card is not None:
            yield _of_table(path, found) if card.parent != path else _of_card(card, found)
            return
        cards = [*sorted(path.glob(f"*.{CARD}")), *sorted(path.glob(f"*/{CARD}"))]
        for each in cards:
            yield _of_card(each, found)
        if not cards:
            yield from _of_folder(path, found)
    except OSError as error:
        found.error("unreadable-folder", f"{path} cannot be listed ({error.strerror})", "check its permissions")


def _of_folder(path: Path, found: Findings) -> Iterator[TableLocation | None]:
    """Yield the locations of the tables in a folder without cards."""
    names = [] if is_saved_dataset(path) else table_names(path, found)
    if is_saved_dataset(path) or (names and (split_names(names) or all(n.endswith(".parquet") for n in names))):
        yield _of_table(path, found)
        return
    task_splits = _task_splits(path)
    if not names and not task_splits:
        found.error("no-tasks", "there are no tables in it", f"expected {EXPECTED}")
    for name in names:
        if Path(name).stem not in task_splits:
            yield _of_table(path / name, found)
    for stem, splits in task_splits.items():
        without_split = tuple(name for name in names if Path(name).stem == stem)  # used for training
        yield _of_splits(path, stem, splits.model_copy(update={"train": without_split + splits.train}), found)


def split_folders(folder: Path) -> dict[str, list[str]]:
    """Return the names of the tables in a folder's subfolders train, validation and test, by subfolder."""
    folders = [name for name in SPLIT_FOLDERS if (folder / name).is_dir()]
    return {name: tables for name in folders if (tables := _tables_within(folder / name))}


def _tables_within(folder: Path) -> list[str]:
    return [] if is_saved_dataset(folder) else table_names(folder, Findings(folder))


def _task_splits(path: Path) -> dict[str, Splits]:
    """Return each task's files in the folders train, validation and test, as `tuition convert` writes them."""
    files: dict[str, dict[str, tuple[str, ...]]] = {}
    for split, names in split_folders(path).items():
        for name in names:
            splits = files.setdefault(Path(name).stem, {})
            splits[split] = (*splits.get(split, ()), f"{split}/{name}")
    return {stem: Splits(**splits) for stem, splits in files.items()}


def _of_splits(folder: Path, stem: str, splits: Splits, found: Findings) -> TableLocation | None:
    """Return the location of a task with a folder per split; a card next to its first file is the task's card."""
    first = (splits.train or splits.validation or splits.test)[0]
    file = find_card(folder / first)
    card = _NO_CARD if file is None else _card(file, file.parent, found)
    if card is None:
        return None
    card = card.model_copy(update={"split": splits, "table": ""})
    return TableLocation(card.name or stem, folder, card, None, file)


def _is_yaml(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml")


def _of_table(table: Path, found: Findings) -> TableLocation | None:
    """Return the location of a table that the user named, with its card, if it has one."""
    file = find_card(table)
    card = _NO_CARD if file is None else _card(file, file.parent, found)
    if card is None:
        return None
    if file is not None and (card.dataset or card.table not in ("", table.name)):
        message = f"this card of {clip(table.name, 60)} names {clip(card.dataset or card.table, 60)!r} as its table"
        _refuse(file, found, "other-table", message, "remove 'table' and 'dataset', or rename the card")
        return None
    if file is not None and isinstance(card.split, Splits) and not table.is_dir():
        message = f"'split' names files or splits, but {clip(table.name, 60)} is one file"
        expected = "give a column's name, or open the card's folder instead of the file"
        _refuse(file, found, "card-value", message, expected)
        return None
    stem = table.name if table.is_dir() else table.stem
    return TableLocation(card.name or stem or table.resolve().name, table, card, table, file)


def _of_card(file: Path, found: Findings) -> TableLocation | None:
    """Return the location of the table that a card names, or that is next to the card."""
    card = _card(file, file.parent, found)
    if card is None:
        return None
    folder = file.parent
    stem = card_stem(file) or folder.resolve().name
    location = TableLocation(card.name or stem, folder, card, None, file)
    if card.dataset:
        return location
    if card.table:
        return replace(location, table=folder / card.table, name=card.name or Path(card.table).stem)
    saved = is_saved_dataset(folder)
    if isinstance(card.split, Splits) and not saved:
        return location
    tables = [name for name in table_names(folder, found) if card_stem(file) in ("", Path(name).stem)]
    if file.name == CARD and (saved or split_names(tables) or (tables and all(n.endswith(".parquet") for n in tables))):
        return replace(location, table=folder)
    if len(tables) != 1:
        message = f"it names no table, and {len(tables) or 'no'} tables are in its folder"
        _refuse(file, found, "no-table", message, "name the file: 'table: …' (or an id of the hub: 'dataset: …')")
        return None
    return replace(location, table=folder / tables[0], name=card.name or Path(tables[0]).stem)


def _card(file: Path, root: Path, found: Findings) -> TaskCard | None:
    findings = Findings(file)
    card = read_card(file, root, findings)
    found.include(findings)
    return card


def _refuse(file: Path, found: Findings, kind: str, message: str, expected: str) -> None:
    findings = Findings(file)
    findings.error(kind, message, expected)
    found.include(findings)
