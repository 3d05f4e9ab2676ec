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
    "Computation",
    "CostForecast",
    "CostJudgement",
    "DataVersion",
    "Dataset",
    "DetectorState",
    "FollowedSaving",
    "LoadForecast",
    "Metric",
    "MonthEndForecast",
    "PriceList",
    "Saving",
    "SavingQuerySet",
    "SavingTally",
    "SavingsScope",
    "Subject",
    "Verdict",
    "WithheldSaving",
]
