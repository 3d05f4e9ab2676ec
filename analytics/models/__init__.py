"""What answers are made from, and what is computed each night."""

from analytics.models.computations import Computation, Subject
from analytics.models.forecasts import CostForecast, LoadForecast, Metric, MonthEndForecast
from analytics.models.versions import Dataset, DataVersion

__all__ = [
    "Computation",
    "CostForecast",
    "DataVersion",
    "Dataset",
    "LoadForecast",
    "Metric",
    "MonthEndForecast",
    "Subject",
]
