"""What answers are made from, and what is computed each night."""

from analytics.models.anomalies import (
    Anomaly,
    AnomalyFeedback,
    AnomalyKind,
    AnomalyQuerySet,
    AnomalyState,
    CostJudgement,
    DetectorState,
    Verdict,
)
from analytics.models.budgets import Budget, BudgetNotice, BudgetStatus
from analytics.models.carbon import CarbonReport, InstanceFootprint, SustainabilityScore
from analytics.models.computations import Computation, Subject
from analytics.models.forecasts import CostForecast, LoadForecast, Metric, MonthEndForecast
from analytics.models.savings import (
    FollowedSaving,
    PriceList,
    Saving,
    SavingQuerySet,
    SavingsScope,
    SavingTally,
    WithheldSaving,
)
from analytics.models.versions import Dataset, DataVersion

__all__ = [
    "Anomaly",
    "AnomalyFeedback",
    "AnomalyKind",
    "AnomalyQuerySet",
    "AnomalyState",
    "Budget",
    "BudgetNotice",
    "BudgetStatus",
    "CarbonReport",
    "Computation",
    "CostForecast",
    "CostJudgement",
    "DataVersion",
    "Dataset",
    "DetectorState",
    "FollowedSaving",
    "InstanceFootprint",
    "LoadForecast",
    "Metric",
    "MonthEndForecast",
    "PriceList",
    "Saving",
    "SavingQuerySet",
    "SavingTally",
    "SavingsScope",
    "Subject",
    "SustainabilityScore",
    "Verdict",
    "WithheldSaving",
]
