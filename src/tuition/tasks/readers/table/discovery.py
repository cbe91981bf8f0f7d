"""Where a user's tables are, and which card belongs to each: cards are read, tables are not."""

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
SET_FOLDERS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class TablePlace:
    """One task's table and card: where they are, and what the card says. Without a table it is all in the card."""

    name: str
    root: Path
    card: TaskCard
    table: Path | None = None
    card_file: Path | None = None

    @property
    def path(self) -> Path:
        """The table, or the card that tells where the rows are."""
        return self.table or self.card_file or self.root

    def findings(self) -> Findings:
        """Return an empty record of what is wrong in this task."""
        return Findings(self.path, self.name)


def recognises(path: Path) -> bool:
    """Whether there is a card or a table at `path`, by names alone.

    Raises:
        OSError: it cannot be looked at.
    """
    return is_table(path) or is_card(path) if path.is_file() else has_card(path) or bool(_tables(path))


def _tables(folder: Path) -> list[str]:
    return ["."] if is_saved_dataset(folder) else table_names(folder, Findings(folder)) or [*set_folders(folder)]


def lay_out(path: Path, found: Findings) -> dict[str, TablePlace]:
    """Return the tables at `path` by their tasks' names; cards are read, tables are not."""
    places: dict[str, TablePlace] = {}
    for place in _places(path, found):
        if place is None:
            continue
        if fault := name_fault(place.name):
            found.error("unsafe-name", f"the task name {clip(place.name)!r} {fault}", "give it a 'name' in its card")
        elif place.name in places:
            both = f"two tables are tasks of the name {clip(place.name)!r}"
            found.error("duplicate-name", both, "give one of them another 'name' in its card")
        else:
            places[place.name] = place
    file_tasks.note_same_names(places, found)
    return places


def _places(path: Path, found: Findings) -> Iterator[TablePlace | None]:
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
        found.error("unreadable-folder", f"{path} cannot be looked through ({error.strerror})", "check its rights")


def _of_folder(path: Path, found: Findings) -> Iterator[TablePlace | None]:
    """Yield the places of the tables in a folder without cards."""
    names = [] if is_saved_dataset(path) else table_names(path, found)
    if is_saved_dataset(path) or (names and (split_names(names) or all(n.endswith(".parquet") for n in names))):
        yield _of_table(path, found)
        return
    divided = _divided(path)
    if not names and not divided:
        found.error("no-tasks", "there are no tables in it", f"expected {EXPECTED}")
    for name in names:
        if Path(name).stem not in divided:
            yield _of_table(path / name, found)
    for stem, sets in divided.items():
        whole = tuple(name for name in names if Path(name).stem == stem)  # rows of no set are learnt from
        yield _of_sets(path, stem, sets.model_copy(update={"train": whole + sets.train}), found)


def set_folders(folder: Path) -> dict[str, list[str]]:
    """Return the tables in the folders train, validation and test within a folder, by their names."""
    return {name: held for name in SET_FOLDERS if (folder / name).is_dir() and (held := _within(folder / name))}


def _within(folder: Path) -> list[str]:
    return [] if is_saved_dataset(folder) else table_names(folder, Findings(folder))


def _divided(path: Path) -> dict[str, Splits]:
    """Return the sets of each task whose rows lie in folders of these names, as `tuition convert` writes them."""
    files: dict[str, dict[str, tuple[str, ...]]] = {}
    for side, names in set_folders(path).items():
        for name in names:
            sets = files.setdefault(Path(name).stem, {})
            sets[side] = (*sets.get(side, ()), f"{side}/{name}")
    return {stem: Splits(**sets) for stem, sets in files.items()}


def _of_sets(folder: Path, stem: str, sets: Splits, found: Findings) -> TablePlace | None:
    """Return the place of a task that lies in folders of sets; a card beside its first file is the task's."""
    first = (sets.train or sets.validation or sets.test)[0]
    file = find_card(folder / first)
    card = _NO_CARD if file is None else _card(file, file.parent, found)
    if card is None:
        return None
    card = card.model_copy(update={"split": sets, "table": ""})
    return TablePlace(card.name or stem, folder, card, None, file)


def _is_yaml(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml")


def _of_table(table: Path, found: Findings) -> TablePlace | None:
    """Return the place of a table that the user named, with its card, if it has one."""
    file = find_card(table)
    card = _NO_CARD if file is None else _card(file, file.parent, found)
    if card is None:
        return None
    if file is not None and (card.dataset or card.table not in ("", table.name)):
        message = f"this card of {clip(table.name, 60)} names {clip(card.dataset or card.table, 60)!r} as its table"
        _refuse(file, found, "other-table", message, "take 'table' and 'dataset' out, or rename the card")
        return None
    if file is not None and isinstance(card.split, Splits) and not table.is_dir():
        message = f"'split' names files or splits, but {clip(table.name, 60)} is one file"
        expected = "give a column's name, or give the card's folder in place of the file"
        _refuse(file, found, "card-value", message, expected)
        return None
    stem = table.name if table.is_dir() else table.stem
    return TablePlace(card.name or stem or table.resolve().name, table, card, table, file)


def _of_card(file: Path, found: Findings) -> TablePlace | None:
    """Return the place of the table that a card names, or that lies beside it."""
    card = _card(file, file.parent, found)
    if card is None:
        return None
    folder = file.parent
    stem = card_stem(file) or folder.resolve().name
    place = TablePlace(card.name or stem, folder, card, None, file)
    if card.dataset:
        return place
    if card.table:
        return replace(place, table=folder / card.table, name=card.name or Path(card.table).stem)
    saved = is_saved_dataset(folder)
    if isinstance(card.split, Splits) and not saved:
        return place
    beside = [name for name in table_names(folder, found) if card_stem(file) in ("", Path(name).stem)]
    if file.name == CARD and (saved or split_names(beside) or (beside and all(n.endswith(".parquet") for n in beside))):
        return replace(place, table=folder)
    if len(beside) != 1:
        message = f"it names no table, and {len(beside) or 'no'} tables lie beside it"
        _refuse(file, found, "no-table", message, "name the file: 'table: …' (or an id of the hub: 'dataset: …')")
        return None
    return replace(place, table=folder / beside[0], name=card.name or Path(beside[0]).stem)


def _card(file: Path, root: Path, found: Findings) -> TaskCard | None:
    place = Findings(file)
    card = read_card(file, root, place)
    found.include(place)
    return card


def _refuse(file: Path, found: Findings, kind: str, message: str, expected: str) -> None:
    place = Findings(file)
    place.error(kind, message, expected)
    found.include(place)
