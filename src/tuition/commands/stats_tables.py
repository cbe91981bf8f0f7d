"""The tables of `tuition stats` for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tuition.base.errors import clip
from tuition.reports.collection_statistics import CollectionStatistics
from tuition.reports.task_statistics import BUDGETS, BudgetSums, budget_sums, budget_total
from tuition.tasks.statistics import count_categories
from tuition.tasks.statistics import published as papers

_UNKNOWN = "–"
_TABLE_2 = (
    ("tasks", "tasks"),
    ("task_types", "task types"),
    ("languages", "languages"),
    ("domains", "domains"),
    ("non_english_tasks", "non-English tasks"),
    ("definition_words", "definition length (words, mean)"),
    ("positive_examples", "positive examples per task (mean)"),
    ("negative_examples", "negative examples per task (mean)"),
    ("instances", "instances per task (mean)"),
)


def comparison(counted: Sequence[CollectionStatistics], published: bool) -> Group:
    """Return the table that compares collections, one column each, with the papers' columns if requested."""
    table = _table("")
    for one in counted:
        table.add_column(Text(one.path.name or str(one.path)), justify="right", overflow="fold")
    papers_too = papers.RESOURCES if published else ()
    for resource in papers_too:
        table.add_column(Text(f"{resource.name}\n(paper)"), justify="right", style="dim")
    columns = [*map(_column, counted), *map(_published, papers_too)]
    for row in columns[0]:
        table.add_row(row, *(column[row] for column in columns))
    return _titled("Collections", table)


def in_full(one: CollectionStatistics, published: bool) -> Iterator[Group]:
    """Yield the tables of one collection: Table 2, categories, labels by budget, lengths."""
    yield _table_2(one, published)
    yield _categories(one, published)
    yield _budgets(one)
    if published and _is_thesis(one):
        yield _published_budgets()
    if one.lengths:
        yield _lengths(one, published)


def remarks(counted: Sequence[CollectionStatistics], published: bool) -> list[str]:
    """Return notes on the tables: tasks that are too small, repeated rows, and the sources of published numbers."""
    notes = []
    for one in counted:
        reused = [pool.task for pool in one.pools if pool.reused]
        if reused:
            notes.append(
                f"{one.path}: {_count(len(reused), 'task')} with fewer than 120 rows ({_some(reused)}): 'thesis' "
                "counts their rows as both labels and test rows; 'honest' counts none of them"
            )
        small = [pool.task for pool in one.pools if pool.possible and pool.rows and not pool.reused]
        if small:
            notes.append(
                f"{one.path}: {_count(len(small), 'task')} too small for 100 test + 10 validation rows separate from "
                f"their labels ({_some(small)}); 'honest' counts none of them"
            )
        if dropped := sum(pool.dropped for pool in one.pools):
            notes.append(f"{one.path}: {_count(dropped, 'row')} with a test or validation input; 'honest' drops them")
        tests = [sum(getattr(pool, field) for pool in one.pools) for field in ("thesis_test", "honest_test")]
        notes.append(f"{one.path}: {tests[0]:,} test rows by the thesis's protocol, {tests[1]:,} by the honest one")
        if one.summary.unstated_language:
            notes.append(f"{one.path}: {one.summary.unstated_language} of {one.summary.tasks} tasks state no language")
    if published:
        notes.append(
            f"(paper): {papers.TABLE_SOURCE}; thesis: {papers.BUDGET_SOURCE}. Published numbers, not computed here."
        )
    return notes


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _some(names: Sequence[str], shown: int = 5) -> str:
    return ", ".join(clip(name, 40) for name in names[:shown]) + (", …" if len(names) > shown else "")


def _column(one: CollectionStatistics) -> dict[str, str]:
    summary = one.summary
    return {
        "Instructions?": _mark(summary.has_instructions),
        "Negative examples?": _mark(summary.has_negative_examples),
        "Non-English tasks?": _mark(summary.has_non_english),
        "Public?": _UNKNOWN,
        "Tasks": f"{summary.tasks:,}",
        "Instructions": f"{summary.instructions:,}",
        "Task types": f"{summary.task_types:,}",
        "Definition words (mean)": _number(summary.definition_words),
        "Instances": f"{summary.total_instances:,}",
    }


