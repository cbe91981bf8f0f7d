"""`tuition stats`: the papers' tables about tasks, counted for any collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from tuition.base.errors import Problem, ProblemsError, UserError
from tuition.commands.console import console, notes, print_json
from tuition.reports.task_statistics import (
    Count,
    LabelPool,
    MeanLength,
    TaskLength,
    budget_sums,
    budget_total,
    label_pool,
    mean_lengths,
    task_lengths,
    word_counts,
)
from tuition.tasks import Task
from tuition.tasks.readers import find_reader
from tuition.tasks.statistics import CollectionFacts, TaskFacts, groups_of, measure_task, summarize
from tuition.tasks.statistics import published as papers


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything that is counted of one collection."""

    path: Path
    format: str
    facts: tuple[TaskFacts, ...]
    summary: CollectionFacts
    pools: tuple[LabelPool, ...]
    lengths: tuple[MeanLength, ...]

    @property
    def groups(self) -> dict[str, str]:
        """The group of each category."""
        return groups_of(task.category for task in self.facts)


def print_statistics(
    paths: Sequence[Path],
    *,
    format: str | None = None,  # noqa: A002 - the word that users know
    model: str | None = None,
    published: bool = False,
    as_json: bool = False,
) -> None:
    """Count collections and print their tables: one collection in full, several side by side.

    Args:
        paths: the collections.
        format: the format of them all; by default each is told from its path.
        model: whose tokens lengths are counted in besides words; words alone by default.
        published: put the papers' own figures beside.
        as_json: print one object instead, with everything of each collection.

    Raises:
        UserError: no path is given, or there is no such format or model.
        ProblemsError: collections cannot be read; every problem of all of them.
    """
    if not paths:
        raise UserError("no collection is given; name a folder or file of tasks")
    counts = _units(model)
    counted: list[Statistics] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            counted.append(count_collection(path, format, counts))
        except ProblemsError as error:
            problems.extend(error.problems)
    if problems:
        raise ProblemsError(problems)
    if as_json:
        print_json(_as_json(counted, published))
        return
    from tuition.commands import stats_tables as tables

    out = console()
    out.print(tables.comparison(counted, published))
    if len(counted) > 1:
        out.print("Give one path alone for its categories, labels by budget and lengths; --json has them for all.")
    else:
        for table in tables.in_full(counted[0], published):
            out.print()
            out.print(table)
    for note in tables.remarks(counted, published):
        out.print(escape(note), soft_wrap=True)


def count_collection(
    path: Path,
    format: str | None,  # noqa: A002
    counts: Mapping[str, Count],
) -> Statistics:
    """Read every task of a collection once and count it.

    Raises:
        UserError: no format has that name.
        ProblemsError: tasks cannot be read; every problem of all of them.
    """
    reader = find_reader(path, format)
    collection = reader.open(path)
    facts: list[TaskFacts] = []
    pools: list[LabelPool] = []
    lengths: list[TaskLength] = []
    problems: list[Problem] = []
    for name in collection.names:
        try:
            task = _held(collection.read_task(name))
        except ProblemsError as error:
            problems.extend(error.problems)
            continue
        if problems:
            continue
        facts.append(measure_task(task))
        pools.append(label_pool(task))
        lengths += task_lengths(task, counts)
    if problems:
        raise ProblemsError(problems)
    return Statistics(path, reader.name, tuple(facts), summarize(facts), tuple(pools), tuple(mean_lengths(lengths)))


def _held(task: Task) -> Task:
    """Return the task with its rows in memory, since each table goes through them."""
    rows = tuple(task.instances())
    return replace(task, read_instances=lambda: iter(rows))


def _units(model: str | None) -> dict[str, Count]:
    if model is None:
        return {"words": word_counts}
    from tuition.models.load import load_tokens

    tokens = load_tokens(model, say=lambda text: notes().print(escape(text), style="dim"))
    return {"words": word_counts, f"tokens of {model}": lambda texts: [len(ids) for ids in tokens.ids(texts)]}


def _as_json(counted: Sequence[Statistics], published: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"collections": [_collection_json(one) for one in counted]}
    if published:
        told["published"] = {
            "resources": {"source": papers.TABLE_SOURCE, "columns": [asdict(one) for one in papers.RESOURCES]},
            "superni_table_2": {"source": papers.TABLE_SOURCE, **papers.SUPERNI_TABLE_2},
            "thesis": {
                "source": papers.BUDGET_SOURCE,
                "categories": dict(papers.THESIS_CATEGORIES),
                "labels": {budget: dict(sums) for budget, sums in papers.THESIS_BUDGETS.items()},
                "test_instances": papers.THESIS_TEST_ROWS,
                "mean_lengths": dict(papers.THESIS_MEAN_LENGTHS),
            },
        }
    return told


def _collection_json(one: Statistics) -> dict[str, Any]:
    from tuition.tasks.statistics import count_categories

    groups = one.groups
    total = budget_total(one.pools)
    return {
        "path": str(one.path),
        "format": one.format,
        "summary": asdict(one.summary),
        "instructions": one.summary.has_instructions,
        "negative_examples": one.summary.has_negative_examples,
        "non_english": one.summary.has_non_english,
        "categories": [
            {"category": category, "group": groups[category], "tasks": tasks}
            for category, tasks in count_categories(one.facts).items()
        ],
        "labels": {
            "groups": [asdict(sums) for sums in budget_sums(one.pools, groups)],
            "total": {"tasks": total.tasks, "thesis": dict(total.thesis), "honest": dict(total.honest)},
            "test_instances": {
                "thesis": sum(pool.thesis_test for pool in one.pools),
                "honest": sum(pool.honest_test for pool in one.pools),
            },
            "reused": [asdict(pool) for pool in one.pools if pool.reused],
            "too_small": [pool.task for pool in one.pools if pool.possible],
            "dropped": {pool.task: pool.dropped for pool in one.pools if pool.dropped},
        },
        "lengths": [asdict(length) for length in one.lengths],
    }
