"""Match stored predictions with their references by task and instance id, never by position in two lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuition.base.errors import Problem, ProblemsError, clip
from tuition.evaluation.metrics.metric import UNKNOWN, Question
from tuition.evaluation.options.rankings import Ranking
from tuition.evaluation.predictions.fields import listed_text, name_text, reference_texts, require
from tuition.evaluation.predictions.record import StoredPrediction
from tuition.evaluation.stats.aggregate import CROSS_LINGUAL, ENGLISH, Place, place_of
from tuition.tasks import Collection, Task
from tuition.tasks.readers import open_collection
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.common.sniff import beginning, first_keys

_MAX_LISTED = 10
_TRACKS = {"default": ENGLISH, "xlingual": CROSS_LINGUAL}


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction with the references that it is scored against, and the groups of its instance."""

    text: str
    references: tuple[str, ...]
    instance: str
    place: Place
    system: str = ""
    options: tuple[str, ...] = ()
    ranking: Ranking | None = None
    verdicts: Mapping[str, float] = field(default_factory=dict)
    question: Question = UNKNOWN


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of a task's instances a system answered, if the references have more."""

    system: str
    task: str
    answered: int
    instances: int


@dataclass(slots=True)
class _TaskReferences:
    """The instances of one task, by id and in order; ids that occur twice with different outputs are in `unclear`."""

    place: Place
    options: tuple[str, ...] = ()
    definition: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    by_id: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)

    def add(self, name: str, references: tuple[str, ...]) -> None:
        if self.by_id.setdefault(name, references) != references:
            self.unclear.add(name)
        self.ids.append(name)


def own_references(rows: Sequence[StoredPrediction], path: Path) -> list[Answer]:
    """Return the answers with the references of their own file.

    Raises:
        ProblemsError: predictions without references, or several for one instance; all of each kind together.
    """
    faults = _Faults(path)
    for at, row in enumerate(rows):
        if not row.references:
            faults.note("missing-reference", _label(row, at))
    _note_duplicates(rows, faults)
    faults.raise_any()
    return [
        Answer(
            row.text,
            row.references,
            row.instance or str(at if row.index is None else row.index),
            Place(row.task, row.category, row.dataset, _TRACKS.get(row.language, row.language)),
            row.system,
            row.options,
            row.ranking,
            row.verdicts,
            Question(input=row.input),
        )
        for at, row in enumerate(rows)
    ]


def found_references(
    rows: Sequence[StoredPrediction],
    path: Path,
    references: Path,
    *,
    format: str | None = None,  # noqa: A002
    complete: bool = False,
) -> tuple[list[Answer], list[Coverage]]:
    """Return the answers with the references of a collection's instances, and which tasks are only partly answered.

    An instance is found by its task and id; by its id alone if the prediction names no task and only one instance has
    the id; or by its position in the task if the file gives positions. References in the predictions' own file are
    ignored. `references` may also be JSON lines of `id` and `references`, as for the leaderboard of
    Super-NaturalInstructions; each instance of such a list needs a prediction.

    Args:
        rows: the predictions.
        path: their file, for messages.
        references: a collection, or a list of references.
        format: the collection's format, if its path does not show it.
        complete: refuse tasks of which only some instances were answered.

    Raises:
        ProblemsError: tasks or ids that the references do not have, instances answered twice by one system or (if all
            must be answered) not at all; all of each kind together.
        UserError: the collection cannot be opened.
    """
    listed = _is_list(references)
    known = _listed(references) if listed else _collected(open_collection(references, format), rows)
    faults = _Faults(path)
    matched = [_matched(row, at, known, faults) for at, row in enumerate(rows)]
    kept = [row for row in matched if row is not None]
    _note_duplicates(kept, faults)
    coverage = _coverage(kept, known, everything=listed)
    if listed or complete:
        for one in coverage:
            answered = {row.instance for row in kept if (row.system, row.task) == (one.system, one.task)}
            for name in known[one.task].ids:
                if name not in answered:
                    faults.note("missing-prediction", _joined(one.system, one.task, name))
    faults.raise_any()
    answers = [
        Answer(
            row.text,
            known[row.task].by_id[row.instance],
            row.instance,
            known[row.task].place,
            row.system,
            known[row.task].options or row.options,
            row.ranking,
            row.verdicts,
            Question(known[row.task].definition, known[row.task].inputs.get(row.instance, row.input)),
        )
        for row in kept
    ]
    return answers, coverage


def _matched(
    row: StoredPrediction, at: int, known: dict[str, _TaskReferences], faults: _Faults
) -> StoredPrediction | None:
    """Return the prediction with the task and instance of the references; None, with a fault noted, if none matches."""
    label = _label(row, at)
    if row.task and row.task not in known:
        faults.note("unknown-task", clip(row.task, 60))
        return None
    tasks = [row.task] if row.task else [name for name, task in known.items() if row.instance in task.by_id]
    if row.instance:
        tasks = [name for name in tasks if row.instance in known[name].by_id]
        if not tasks:
            faults.note("unknown-id", label)
            return None
        if len(tasks) > 1 or row.instance in known[tasks[0]].unclear:
            faults.note("ambiguous-id", label)
            return None
        return replace(row, task=tasks[0])
    if row.index is None or not row.task:
        faults.note("no-id", label)
        return None
    ids = known[row.task].ids
    if row.index >= len(ids):
        faults.note("unknown-id", f"{label} (the task has {len(ids)} instances)")
        return None
    return replace(row, instance=ids[row.index])


