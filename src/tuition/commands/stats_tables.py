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

_NOT_TOLD = "–"
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
    """Return the table that compares collections, a column for each, and the papers' columns where they are wanted."""
    table = _table("")
    for one in counted:
        table.add_column(Text(one.path.name or str(one.path)), justify="right", overflow="fold")
    papers_too = papers.RESOURCES if published else ()
    for resource in papers_too:
        table.add_column(Text(f"{resource.name}\n(paper)"), justify="right", style="dim")
    columns = [*map(_column, counted), *map(_printed, papers_too)]
    for row in columns[0]:
        table.add_row(row, *(column[row] for column in columns))
    return _titled("Collections", table)


def in_full(one: CollectionStatistics, published: bool) -> Iterator[Group]:
    """Yield the tables of one collection: Table 2, categories, labels by budget, lengths."""
    yield _table_2(one, published)
    yield _categories(one, published)
    yield _budgets(one)
    if published and _is_thesis(one):
        yield _printed_budgets()
    if one.lengths:
        yield _lengths(one, published)


def remarks(counted: Sequence[CollectionStatistics], published: bool) -> list[str]:
    """Return what the tables cannot say themselves: tasks too small, rows that repeat, and where figures come from."""
    told = []
    for one in counted:
        reused = [pool.task for pool in one.pools if pool.reused]
        if reused:
            told.append(
                f"{one.path}: {_count(len(reused), 'task')} with fewer than 120 rows ({_some(reused)}), all of which "
                "'thesis' counts as labels and as test at once; 'honest' counts none of them"
            )
        small = [pool.task for pool in one.pools if pool.possible and pool.rows and not pool.reused]
        if small:
            told.append(
                f"{one.path}: {_count(len(small), 'task')} that cannot give 100 test + 10 validation rows apart from "
                f"their labels ({_some(small)}); 'honest' counts none of them"
            )
        if dropped := sum(pool.dropped for pool in one.pools):
            told.append(f"{one.path}: {_count(dropped, 'row')} with a test or validation input; 'honest' drops them")
        tests = [sum(getattr(pool, field) for pool in one.pools) for field in ("thesis_test", "honest_test")]
        told.append(f"{one.path}: {tests[0]:,} test rows by the thesis's protocol, {tests[1]:,} by the honest one")
        if one.summary.unstated_language:
            told.append(f"{one.path}: {one.summary.unstated_language} of {one.summary.tasks} tasks state no language")
    if published:
        told.append(f"(paper): {papers.TABLE_SOURCE}; thesis: {papers.BUDGET_SOURCE}. Printed there, not counted here.")
    return told


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _some(names: Sequence[str], shown: int = 5) -> str:
    return ", ".join(clip(name, 40) for name in names[:shown]) + (", …" if len(names) > shown else "")


def _column(one: CollectionStatistics) -> dict[str, str]:
    told = one.summary
    return {
        "Instructions?": _mark(told.has_instructions),
        "Negative examples?": _mark(told.has_negative_examples),
        "Non-English tasks?": _mark(told.has_non_english),
        "Public?": _NOT_TOLD,
        "Tasks": f"{told.tasks:,}",
        "Instructions": f"{told.instructions:,}",
        "Task types": f"{told.task_types:,}",
        "Definition words (mean)": _number(told.definition_words),
        "Instances": f"{told.total_instances:,}",
    }


def _printed(one: papers.Published) -> dict[str, str]:
    return {
        "Instructions?": _mark(one.instructions_given),
        "Negative examples?": _mark(one.negative_examples_given),
        "Non-English tasks?": _mark(one.non_english_given),
        "Public?": _mark(one.public),
        "Tasks": _number(one.tasks),
        "Instructions": _number(one.instructions),
        "Task types": _number(one.task_types),
        "Definition words (mean)": _number(one.definition_words),
        "Instances": _NOT_TOLD,
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
    beside = published and _is_thesis(one)
    if beside:
        table.add_column("thesis", justify="right", style="dim")
    for category, tasks in count_categories(one.facts).items():
        printed = [_number(papers.THESIS_CATEGORIES.get(category))] if beside else []
        group = one.groups[category]
        table.add_row(_name(category), f"{tasks:,}", _name(group) if group != category else Text(""), *printed)
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
    return _titled("Labels by budget (Gupta 2023, Table 4.3): as the thesis divides rows, and honestly", table)


def _labels(sums: BudgetSums) -> list[str]:
    return [f"{counted[budget]:,}" for budget in BUDGETS for counted in (sums.thesis, sums.honest)]


def _printed_budgets() -> Group:
    table = _table("group")
    for budget in BUDGETS:
        table.add_column(budget, justify="right", style="dim")
    for group in papers.THESIS_BUDGETS["all"]:
        table.add_row(group, *(f"{papers.THESIS_BUDGETS[budget][group]:,}" for budget in BUDGETS))
    table.add_section()
    table.add_row("Total", *(f"{sum(papers.THESIS_BUDGETS[budget].values()):,}" for budget in BUDGETS))
    return _titled("Labels by budget as the thesis prints them", table)


def _lengths(one: CollectionStatistics, published: bool) -> Group:
    table = _table("told")
    for title in ("unit", "rows", "prompt", "by task", "target", "longest"):
        table.add_column(title, justify="left" if title == "unit" else "right")
    for length in one.lengths:
        means = (length.prompt, length.prompt_by_task, length.target)
        numbers = [f"{mean:,.2f}" for mean in means]
        table.add_row(length.told, Text(length.unit), f"{length.rows:,}", *numbers, f"{length.longest:,}")
    if published and _is_thesis(one):
        for told, mean in papers.THESIS_MEAN_LENGTHS.items():
            table.add_row(told, "thesis (no unit stated)", _NOT_TOLD, f"{mean:,.2f}", *[_NOT_TOLD] * 3, style="dim")
    return _titled("Mean length of a prompt (Gupta 2023, chapter 4)", table)


def _is_thesis(one: CollectionStatistics) -> bool:
    """Whether the thesis's figures can stand beside: the collection has no types but its twelve."""
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
    return _NOT_TOLD if given is None else "yes" if given else "no"


def _number(value: float | None) -> str:
    if value is None:
        return _NOT_TOLD
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
