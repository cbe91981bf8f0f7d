"""Tables of scores by category: for generated answers, and for ranked options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from rich.markup import escape
from rich.table import Table

from tuition.evaluation.metric_scores import score_instances
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.options.rankings import RANK_METRICS, normalisation_of
from tuition.evaluation.stats.aggregate import GroupScore, Place, aggregate, place_of
from tuition.reports.wording import count, metric_title
from tuition.studies.results import PredictionRow
from tuition.tasks import Task

_COLUMN_TITLES = {
    name: "PMI" if normalisation_of(name) == "pmi" else normalisation_of(name).replace("_", " ")
    for name in RANK_METRICS
}
_MOST_ON_ONE_LINE = 2
"""With up to this many metrics, a table shows scores and intervals on one line; with more, intervals are below."""


def category_figures(predictions: Iterable[PredictionRow], tasks: Sequence[Task]) -> list[GroupScore]:
    """Return the scores of one arm's answers by category and overall, each metric over the tasks that have it."""
    places = {task.name: place_of(task) for task in tasks}
    rows = list(predictions)
    figures: list[GroupScore] = []
    for metric in dict.fromkeys(metric for row in rows for metric in row.scores):
        own = [row for row in rows if metric in row.scores]
        at: list[Place] = [places[row.task] for row in own]
        figures += aggregate({metric: _scores(metric, own)}, at, levels=("category", "overall"))
    return figures


def category_tables(arm: str, figures: Sequence[GroupScore], rankings: Iterable[PredictionRow]) -> list[Table]:
    """Return the tables of one arm: one for metrics of generated answers, and one for ranked options if there are any.

    Each category has one line with the mean over its tasks; all tasks together have the mean over tasks and over rows.
    """
    written = [figure for figure in figures if figure.metric not in RANK_METRICS]
    ranked = [figure for figure in figures if figure.metric in RANK_METRICS]
    tables = []
    if written:
        tables.append(_table(arm, written))
    if ranked:
        tables.append(_table(f"{arm}: accuracy of ranked options", ranked, _chance(rankings)))
    return tables


def _scores(metric: str, rows: Sequence[PredictionRow]) -> Sequence[float]:
    """Return a metric's scores; those of a corpus metric are computed again, with the statistics of its summary."""
    if metric not in METRICS or METRICS[metric].corpus is None:
        return [row.scores[metric] for row in rows]
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        found.setdefault(row.task, {}).update(dict.fromkeys(row.references))
    options = {task: tuple(references) for task, references in found.items()}
    texts, references = [row.prediction for row in rows], [row.references for row in rows]
    return score_instances(texts, references, [metric], options=[options[row.task] for row in rows])[metric]


def _chance(rows: Iterable[PredictionRow]) -> dict[str, float]:
    """Return by task the expected accuracy of a random choice among the options, in 0-100."""
    by_task: dict[str, list[float]] = {}
    for row in rows:
        if row.ranking is not None:
            right = {text.strip() for text in row.references}
            own = row.ranking.options
            by_task.setdefault(row.task, []).append(sum(option.strip() in right for option in own) / len(own))
    return {task: 100 * fmean(values) for task, values in by_task.items()}


def _table(title: str, figures: Sequence[GroupScore], chance: dict[str, float] | None = None) -> Table:
    metrics = list(dict.fromkeys(figure.metric for figure in figures))
    table = Table(title=escape(title), title_justify="left")
    for heading in ("category", "mean over", "tasks", "rows"):
        table.add_column(heading, justify="right" if heading in ("tasks", "rows") else "left")
    for metric in metrics:
        # For ranked options the table's title names the metric, and columns name normalisations.
        table.add_column(_COLUMN_TITLES[metric] if chance else metric_title(metric), no_wrap=True)
    groups = dict.fromkeys((f.level, f.group, f.average) for f in figures)
    for level, group, average in sorted(groups, key=lambda key: (key[0] == "overall", key[1].casefold(), key[2])):
        # A metric that only one task has needs no mean over tasks: its score is that task's.
        same = [f for f in figures if (f.level, f.group) == (level, group) and (f.average == average or f.tasks == 1)]
        cells = {f.metric: f for f in same}
        first = max(cells.values(), key=lambda figure: figure.tasks)
        if average == "micro" and first.tasks > 1 and level != "overall":
            continue
        if level == "overall" and average == "macro":
            table.add_section()
        name = "all" if level == "overall" else group or "(no category)"
        over = "rows" if average == "micro" else "tasks"
        scores = [_cell(cells.get(metric), first, wide=len(metrics) <= _MOST_ON_ONE_LINE) for metric in metrics]
        table.add_row(escape(name), over, str(first.tasks), f"{first.n:,}", *scores)
    if chance:
        table.caption = f"A random choice among the options scores {fmean(chance.values()):.1f} (mean over tasks)."
        table.caption_justify = "left"
    return table


def _cell(figure: GroupScore | None, first: GroupScore, *, wide: bool) -> str:
    """Return a score with its interval, and its number of tasks if that is not the line's."""
    if figure is None:
        return "–"
    of = "" if figure.tasks == first.tasks else f"{' ' if wide else chr(10)}{count(figure.tasks, 'task')}"
    if wide:
        return f"{figure.value:.1f} ({figure.low:.1f} – {figure.high:.1f}){of}"
    return f"{figure.value:.1f}\n({figure.low:.1f}–{figure.high:.1f}){of}"
