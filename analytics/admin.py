"""What was computed, in the admin; each subject has its pages beside it."""

from analytics.anomalies import admin as anomalies
from analytics.forecasting import admin as forecasting

__all__ = ["anomalies", "forecasting"]
