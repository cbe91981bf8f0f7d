"""Tables of scores for the terminal; for other tools there is `scores_csv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuition.base.errors import UserError
from tuition.reports.curves import Curve, CurvePoint, best_arms, learning_curves
from tuition.reports.scores_csv import read_scores_csv, write_scores_csv
from tuition.reports.wording import listed, metric_title, score_text, shown_name
from tuition.studies.results import StudyResults

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["read_scores_csv", "results_table", "write_scores_csv"]


def results_table(results: StudyResults) -> Table:
    """Return the scores as a table for the terminal: a block per task, a line per number of labels and arm.

    Scores are means over seeds with their 95% intervals (see `curves.average_seeds`); the best arm at each number of
    labels is bold, separately for each metric.

    Raises:
        UserError: there are no scores.
    """
    from rich.table import Table
    from rich.text import Text

    curves = learning_curves(results.scores)
    if not curves:
        raise UserError(f"study {shown_name(results.study)} has no scores yet; run it before showing its table")
    widths = _widths(curves)
    outer = Table.grid(padding=0)
    outer.title, outer.title_justify, outer.title_style = Text(shown_name(results.study)), "left", "bold"
    outer.caption, outer.caption_justify = Text(_caption(curves)), "left"
    outer.add_column(overflow="fold")
    for task in dict.fromkeys(curve.task for curve in curves):
        outer.add_row(Text(f"\n{shown_name(task)}", style="bold cyan"))
        outer.add_row(_block([curve for curve in curves if curve.task == task], widths))
    return outer


def _block(curves: Sequence[Curve], widths: dict[str, int]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    block = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="dim")
    block.add_column("labels", justify="right", min_width=6, no_wrap=True)
    block.add_column("arm", overflow="fold")
    metrics = [name for name in widths if name != "arm"]
    for metric in metrics:
        block.add_column(metric_title(metric))
    arms = list(dict.fromkeys(curve.arm for curve in curves))
    for labels in sorted({point.labels for curve in curves for point in curve.points}):
        first_cell = f"{labels:,}"
        for arm in arms:
            points = {c.metric: p for c in curves if c.arm == arm and (p := c.at(labels))}
            if not points:
                continue
            cells = [Text(first_cell), Text(shown_name(arm, 60).ljust(widths["arm"]))]
            for metric in metrics:
                point = points.get(metric)
                bold = arm in best_arms(curves, metric, labels)
                text = _score(point) if point else "   –"
                cells.append(Text(text.ljust(widths[metric]), style="bold" if bold else ""))
            block.add_row(*cells)
            first_cell = ""
    return block


def _score(point: CurvePoint) -> str:
    text = score_text(point.value, point.low, point.high)
    return f" {text}" if point.value < 9.95 else text  # aligns the decimal points


def _widths(curves: Sequence[Curve]) -> dict[str, int]:
    """Return the width to which each column's cells are padded, so that the blocks of all tasks are aligned."""
    widths = {"arm": min(24, max(len(shown_name(curve.arm, 60)) for curve in curves))}
    for metric in dict.fromkeys(curve.metric for curve in curves):
        points = [point for curve in curves if curve.metric == metric for point in curve.points]
        widths[metric] = max(len(_score(point)) for point in points)
    return widths


def _caption(curves: Sequence[Curve]) -> str:
    points = [point for curve in curves for point in curve.points]
    sizes = sorted({point.n for point in points})
    n = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    seeds = sorted({len(point.seeds) for point in points})
    means = f" Means over {listed([str(k) for k in seeds])} seeds." if seeds[-1] > 1 else ""
    bold = " Bold: the highest arm." if len({curve.arm for curve in curves}) > 1 else ""
    return f"95% intervals in brackets, {n} test {'instance' if sizes == [1] else 'instances'} each.{means}{bold}"
