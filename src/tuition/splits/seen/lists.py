"""Task splits from lists: those that the collection ships (SuperNI's default and cross-lingual), or a user's own.

A user's lists are a folder with `train_tasks.txt` and `test_tasks.txt` as in a Super-NaturalInstructions checkout; a
YAML file with the keys `seen`, `unseen` and optionally `excluded`; or a text file with the unseen tasks, one per line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import Problem, ProblemsError, UserError, clip
from tuition.splits.seen.record import Request, SplitKind, TasksDivided, divided
from tuition.tasks.collection import Collection
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import read_text
from tuition.tasks.readers.common.yaml_text import read_yaml

LIST_FILES: Mapping[str, str] = {
    "seen": "train_tasks.txt",
    "unseen": "test_tasks.txt",
    "excluded": "excluded_tasks.txt",
}
"""The file of each list in a folder of lists, as Super-NaturalInstructions names them."""

_EXPECTS = "list=NAME (of the collection), or list=PATH: a folder with test_tasks.txt, a .yaml file or a .txt file"
_ENDINGS = (".yaml", ".yml")
# Finding the nearest of thousands of names is slow, so at most this many problems are listed.
_LISTED = 50


@dataclass(frozen=True, slots=True)
class _Line:
    """A task's name in a list, and its location."""

    name: str
    side: str
    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lines of lists. `complete` if they also name the seen tasks; else every other task is seen."""

    lines: tuple[_Line, ...]
    complete: bool


def _divide(collection: Collection, request: Request) -> TasksDivided:
    if not request.value:
        ships = f"it ships {', '.join(collection.splits)}" if collection.splits else "it ships none"
        raise UserError(f"{collection.path}: no list is given ({ships}); write {_EXPECTS}")
    if request.value in collection.splits:
        return _shipped(collection, request.value)
    return lists_from(collection, Path(request.value).expanduser())


def _shipped(collection: Collection, name: str) -> TasksDivided:
    chosen = collection.splits[name]
    seen, unseen = set(chosen.train), set(chosen.test)
    if both := [task for task in collection.names if task in seen & unseen]:
        raise UserError(f"{collection.path}: the split {name!r} has tasks both seen and unseen: {', '.join(both[:5])}")
    excluded = {task: f"in neither list of {name!r}" for task in collection.names if task not in seen | unseen}
    return divided(collection, f"list={name}", unseen=unseen, excluded=excluded)


def lists_from(collection: Collection, path: Path) -> TasksDivided:
    """Split tasks by a user's lists.

    Names may be unique prefixes. If the lists name no seen tasks, all other tasks are seen; if they do, all other tasks
    are excluded.

    Raises:
        UserError: there is nothing at `path`, or it is not a list.
        ProblemsError: unknown names (with the nearest), tasks in two lists, or a file cannot be read; all are listed.
    """
    lists = _read(collection, path)
    lines: dict[str, _Line] = {}
    problems: list[Problem] = []
    repeated = 0
    exact = set(collection.names)
    for number, line in enumerate(lists.lines):
        if len(problems) == _LISTED:
            left = f"the {len(lists.lines) - number} names from {clip(line.name)!r} on were not checked"
            problems.append(Problem("too-many-problems", left, "fix those listed first", line.file, line=line.line))
            break
        try:
            name = line.name if line.name in exact else collection.full_name(line.name)
        except UserError as error:
            problems.append(_unknown(line, str(error).removeprefix(f"{collection.path}: ")))
            continue
        first = lines.setdefault(name, line)
        if first.side != line.side:
            found = f"{name} is {line.side} here and {first.side} in {first.file.name}, line {first.line}"
            expected = "a task is either trained on, held out or excluded"
            problems.append(Problem("seen-and-unseen", found, expected, line.file, line=line.line))
        elif first is not line:
            repeated += 1
    if problems:
        raise ProblemsError(problems)
    return _by_lines(collection, path, lines, lists.complete, repeated)


def _unknown(line: _Line, message: str) -> Problem:
    found, _, expected = message.rpartition("; ")
    return Problem("unknown-task", found, expected, line.file, line=line.line)


def _by_lines(
    collection: Collection, path: Path, lines: Mapping[str, _Line], complete: bool, repeated: int
) -> TasksDivided:
    unseen = {name for name, line in lines.items() if line.side == "unseen"}
    if not unseen:
        raise UserError(f"{path}: names no unseen task; list at least one")
    excluded = {name: f"excluded by {line.file.name}" for name, line in lines.items() if line.side == "excluded"}
    if complete:
        excluded |= {name: f"in no list of {path.name}" for name in collection.names if name not in lines}
    notes = [f"{repeated} names occur twice in one list"] if repeated else []
    return divided(collection, f"list={path}", unseen=unseen, excluded=excluded, notes=notes)


def _read(collection: Collection, path: Path) -> _Lists:
    if path.is_dir():
        files = {side: path / name for side, name in LIST_FILES.items()}
        if not files["unseen"].exists():
            raise UserError(f"{path}: has no {LIST_FILES['unseen']}; expected {_EXPECTS}")
        listed = [line for side, file in files.items() if file.exists() for line in _text_lines(file, side)]
        return _Lists(tuple(listed), files["seen"].exists())
    if not path.is_file():
        ships = f"the collection ships {', '.join(collection.splits)}" if collection.splits else "it ships none"
        raise UserError(f"{clip(str(path))}: is not a list of the collection ({ships}), a file or a folder")
    if path.suffix.lower() in _ENDINGS:
        return _from_yaml(path)
    return _Lists(tuple(_text_lines(path, "unseen")), complete=False)


def _text_lines(file: Path, side: str) -> Iterator[_Line]:
    found = Findings(file)
    text = read_text(file, file, found)
    if text is None or found.failed:
        raise ProblemsError(found.errors())
    for number, row in enumerate(text.split("\n"), start=1):
        if name := row.strip():
            yield _Line(name, side, file, number)


def _from_yaml(file: Path) -> _Lists:
    found = Findings(file)
    data = read_yaml(file, file, found)
    if data is None:
        raise ProblemsError(found.errors())
    if not isinstance(data.value, dict):
        raise UserError(f"{file}: is not a mapping; give the keys {', '.join(LIST_FILES)}, each with a list of names")
    lines: list[_Line] = []
    problems: list[Problem] = []
    for key in data.value:
        names = data.written_list(key)
        if key not in LIST_FILES:
            expected = f"the keys are {', '.join(LIST_FILES)}"
            problems.append(
                Problem("unknown-key", f"unknown key {clip(str(key))!r}", expected, file, line=data.line(key))
            )
        elif names is None:
            found_here = f"{key!r} is not a list of names"
            problems.append(
                Problem("wrong-type", found_here, "give one name per line, after '- '", file, line=data.line(key))
            )
        else:
            lines += [_Line(name, key, file, data.line(key, number)) for number, name in enumerate(names)]
    if problems:
        raise ProblemsError(problems)
    return _Lists(tuple(lines), "seen" in data.value)


def _each_shipped(collection: Collection) -> tuple[TasksDivided, ...]:
    return tuple(_shipped(collection, name) for name in collection.splits)


KIND = SplitKind("list", _EXPECTS, _divide, _each_shipped)
