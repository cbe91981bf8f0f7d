"""Interactive plotly figures of learning curves, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuition.reports.curve_charts import arm_style
from tuition.reports.curves import Curve, label_axis
from tuition.reports.wording import metric_title, shown_name

if TYPE_CHECKING:
    from tuition.reports.forecasting.answers import Forecast

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#6B6B6B", "#8C564B")
"""Okabe and Ito's colour-blind-safe palette, and two more colours."""


def curves_figure(curves: Sequence[Curve], forecasts: Sequence[Forecast] = ()) -> Any:
    """Return one task's curves under one metric as a plotly figure, with 95% intervals and forecasts.

    Args:
        curves: one curve per arm.
        forecasts: forecasts of the same arms; each is drawn dashed after its curve's last point, with its 80% band.

    Raises:
        ValueError: there is no curve, or the curves are of several tasks or metrics.
    """
    import plotly.graph_objects as go

    if len({(curve.task, curve.metric) for curve in curves}) != 1:
        raise ValueError("a figure shows the curves of one task under one metric")
    axis = label_axis(point.labels for curve in curves for point in curve.points)
    for forecast in forecasts:
        axis = axis.until(forecast.band.labels[-1])
    by_arm = {forecast.arm: forecast for forecast in forecasts}
    figure = go.Figure()
    for number, curve in enumerate(curves):
        colour, style = COLOURS[number % len(COLOURS)], arm_style(number)
        name = shown_name(curve.arm, 60)
        points = curve.points
        figure.add_trace(
            go.Scatter(
                x=[axis.position(point.labels) for point in points],
                y=[point.value for point in points],
                error_y={
                    "array": [point.high - point.value for point in points],
                    "arrayminus": [point.value - point.low for point in points],
                },
                customdata=[[point.labels, point.low, point.high, point.n] for point in points],
                hovertemplate="%{customdata[0]:,} labels: %{y:.1f} (%{customdata[1]:.1f} to %{customdata[2]:.1f}), "
                "%{customdata[3]} test rows",
                name=name,
                legendgroup=name,
                mode="lines+markers",
                marker={"symbol": style.symbol, "size": 9, "color": colour},
                line={"color": colour, "dash": style.dash},
            )
        )
        if curve.arm in by_arm:
            for trace in _forecast_traces(by_arm[curve.arm], axis.position, name, colour):
                figure.add_trace(trace)
    figure.update_xaxes(
        title="labels", tickvals=[axis.position(at) for at in axis.ticks], ticktext=[f"{at:,}" for at in axis.ticks]
    )
    figure.update_yaxes(title=metric_title(curves[0].metric), rangemode="tozero")
    figure.update_layout(
        title=shown_name(curves[0].task), template="plotly_white", legend={"orientation": "h", "y": -0.25}
    )
    return figure


def _forecast_traces(forecast: Forecast, position: Any, name: str, colour: str) -> list[Any]:
    """Return the 80% band and the median of a forecast."""
    import plotly.graph_objects as go

    band = forecast.band
    x = [position(labels) for labels in band.labels]
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return [
        go.Scatter(
            x=[*x, *reversed(x)],
            y=[*band.high80, *reversed(band.low80)],
            fill="toself",
            fillcolor=f"rgba({red},{green},{blue},0.15)",
            line={"width": 0},
            hoverinfo="skip",
            legendgroup=name,
            showlegend=False,
            name=f"{name}: 80% of forecasts",
        ),
        go.Scatter(
            x=x,
            y=list(band.score),
            customdata=list(band.labels),
            hovertemplate="forecast at %{customdata:,.0f} labels: %{y:.1f}",
            mode="lines",
            line={"color": colour, "dash": "dash"},
            legendgroup=name,
            showlegend=False,
            name=f"{name}: forecast",
        ),
    ]
