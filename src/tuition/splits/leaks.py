"""Leaks between seen and unseen tasks: shared names, source datasets, definitions and inputs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from tuition.base.errors import Problem, ProblemsError, clip
from tuition.splits.content import content_key
from tuition.splits.seen.facts import TaskFacts, read_facts
from tuition.splits.seen.record import Excluded, TasksDivided, name_key
from tuition.tasks.collection import Collection

_HASH_BYTES = 8  # any two of ten million contents collide with a probability of 3 in a million


@dataclass(frozen=True, slots=True)
class Shared:
    """A source dataset or a definition that tasks of both sides have."""

    what: str
    seen: tuple[str, ...]
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedInputs:
    """The number of rows of an unseen task whose input is also in a seen task."""

    unseen: str
    seen: str
    rows: int


@dataclass(frozen=True, slots=True)
class InputLeaks:
    """Inputs of unseen tasks that are also in seen tasks, compared by `content_key`; empty inputs are skipped.

    `rows_per_task` is how many rows of each task were read, None for all. `leaked` counts each unseen row once; `pairs`
    count it once for each seen task that has its input.
    """

    rows_per_task: int | None
    seen_rows: int
    unseen_rows: int
    leaked: int
    pairs: tuple[SharedInputs, ...]


@dataclass(frozen=True, slots=True)
class LeakRecord:
    """What both sides of a split share; `inputs` is None if no rows were compared."""

    names: tuple[str, ...]
    sources: tuple[Shared, ...]
    definitions: tuple[Shared, ...]
    inputs: InputLeaks | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing that was compared is shared."""
        return not (self.names or self.sources or self.definitions or (self.inputs and self.inputs.leaked))


def find_leaks(collection: Collection, split: TasksDivided, *, rows: int | None = 0) -> LeakRecord:
    """Compare seen with unseen tasks by name, source dataset and definition, and by inputs unless `rows` is 0.

    Args:
        collection: the tasks.
        split: which tasks are seen and unseen; excluded tasks are on neither side.
        rows: how many rows of each task to compare: 0 for none, None for all.

    Raises:
        ProblemsError: tasks cannot be read; the problems of all of them.
    """
    facts = {task.name: task for task in read_facts(collection, (*split.seen, *split.unseen))}
    seen, unseen = [facts[name] for name in split.seen], [facts[name] for name in split.unseen]
    trained = set(split.seen)
    return LeakRecord(
        tuple(name for name in split.unseen if name in trained),
        _shared(seen, unseen, lambda task: task.sources, name_key),
        _shared(seen, unseen, lambda task: task.definitions, content_key),
        None if rows == 0 else shared_inputs(collection, split, rows=rows),
    )


def shared_inputs(collection: Collection, split: TasksDivided, *, rows: int | None = None) -> InputLeaks:
    """Count the inputs that seen and unseen tasks share; memory grows with the rows of the unseen tasks only.

    Args:
        collection: the tasks.
        split: which tasks are seen and unseen.
        rows: how many rows of each task to read, the first ones; None for all.

    Raises:
        ProblemsError: rows cannot be read; the problems of all tasks.
    """
    problems: list[Problem] = []
    # For each content, the unseen task of each row that has it. Most contents occur once and share their task's tuple.
    owners: dict[bytes, tuple[str, ...]] = {}
    unseen_rows = seen_rows = 0
    for name, contents in _contents(collection, split.unseen, rows, problems):
        unseen_rows += sum(contents.values())
        once = (name,)
        for content, count in contents.items():
            mine = once if count == 1 else once * count
            owners[content] = owners[content] + mine if content in owners else mine
    pairs: Counter[tuple[str, str]] = Counter()
    leaked: set[bytes] = set()
    for name, contents in _contents(collection, split.seen, rows, problems):
        seen_rows += sum(contents.values())
        shared = contents.keys() & owners.keys()
        leaked |= shared
        pairs.update((owner, name) for content in shared for owner in owners[content])
    if problems:
        raise ProblemsError(problems)
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return InputLeaks(
        rows,
        seen_rows,
        unseen_rows,
        sum(len(owners[content]) for content in leaked),
        tuple(SharedInputs(owner, name, count) for (owner, name), count in ordered),
    )


def without_shared_sources(
    collection: Collection, split: TasksDivided, facts: Iterable[TaskFacts] | None = None
) -> TasksDivided:
    """Exclude the seen tasks that share a source dataset with an unseen one.

    Args:
        collection: the tasks.
        split: which tasks are seen and unseen.
        facts: the facts of all tasks, if they have been read already.

    Raises:
        ProblemsError: tasks cannot be read.
    """
    facts_by_name = {task.name: task for task in (read_facts(collection) if facts is None else facts)}
    unseen_sources: dict[str, str] = {}
    for task in map(facts_by_name.__getitem__, split.unseen):
        for source in task.sources:
            unseen_sources.setdefault(name_key(source), task.name)
    reasons: dict[str, str] = {}
    for task in map(facts_by_name.__getitem__, split.seen):
        if shared := [source for source in task.sources if name_key(source) in unseen_sources]:
            owner = unseen_sources[name_key(shared[0])]
            reasons[task.name] = f"shares the source dataset {shared[0]!r} with the unseen {owner}"
    all_excluded = {one.task: one for one in split.excluded}
    all_excluded |= {name: Excluded(name, reason) for name, reason in reasons.items()}
    seen = tuple(name for name in split.seen if name not in reasons)
    notes = split.notes if seen or not split.seen else (*split.notes, "no task is left to train on")
    excluded = tuple(all_excluded[name] for name in collection.names if name in all_excluded)
    return dataclasses.replace(split, seen=seen, excluded=excluded, notes=notes)


def _shared(
    seen: Iterable[TaskFacts],
    unseen: Iterable[TaskFacts],
    traits: Callable[[TaskFacts], tuple[str, ...]],
    key: Callable[[str], str],
) -> tuple[Shared, ...]:
    """Return what both sides have, in the order of the unseen tasks."""
    sides: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    shown: dict[str, str] = {}
    for names, tasks in zip(sides, (seen, unseen), strict=True):
        for task in tasks:
            for normalised, text in {key(text): text for text in traits(task)}.items():
                names.setdefault(normalised, []).append(task.name)
                shown[normalised] = text
    of_seen, of_unseen = sides
    return tuple(
        Shared(shown[key], tuple(of_seen[key]), tuple(names)) for key, names in of_unseen.items() if key in of_seen
    )


def _contents(
    collection: Collection, names: Iterable[str], rows: int | None, problems: list[Problem]
) -> Iterator[tuple[str, Counter[bytes]]]:
    """Yield each task's contents, hashed and counted; tasks that cannot be read go to `problems`."""
    for name in names:
        contents: Counter[bytes] = Counter()
        try:
            for row in islice(collection.read_task(name).instances(), rows):
                if key := content_key(row.input):
                    contents[_hashed(key)] += 1
        except ProblemsError as error:
            problems += error.problems
            continue
        yield name, contents


def _hashed(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()


def excerpt(text: str, limit: int = 70) -> str:
    """Return the beginning of a shared text on one line, for tables."""
    return clip(" ".join(text.split()), limit)
