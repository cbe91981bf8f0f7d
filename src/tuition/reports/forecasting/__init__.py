"""Forecasts of learning curves: what more labels would buy, with intervals learnt from measured curves."""

from tuition.reports.forecasting.answers import Forecast
from tuition.reports.forecasting.api import forecast, forecast_rows, forecast_source, forecasts
from tuition.reports.forecasting.table import forecast_table

__all__ = ["Forecast", "forecast", "forecast_rows", "forecast_source", "forecast_table", "forecasts"]
