"""What Prometheus is told of the run ledger, read from it when it asks.

The number of queries does not depend on what is stored. Totals are sums over the ledger's rows, so that all
web processes, and all restarts, tell the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Count, Min, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelines import ledger, registry, schedules
from pipelines.models import Run

_TOTALS = {
    "attempts": ("cloudintel_run_attempts", "Times that a worker took a run."),
    "takeovers": ("cloudintel_run_takeovers", "Times that a worker took a run which another had lost."),
    "calls": ("cloudintel_aws_calls", "Requests sent to AWS."),
    "usd": ("cloudintel_aws_cost_usd", "Dollars that AWS charges for those requests."),
}


class RunCollector(Collector):
    """Reads queue, schedules and totals, by pipeline."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family; a pipeline that has never run has zeros."""
        yield from _counted()
        yield _by_pipeline(
            "cloudintel_oldest_queued_age_seconds",
            "How long the oldest run that a worker may take has been waiting.",
            _queued_ages_s(),
        )
        yield _by_pipeline(
            "cloudintel_schedule_lateness_seconds",
            "How long the latest slot of the schedule has been due without a run.",
            {name: late.total_seconds() for name, late in schedules.lateness(timezone.now()).items()},
        )


def _counted() -> Iterator[Metric]:
    """Yield the runs by status and the totals; a parent's calls are its children's and counted there."""
    runs = GaugeMetricFamily(
        "cloudintel_runs", "Runs in the ledger, by what became of them.", labels=["pipeline", "status"]
    )
    totals: dict[str, defaultdict[str, float]] = {name: defaultdict(float) for name in _TOTALS}
    for row in _rows():
        runs.add_metric([row["pipeline"], row["status"]], row["number"])
        for name, by_pipeline in totals.items():
            by_pipeline[row["pipeline"]] += float(row[name])
    yield runs
    for name, (metric, text) in _TOTALS.items():
        family = CounterMetricFamily(metric, text, labels=["pipeline"])
        for pipeline in sorted({*_working(), *totals[name]} - set(_parents())):
            family.add_metric([pipeline], totals[name][pipeline])
        yield family


def _rows() -> Iterable[Mapping[str, Any]]:
    return (
        Run.objects.order_by()
        .values("pipeline", "status")
        .annotate(
            number=Count("pk"),
            attempts=Sum("attempt"),
            takeovers=Sum("lost_workers"),
            calls=Sum("aws_calls"),
            usd=Sum("aws_cost_usd"),
        )
    )


def _queued_ages_s() -> dict[str, float]:
    now = timezone.now()
    oldest = ledger.ready_runs().order_by().values_list("pipeline").annotate(since=Min("created_at"))
    waiting = {pipeline: (now - since).total_seconds() for pipeline, since in oldest}
    return dict.fromkeys(_working(), 0.0) | waiting


def _by_pipeline(name: str, text: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["pipeline"])
    for pipeline, value in sorted(values.items()):
        family.add_metric([pipeline], value)
    return family


def _working() -> list[str]:
    return [pipeline.name for pipeline in registry.every() if not pipeline.children]


def _parents() -> list[str]:
    return [pipeline.name for pipeline in registry.every() if pipeline.children]
