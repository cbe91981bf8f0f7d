"""`tuition stats`: the papers' tables of task statistics, computed for any collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from tuition.base.errors import Problem, ProblemsError, UserError
from tuition.commands.console import console, notes, print_json
from tuition.reports.collection_statistics import CollectionStatistics, count_collection
from tuition.reports.task_statistics import Count, budget_sums, budget_total, word_counts
from tuition.tasks.statistics import published as papers


def print_statistics(
    paths: Sequence[Path],
    *,
    format: str | None = None,  # noqa: A002 - the word that users know
    model: str | None = None,
    published: bool = False,
    as_json: bool = False,
) -> None:
    """Compute the statistics of collections and print tables: all of one collection, or a comparison of several.

    Args:
        paths: the collections.
        format: the format of all collections; by default each is detected from its path.
        model: the model whose tokens are counted as lengths, in addition to words; only words by default.
        published: add the numbers published in the papers.
        as_json: print one JSON object instead, with everything about each collection.

    Raises:
        UserError: no path is given, or the format or model is unknown.
        ProblemsError: collections cannot be read; all their problems are listed.
    """
    if not paths:
        raise UserError("no collection is given; give a folder or file of tasks")
    counts = _units(model)
    counted: list[CollectionStatistics] = []
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
        out.print("Give a single path for its categories, labels by budget and lengths; --json has them for all.")
    else:
        for table in tables.in_full(counted[0], published):
            out.print()
            out.print(table)
    for note in tables.remarks(counted, published):
        out.print(escape(note), soft_wrap=True)


_JSON_NAMES = {"encoding": "told"}  # the key in JSON predates the field's name


def _units(model: str | None) -> dict[str, Count]:
    if model is None:
        return {"words": word_counts}
    from tuition.models.load import load_tokens

    tokens = load_tokens(model, say=lambda text: notes().print(escape(text), style="dim"))
    return {"words": word_counts, f"tokens of {model}": lambda texts: [len(ids) for ids in tokens.ids(texts)]}


def _as_json(counted: Sequence[CollectionStatistics], published: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {"collections": [_collection_json(one) for one in counted]}
    if published:
        fields["published"] = {
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
    return fields


def _collection_json(one: CollectionStatistics) -> dict[str, Any]:
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
        "lengths": [{_JSON_NAMES.get(name, name): value for name, value in asdict(o).items()} for o in one.lengths],
    }
