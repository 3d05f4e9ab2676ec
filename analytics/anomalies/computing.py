"""When anomalies are looked for: costs each night, metrics each hour and with them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from analytics import computing
from analytics.anomalies import judging, telling, watching
from analytics.models import Anomaly, AnomalyState, Computation, CostJudgement, DetectorState, Subject
from pipelines import registry, retention
from pipelines.claims import Claim
from pipelines.registry import Counts, Handler, Pipeline, PlannedStep
from pipelines.slots import Cron

PIPELINE = "metric-anomalies"
AFTER_THE_METRICS = Cron("15 * * * *", ZoneInfo("UTC"))
"""They are collected at the full hour."""

NOTHING_YET = "Nothing can be judged yet: there are too few final days of costs, and no metrics of instances."


def compute(claim: Claim, now: datetime) -> Counts:
    """Judge costs and look at metrics, and tell of what is new."""
    counts = judging.judge(claim, now.date())
    counts.update(watching.watch(claim, now))
    with claim.writing():
        telling.tell(now)
        if _something_was_judged():
            Computation.objects.done(Subject.ANOMALIES, now, claim.run)
        else:
            Computation.objects.withheld(Subject.ANOMALIES, NOTHING_YET, claim.run)
    return counts


def _something_was_judged() -> bool:
    costs = CostJudgement.objects.filter(judged_through__isnull=False)
    return costs.exists() or DetectorState.objects.exists()


class MetricAnomaliesHandler(Handler):
    """Looks at what was measured since the last time."""

    def plan(self) -> Iterator[PlannedStep]:
        yield PlannedStep("metrics")

    def execute(self, step: PlannedStep) -> Counts:
        now = timezone.now()
        counts = watching.watch(self._claim, now)
        with self._claim.writing():
            telling.tell(now)
        return counts


def register() -> None:
    """Have anomalies looked for, and those of metrics deleted when their time is over."""
    computing.register(Subject.ANOMALIES, compute)
    registry.register(
        Pipeline(
            name=PIPELINE,
            handler=MetricAnomaliesHandler,
            cron=AFTER_THE_METRICS,
            title="Look for anomalies in metrics",
            queue="etl",
        )
    )
    retention.register_rows("metric-anomalies", "Anomalies of metrics that nobody gave feedback on", _over)


def _over(now: datetime) -> QuerySet[Anomaly]:
    until = now - timedelta(days=settings.RUN_RETENTION_DAYS)
    ended = Anomaly.objects.metrics().filter(state=AnomalyState.ENDED, last_at__lt=until, feedback=None)
    return ended.order_by("pk")
