"""`tuition forecast`: how much more labels would improve the score."""

from __future__ import annotations

import re
from pathlib import Path

from tuition.base.errors import UserError, clip
from tuition.commands.console import console, print_json
from tuition.reports.forecasting import forecast_source, forecast_table


def forecast_and_print(
    source: Path,
    *,
    target: float | None,
    task: str | None,
    arm: str | None,
    at: str,
    metric: str | None,
    as_json: bool,
) -> None:
    """Print the forecast of every learning curve in a folder or a CSV of scores.

    Raises:
        UserError: there is nothing to read, or rows, sizes or the target are invalid.
    """
    forecasts = forecast_source(source, target=target, task=task, arm=arm, at=sizes(at), metric=metric)
    if as_json:
        print_json([forecast.to_json() for forecast in forecasts])
    else:
        console().print(forecast_table(forecasts))


def sizes(text: str) -> list[int]:
    """Parse numbers of labels separated by commas; an empty text gives none.

    Raises:
        UserError: one is not a count.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(re.fullmatch(r"\d{1,9}", part) for part in parts):
        raise UserError(f"--at {clip(text)!r}: give counts separated by commas, such as 200,500,1000")
    return [int(part) for part in parts]