def _collected(collection: Collection, rows: Iterable[StoredPrediction]) -> dict[str, _TaskReferences]:
    """Read the instances of the tasks that predictions name; of all tasks if some prediction names none."""
    wanted = {row.task for row in rows}
    names = collection.names if "" in wanted else [name for name in collection.names if name in wanted]
    return {name: _task_references(collection[name]) for name in names}


def _task_references(task: Task) -> _TaskReferences:
    known = _TaskReferences(place_of(task), task.options, task.definition)
    for row in task.instances():
        known.add(row.id, row.outputs)
        known.inputs[row.id] = row.input
    return known


def _is_list(path: Path) -> bool:
    if not path.is_file() or path.suffix not in (".jsonl", ".ndjson"):
        return False
    try:
        return {"id", "references"} <= first_keys(beginning(path))
    except OSError:
        return False


def _listed(path: Path) -> dict[str, _TaskReferences]:
    found = Findings(path)
    known: dict[str, _TaskReferences] = {}
    for number, row in read_json_lines(path, path, found):
        found.line = number
        if not require(row, ("id", "references"), found) or not isinstance(row, dict):
            continue
        references = reference_texts(row["references"], found)
        task = name_text(row.get("task_id", row.get("task", "")))
        track = listed_text(row.get("track", ""))
        category = listed_text(row.get("task_category", row.get("category", "")))
        if references is not None:
            place = Place(task, category, language=_TRACKS.get(track, track))
            known.setdefault(task, _TaskReferences(place)).add(name_text(row["id"]), references)
    if found.failed:
        raise ProblemsError(found.errors())
    return known


def _coverage(
    rows: Sequence[StoredPrediction], known: dict[str, _TaskReferences], *, everything: bool
) -> list[Coverage]:
    """Return the tasks that a system answered only partly; with `everything`, also those it did not answer at all."""
    answered = Counter((row.system, row.task) for row in rows)
    if everything:
        answered.update({(system, task): 0 for system in {row.system for row in rows} or {""} for task in known})
    return [
        Coverage(system, task, count, len(known[task].ids))
        for (system, task), count in answered.items()
        if count < len(known[task].ids)
    ]


def _note_duplicates(rows: Sequence[StoredPrediction], faults: _Faults) -> None:
    seen = Counter(
        (row.system, row.task, row.instance, row.index) for row in rows if row.instance or row.index is not None
    )
    for (system, task, instance, index), count in seen.items():
        if count > 1:
            faults.note("duplicate-prediction", f"{_joined(system, task, instance or str(index))} ({count} times)")


def _label(row: StoredPrediction, at: int) -> str:
    name = row.instance or (f"index {row.index}" if row.index is not None else "")
    return _joined(row.system, row.task, name) or (f"line {row.line}" if row.line else f"row {at}")


def _joined(*parts: str) -> str:
    return " ".join(clip(part, 60) for part in parts if part)


_FAULTS: dict[str, Callable[[int], tuple[str, str]]] = {
    "missing-reference": lambda n: (f"{n:,} predictions have no reference", "give --references"),
    "duplicate-prediction": lambda n: (f"{n:,} instances have several predictions", "keep one of each"),
    "unknown-task": lambda n: (f"{n:,} predictions are of tasks that the references do not have", "name its tasks"),
    "unknown-id": lambda n: (
        f"{n:,} predictions are of instances that the references do not have",
        "use the data that was answered",
    ),
    "ambiguous-id": lambda n: (
        f"{n:,} predictions have an id that several instances have",
        "give the task, or the index",
    ),
    "no-id": lambda n: (
        f"{n:,} predictions have no instance id",
        "give each an id, or use the references of their own file",
    ),
    "missing-prediction": lambda n: (f"{n:,} instances have no prediction", "give one for each; it may be empty"),
}


class _Faults:
    """Mismatches between predictions and references, collected by kind; each kind is reported in one line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, list[str]] = {}

    def note(self, kind: str, which: str) -> None:
        self._found.setdefault(kind, []).append(which)

    def raise_any(self) -> None:
        if not self._found:
            return
        problems = []
        for kind, noted in self._found.items():
            what, expected = _FAULTS[kind](len(noted))
            names = list(dict.fromkeys(noted))
            more = f" and {len(names) - _MAX_LISTED:,} more" if len(names) > _MAX_LISTED else ""
            listed = ", ".join(names[:_MAX_LISTED]) + more
            problems.append(Problem(kind, f"{what}: {listed}", expected, self._path))
        raise ProblemsError(problems)
