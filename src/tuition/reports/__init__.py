"""Reports: learning curves, tables and HTML pages, computed from stored scores only."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuition.reports.forecasting import Forecast, forecast

__all__ = ["Forecast", "forecast"]

# Module of each name: imported at first use, so that importing the package is fast.
_LAZY = {"Forecast": "tuition.reports.forecasting", "forecast": "tuition.reports.forecasting"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
