"""Learning curves: a chart for each task, with its forecasts; `curves.js` draws them in the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuition.reports.curve_charts import chart_data
from tuition.reports.forecast_summary import CurveKey, ForecastSummary, common_cautions
from tuition.reports.sections.section import PageData, Section, packaged
from tuition.reports.summary import findings


@dataclass(frozen=True, slots=True)
class _OutlookLine:
    """A sentence below a chart; `arm` is "" where it holds for all of the chart's arms."""

    arm: str
    sentence: str
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The sentences on one metric's forecasts: for all of them, then by task."""

    metric: int
    drawn: bool
    reason: str
    cautions: tuple[str, ...]
    lines: Mapping[str, tuple[_OutlookLine, ...]]


@dataclass(frozen=True, slots=True)
class _ScoredTask:
    """A task with a chart; `number` is its position among all tasks, counted from 1."""

    name: str
    number: int
    finding: str


def _context(page: PageData) -> Mapping[str, Any]:
    sentences = findings(page.results)
    scored = {curve.task for curve in page.curves}
    return {
        "ahead": [_ahead(page.forecasts, i, metric) for i, metric in enumerate(page.metrics)],
        "scored": [
            _ScoredTask(name, number, sentences.get(name, ""))
            for number, name in enumerate(page.tasks, start=1)
            if name in scored
        ],
    }


def _data(page: PageData) -> object:
    return chart_data(page.curves, page.forecasts, page.arm_names)


def _ahead(made: Mapping[CurveKey, ForecastSummary], index: int, metric: str) -> _Ahead:
    """Return the sentences on one metric's forecasts; what holds for all of the page, or of a chart, is said once."""
    mine = {(task, arm): outlook for (task, arm, of), outlook in made.items() if of == metric}
    drawn = any(outlook.band for outlook in mine.values())
    if not drawn and len({outlook.sentence for outlook in mine.values()}) == 1:
        return _Ahead(index, drawn, next(iter(mine.values())).sentence, (), {})
    shared = common_cautions(list(mine.values()))
    arms = list(dict.fromkeys(arm for _, arm, _ in made))
    lines: dict[str, list[_OutlookLine]] = {}
    for (task, arm), outlook in sorted(mine.items(), key=lambda item: arms.index(item[0][1])):
        cautions = tuple(caution for caution in outlook.cautions if caution not in shared)
        lines.setdefault(task, []).append(_OutlookLine(arm, outlook.sentence, cautions))
    return _Ahead(index, drawn, "", shared, {task: _merged(own) for task, own in lines.items()})


def _merged(lines: Sequence[_OutlookLine]) -> tuple[_OutlookLine, ...]:
    same = len({(line.sentence, line.cautions) for line in lines}) == 1
    return (replace(lines[0], arm=""),) if same and len(lines) > 1 else tuple(lines)


SECTION = Section("Learning curves", packaged("curves.html.jinja"), _context, script=packaged("curves.js"), data=_data)
