"""The learning curves as the page's script draws them: plain data, and how each arm looks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tuition.reports.curves import Curve, CurvePoint, LabelAxis, label_axis
from tuition.reports.forecast_summary import CurveKey, ForecastSummary
from tuition.reports.many_arms import MANY_ARMS
from tuition.reports.wording import count, interval_text, metric_title, shown_name

if TYPE_CHECKING:
    from tuition.reports.forecasting.answers import Band


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """An arm's marker and dash, which distinguish it without its colour: plotly's names, and SVG for the legend."""

    symbol: str
    dash: str
    path: str
    dasharray: str


# Markers are drawn around (0, 0) within a radius of 5.
_MARKERS = (
    ("circle", "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z"),
    ("diamond", "M0 -6L6 0L0 6L-6 0Z"),
    ("square", "M-4.5 -4.5H4.5V4.5H-4.5Z"),
    ("triangle-up", "M0 -5.5L5.5 4H-5.5Z"),
    ("cross", "M-1.8 -5H1.8V-1.8H5V1.8H1.8V5H-1.8V1.8H-5V-1.8H-1.8Z"),
    ("triangle-down", "M0 5.5L5.5 -4H-5.5Z"),
    ("hourglass", "M-5 -5H5L-5 5H5Z"),
)
_DASHES = (("solid", ""), ("dash", "7 4"), ("dot", "2 3"), ("dashdot", "7 3 2 3"), ("longdash", "11 4"))

COLOURS = 8
"""The number of arm colours that page.css has; further arms use them again with other markers and dashes."""


def arm_style(index: int) -> ArmStyle:
    """Return the marker and dash of the arm with that index; 280 arms differ in colour, marker or dash."""
    symbol, path = _MARKERS[index % len(_MARKERS)]
    dash, dasharray = _DASHES[index % len(_DASHES)]
    return ArmStyle(symbol, dash, path, dasharray)


def chart_data(
    curves: Sequence[Curve],
    forecast_summaries: Mapping[CurveKey, ForecastSummary] = MappingProxyType({}),
    names: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return everything that the page's script needs to draw one chart for each task, as JSON's types.

    All charts share their axes: x as `curves.label_axis` sets it, y from 0 to the next multiple of 20 above the
    highest interval of the metric, so that tasks compare at a glance. Both have a second end for when forecasts are
    shown: x at the farthest forecast, y above the highest 80% or, where one arm is shown, 95% interval. Without any
    forecast the axis of forecasts is None. `names` are what arms are called where that is not their name.
    """
    axis = label_axis(point.labels for curve in curves for point in curve.points)
    tasks, arms, metrics = (list(dict.fromkeys(getattr(c, name) for c in curves)) for name in ("task", "arm", "metric"))
    by_key = {(curve.task, curve.arm, curve.metric): curve for curve in curves}
    bands = {key: outlook.band for key, outlook in forecast_summaries.items() if outlook.band}
    reach = max((band.labels[-1] for band in bands.values()), default=None)
    return {
        "many": MANY_ARMS,
        "axis": _axis(axis),
        "ahead": None if reach is None else _axis(axis.until(reach)),
        "metrics": [{"title": metric_title(metric), **_tops(curves, bands, metric)} for metric in metrics],
        "arms": [
            {
                "name": shown_name(names.get(arm, arm), 60),
                "symbol": arm_style(i).symbol,
                "dash": arm_style(i).dash,
                "colour": i % COLOURS,
            }
            for i, arm in enumerate(arms)
        ],
        "charts": [
            {
                "task": shown_name(task),
                "lines": [[_line(by_key.get((task, arm, metric)), axis) for arm in arms] for metric in metrics],
                "bands": [[_band(bands.get((task, arm, metric)), axis) for arm in arms] for metric in metrics],
            }
            for task in tasks
        ],
    }


def _axis(axis: LabelAxis) -> dict[str, Any]:
    return {
        "ticks": [axis.position(labels) for labels in axis.ticks],
        "texts": [f"{labels:,}" for labels in axis.ticks],
        "range": [min(axis.positions.values()) - axis.span * 0.1, max(axis.positions.values()) + axis.span * 0.1],
        "break": axis.break_at,
        "apart": axis.span * 0.016,
    }


def _band(band: Band | None, axis: LabelAxis) -> dict[str, Any] | None:
    """Return a forecast's arrays of one length; they start at the last measured size.

    `points` are its words, for all sizes but that first one.
    """
    if band is None:
        return None
    lines = {name: getattr(band, name) for name in ("score", "low80", "high80", "low95", "high95")}
    points = [
        {
            "score": f"{band.score[i]:.1f}",
            "interval": f"(80%: {band.low80[i]:.1f} – {band.high80[i]:.1f})",
            "told": f"{count(round(labels), 'label')}, 95%: {band.low95[i]:.1f} – {band.high95[i]:.1f}",
        }
        for i, labels in enumerate(band.labels)
    ]
    return {
        "x": [round(axis.position(labels), 4) for labels in band.labels],
        **{name: [round(score, 2) for score in line] for name, line in lines.items()},
        "points": points[1:],
    }


def _line(curve: Curve | None, axis: LabelAxis) -> list[dict[str, Any]]:
    return [] if curve is None else [_point(point, axis) for point in curve.points]


def _point(point: CurvePoint, axis: LabelAxis) -> dict[str, Any]:
    seeds = f", {count(len(point.seeds), 'seed')}" if len(point.seeds) > 1 else ""
    return {
        "x": axis.positions[point.labels],
        "y": point.value,
        "low": point.low,
        "high": point.high,
        "score": f"{point.value:.1f}",
        "interval": interval_text(point.low, point.high),
        "told": f"{count(point.labels, 'label')}, n = {point.n:,}{seeds}",
    }


def _tops(curves: Sequence[Curve], bands: Mapping[CurveKey, Band], metric: str) -> dict[str, int]:
    measured = max(point.high for curve in curves if curve.metric == metric for point in curve.points)
    mine = [band for key, band in bands.items() if key[2] == metric]
    return {
        "top": _top(measured),
        "top80": _top(max([measured, *(high for band in mine for high in band.high80)])),
        "top95": _top(max([measured, *(high for band in mine for high in band.high95)])),
    }


def _top(highest: float) -> int:
    return min(100, max(20, math.ceil(highest / 20) * 20))
