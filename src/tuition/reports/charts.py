"""The learning curves as the page's script draws them: plain data, and how each arm looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuition.reports.curves import Curve, CurvePoint, LabelAxis, label_axis
from tuition.reports.wording import count, interval_text, metric_title, shown_name


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """How an arm is told apart without its colour: a marker and a dash, in plotly's words and as SVG for the legend."""

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


def chart_data(curves: Sequence[Curve]) -> dict[str, Any]:
    """Return everything that the page's script needs to draw one chart for each task, as JSON's types.

    All charts share their axes: x as `curves.label_axis` sets it, y from 0 to the next multiple of 20 above the
    highest interval of the metric, so that tasks compare at a glance.
    """
    axis = label_axis(point.labels for curve in curves for point in curve.points)
    tasks, arms, metrics = (list(dict.fromkeys(getattr(c, name) for c in curves)) for name in ("task", "arm", "metric"))
    by_key = {(curve.task, curve.arm, curve.metric): curve for curve in curves}
    lines = {
        task: [[_line(by_key.get((task, arm, metric)), axis) for arm in arms] for metric in metrics] for task in tasks
    }
    return {
        "axis": {
            "ticks": [axis.positions[labels] for labels in axis.ticks],
            "texts": [f"{labels:,}" for labels in axis.ticks],
            "range": [min(axis.positions.values()) - axis.span * 0.1, max(axis.positions.values()) + axis.span * 0.1],
            "break": axis.break_at,
            "apart": axis.span * 0.016,
        },
        "metrics": [{"title": metric_title(metric), "top": _top(curves, metric)} for metric in metrics],
        "arms": [
            {
                "name": shown_name(arm, 60),
                "symbol": arm_style(i).symbol,
                "dash": arm_style(i).dash,
                "colour": i % COLOURS,
            }
            for i, arm in enumerate(arms)
        ],
        "charts": [{"task": shown_name(task), "lines": lines[task]} for task in tasks],
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


def _top(curves: Sequence[Curve], metric: str) -> int:
    highest = max(point.high for curve in curves if curve.metric == metric for point in curve.points)
    return min(100, max(20, math.ceil(highest / 20) * 20))
