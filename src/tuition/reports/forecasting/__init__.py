"""Forecasts of learning curves: the score at more labels, with intervals calibrated on measured curves."""

from tuition.reports.forecasting.answers import Forecast
from tuition.reports.forecasting.api import forecast, forecast_rows, forecast_source, forecasts
from tuition.reports.forecasting.table import forecast_table

__all__ = ["Forecast", "forecast", "forecast_rows", "forecast_source", "forecast_table", "forecasts"]