def _published(one: papers.Published) -> dict[str, str]:
    return {
        "Instructions?": _mark(one.instructions_given),
        "Negative examples?": _mark(one.negative_examples_given),
        "Non-English tasks?": _mark(one.non_english_given),
        "Public?": _mark(one.public),
        "Tasks": _number(one.tasks),
        "Instructions": _number(one.instructions),
        "Task types": _number(one.task_types),
        "Definition words (mean)": _number(one.definition_words),
        "Instances": _UNKNOWN,
    }


def _table_2(one: CollectionStatistics, published: bool) -> Group:
    table = _table("")
    table.add_column("counted", justify="right")
    if published:
        table.add_column("SuperNI (paper)", justify="right", style="dim")
    for field, words in _TABLE_2:
        row = [words, _number(getattr(one.summary, field))]
        table.add_row(*row, *([_number(papers.SUPERNI_TABLE_2[field])] if published else []))
    return _titled("Tasks in numbers (Super-NaturalInstructions, Table 2)", table)


def _categories(one: CollectionStatistics, published: bool) -> Group:
    table = _table("category")
    table.add_column("tasks", justify="right")
    table.add_column("group")
    with_thesis = published and _is_thesis(one)
    if with_thesis:
        table.add_column("thesis", justify="right", style="dim")
    for category, tasks in count_categories(one.facts).items():
        thesis = [_number(papers.THESIS_CATEGORIES.get(category))] if with_thesis else []
        group = one.groups[category]
        table.add_row(_name(category), f"{tasks:,}", _name(group) if group != category else Text(""), *thesis)
    return _titled("Tasks by category (Gupta 2023, Table 4.1)", table)


def _budgets(one: CollectionStatistics) -> Group:
    table = _table("group")
    table.add_column("tasks", justify="right")
    for budget in BUDGETS:
        table.add_column(f"{budget}\nthesis", justify="right")
        table.add_column(f"{budget}\nhonest", justify="right")
    groups = sorted(budget_sums(one.pools, one.groups), key=lambda sums: (sums.group == "Other", sums.group))
    total = budget_total(one.pools)
    for sums in groups:
        table.add_row(_name(sums.group), f"{sums.tasks:,}", *_labels(sums))
    table.add_section()
    table.add_row("Total", f"{total.tasks:,}", *_labels(total))
    return _titled("Labels by budget (Gupta 2023, Table 4.3): by the thesis's split, and by the honest one", table)


def _labels(sums: BudgetSums) -> list[str]:
    return [f"{counted[budget]:,}" for budget in BUDGETS for counted in (sums.thesis, sums.honest)]


def _published_budgets() -> Group:
    table = _table("group")
    for budget in BUDGETS:
        table.add_column(budget, justify="right", style="dim")
    for group in papers.THESIS_BUDGETS["all"]:
        table.add_row(group, *(f"{papers.THESIS_BUDGETS[budget][group]:,}" for budget in BUDGETS))
    table.add_section()
    table.add_row("Total", *(f"{sum(papers.THESIS_BUDGETS[budget].values()):,}" for budget in BUDGETS))
    return _titled("Labels by budget, as published in the thesis", table)


def _lengths(one: CollectionStatistics, published: bool) -> Group:
    table = _table("encoding")
    for title in ("unit", "rows", "prompt", "by task", "target", "longest"):
        table.add_column(title, justify="left" if title == "unit" else "right")
    for length in one.lengths:
        means = (length.prompt, length.prompt_by_task, length.target)
        numbers = [f"{mean:,.2f}" for mean in means]
        table.add_row(length.encoding, Text(length.unit), f"{length.rows:,}", *numbers, f"{length.longest:,}")
    if published and _is_thesis(one):
        for encoding, mean in papers.THESIS_MEAN_LENGTHS.items():
            table.add_row(encoding, "thesis (no unit stated)", _UNKNOWN, f"{mean:,.2f}", *[_UNKNOWN] * 3, style="dim")
    return _titled("Mean length of a prompt (Gupta 2023, chapter 4)", table)


def _is_thesis(one: CollectionStatistics) -> bool:
    """Whether the thesis's numbers are comparable: the collection has only the thesis's twelve categories."""
    return bool(one.facts) and {task.category for task in one.facts} <= papers.THESIS_CATEGORIES.keys()


def _table(first: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, overflow="fold")
    return table


def _titled(title: str, table: Table) -> Group:
    """Return a table under its title, which is not wrapped to the table's width."""
    return Group(Text(title, style="bold"), table)


def _name(category: str) -> Text:
    return Text(clip(category, 60) or "(no category)")


def _mark(given: bool | None) -> str:
    return _UNKNOWN if given is None else "yes" if given else "no"


def _number(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
