"""Forecasts as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tuition.reports.forecasting.advice import rounded, score_text
from tuition.reports.forecasting.answers import Expected, Forecast, Need


def forecast_table(forecasts: Sequence[Forecast]) -> RenderableType:
    """Return the output of `tuition forecast`: each curve's expected scores, need, gains, advice and warnings."""
    return Group(*(part for forecast in forecasts for part in _parts(forecast)))


def _parts(forecast: Forecast) -> list[RenderableType]:
    names = [name for name in (forecast.task, forecast.arm, forecast.metric) if name]
    known = ", ".join(
        f"{score_text(score, forecast.top)} at {labels:,}"
        for labels, score in zip(forecast.labels, forecast.scores, strict=True)
    )
    table = Table(title=Text(" · ".join(names)) if names else None, title_justify="left", title_style="bold")
    for name in ("labels", "expected score", "80% interval", "95% interval"):
        table.add_column(name, justify="right")
    for expected in forecast.at:
        table.add_row(
            f"{expected.labels:,}", score_text(expected.score, forecast.top), *_intervals(expected, forecast.top)
        )
    table.add_section()
    plateau = forecast.plateau
    table.add_row(
        f"plateau ({plateau.labels:,})", score_text(plateau.score, forecast.top), *_intervals(plateau, forecast.top)
    )
    lines: list[RenderableType] = [table, Text(f"Known: {known}"), Text(_worth(forecast))]
    if forecast.need is not None:
        lines.append(Text(_need(forecast.need, forecast.top)))
    lines += [Text(f"Warning: {warning}.", style="yellow") for warning in forecast.warnings]
    return [*lines, Text(forecast.advice, style="bold"), Text("")]


def _intervals(expected: Expected, top: float) -> tuple[str, str]:
    return (
        f"{score_text(expected.low80, top)} to {score_text(expected.high80, top)}",
        f"{score_text(expected.low95, top)} to {score_text(expected.high95, top)}",
    )


def _worth(forecast: Forecast) -> str:
    top = forecast.top
    gains = [
        f"{w.labels}: {score_text(w.gain, top)} ({score_text(w.low80, top)} to {score_text(w.high80, top)})"
        for w in forecast.worth
    ]
    return f"Gain of the next labels (80%): {'; '.join(gains)}"


def _need(need: Need, top: float) -> str:
    def text(labels: int | None) -> str:
        return f"over {need.within:,}" if labels is None else rounded(labels)

    return (
        f"Labels for {score_text(need.target, top)}: {text(need.labels)} "
        f"(80%: {text(need.low80)} to {text(need.high80)}; 95%: {text(need.low95)} to {text(need.high95)}); "
        f"chance within {need.within:,}: {need.chance:.0%}"
    )
