"""What was computed, in the admin; each subject has its pages beside it."""

from analytics.anomalies import admin as anomalies
from analytics.budgets import admin as budgets
from analytics.carbon import admin as carbon
from analytics.forecasting import admin as forecasting
from analytics.savings import admin as savings

__all__ = ["anomalies", "budgets", "carbon", "forecasting", "savings"]
