"""Forecasts of costs and loads: values in, values and their ranges out. docs/forecasts.md says how."""

from analytics.forecasting.forecasts import DAILY, HOURLY, Forecast, Refusal, forecast
from analytics.forecasting.monthly import MonthEnd, month_end
from analytics.forecasting.series import in_steps

__all__ = ["DAILY", "HOURLY", "Forecast", "MonthEnd", "Refusal", "forecast", "in_steps", "month_end"]
