"""Tables of probes for the terminal: each probe's mean difference over tasks, and each task's spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuition.reports.probes import ProbeEffect, ProbeSpread, probe_means, probe_spreads
from tuition.reports.wording import metric_title, shown_name
from tuition.studies.results import StudyResults

if TYPE_CHECKING:
    from rich.table import Table

_MAX_LISTED = 10


def probe_tables(results: StudyResults) -> list[Table]:
    """Return the tables for the first metric of the probes; empty if there are no probes.

    Of many tasks, those whose scores change most are shown; `probes.csv` has all.
    """
    spreads = probe_spreads(results.predictions)
    if not spreads:
        return []
    metric = spreads[0].metric
    return [_means(results, metric), _spreads([one for one in spreads if one.metric == metric])]


def difference_text(difference: float, low: float, high: float) -> str:
    """Return a difference with its interval, signed.

    Examples:
        >>> difference_text(-3.14, -5.0, 0.04)
        '-3.1 (-5.0 to +0.0)'
    """
    return f"{difference:+.1f} ({low:+.1f} to {high:+.1f})"


def _means(results: StudyResults, metric: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"What the model follows: {metric_title(metric)} under changed prompts")
    table.title_justify = "left"
    for heading in ("arm", "labels", "probe", "mean difference", "tasks", "clearly moved"):
        table.add_column(heading, justify="right" if heading in ("labels", "tasks", "clearly moved") else "left")
    for one in probe_means(results.predictions, metric):
        difference = difference_text(one.difference, one.low, one.high)
        cells = (shown_name(one.arm, 40), f"{one.labels:,}", one.probe, difference, str(one.tasks), str(one.moved))
        table.add_row(*map(Text, cells))
    return table


def _spreads(spreads: Sequence[ProbeSpread]) -> Table:
    from rich.table import Table
    from rich.text import Text

    shown = sorted(spreads, key=lambda one: -one.spread)[:_MAX_LISTED]
    table = Table(title="Spread by task (highest score minus lowest), the widest first", title_justify="left")
    for heading in ("task", "arm", "labels", "unchanged", "spread", "each probe's difference"):
        table.add_column(heading, justify="right" if heading in ("labels", "unchanged", "spread") else "left")
    for one in shown:
        effects = "\n".join(_effect(effect) for effect in one.effects)
        cells = (shown_name(one.task, 60), shown_name(one.arm, 40), f"{one.labels:,}", f"{one.value:.1f}")
        table.add_row(*map(Text, (*cells, f"{one.spread:.1f}", effects)))
    if len(spreads) > len(shown):
        table.caption = f"* its interval excludes 0; {len(spreads) - len(shown)} more in probes.csv"
    else:
        table.caption = "* its interval excludes 0"
    table.caption_justify = "left"
    return table


def _effect(effect: ProbeEffect) -> str:
    mark = "*" if effect.clear else " "
    return f"{mark} {effect.probe} {difference_text(effect.difference, effect.low, effect.high)}"
