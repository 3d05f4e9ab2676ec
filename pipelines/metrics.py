"""What Prometheus is told of the run ledger, read from it when it asks.

The number of queries does not depend on what is stored. Totals are sums over the ledger's rows, and over
those deleted, so that all web processes, and all restarts, tell the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from django.db.models import Count, Value
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from pipelines import due, pending, registry
from pipelines.models import ACTIVE, RECORDS, TOTALS, PastOutcomes, PastTotals, Run, Status, Step

_FAMILIES = {
    "attempts": ("cloudintel_run_attempts", "Times that a worker took a run or, of those ended, a step."),
    "takeovers": ("cloudintel_run_takeovers", "How many of these were of what another worker had lost."),
    "calls": ("cloudintel_aws_calls", "Requests sent to AWS."),
    "usd": ("cloudintel_aws_cost_usd", "Dollars that AWS charges for those requests."),
}


class RunCollector(Collector):
    """Reads queue, schedules and totals, by pipeline."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family; a pipeline that has never run has zeros."""
        yield from _counted()
        yield from _outcomes()
        yield _steps()
        yield _by_pipeline(
            "cloudintel_oldest_queued_age_seconds",
            "How long the oldest run or step that a worker may take has been waiting.",
            _queued_ages_s(),
        )
        yield _by_pipeline(
            "cloudintel_schedule_lateness_seconds",
            "How long the latest slot of the schedule has been due without a run.",
            {name: late.total_seconds() for name, late in due.lateness(timezone.now()).items()},
        )


def _counted() -> Iterator[Metric]:
    """Yield the runs by status and the totals; a parent's calls are its children's and counted there."""
    runs = GaugeMetricFamily(
        "cloudintel_runs", "Runs in the ledger, by what became of them.", labels=["pipeline", "status"]
    )
    totals: dict[str, defaultdict[str, float]] = {name: defaultdict(float) for name in TOTALS}
    for row in _rows():
        if row["status"]:
            runs.add_metric([row["pipeline"], row["status"]], row["number"])
        for name, by_pipeline in totals.items():
            by_pipeline[row["pipeline"]] += float(row[name])
    yield runs
    for name, (metric, text) in _FAMILIES.items():
        family = CounterMetricFamily(metric, text, labels=["pipeline"])
        for pipeline in sorted({*_working(), *totals[name]} - set(_parents())):
            family.add_metric([pipeline], totals[name][pipeline])
        yield family


def _rows() -> Iterable[Mapping[str, Any]]:
    """Return the totals of the ledger's runs, and those of deleted ones, which are of no status any more.

    One statement reads both, so that no run is missed or counted twice while it is being deleted.
    """
    columns = ("pipeline", "status", "number", *TOTALS)
    runs = Run.objects.totals("pipeline", "status").annotate(number=Count("pk"))
    past = PastTotals.objects.annotate(status=Value(""), number=Value(0))
    rows: Iterable[Mapping[str, Any]] = runs.values(*columns).union(past.values(*columns), all=True)
    return rows


def _outcomes() -> Iterator[Metric]:
    """Yield how long runs took, and what they counted; a parent's records are its children's."""
    durations = SummaryMetricFamily(
        "cloudintel_run_duration_seconds",
        "From the first start of a run to its end, by how it ended.",
        labels=["pipeline", "status"],
    )
    records: dict[tuple[str, str], float] = dict.fromkeys(product(_working(), RECORDS), 0)
    for (pipeline, status), sums in sorted(_sums().items()):
        durations.add_metric([pipeline, status], count_value=sums["runs"], sum_value=sums["took_s"])
        if pipeline not in _parents():
            for name in RECORDS:
                records[pipeline, name] = records.get((pipeline, name), 0) + sums[name]
    yield durations
    family = CounterMetricFamily(
        "cloudintel_records",
        "Records that runs counted, by what became of them.",
        labels=["pipeline", "type"],
    )
    for key, number in sorted(records.items()):
        family.add_metric(key, number)
    yield family


def _sums() -> dict[tuple[str, str], Counter[str]]:
    """Return the sums over the ledger's runs and the deleted ones, read by one statement."""
    columns = ("runs", "took_s", *RECORDS)
    runs = Run.objects.outcomes("pipeline", "status").values_list("pipeline", "status", *columns)
    past = PastOutcomes.objects.values_list("pipeline", "status", *columns)
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    # What begins at one instead of zero has not increased, in the eyes of Prometheus.
    for pipeline in registry.every():
        for status in (Status.SUCCEEDED, Status.PARTIAL, Status.FAILED):
            found[pipeline.name, str(status)] = Counter(dict.fromkeys(columns, 0))
    for pipeline, status, *sums in runs.union(past, all=True):
        found[pipeline, status].update(dict(zip(columns, map(float, sums), strict=True)))
    return found


def _steps() -> Metric:
    family = GaugeMetricFamily(
        "cloudintel_steps", "Steps that wait for a worker or have one.", labels=["pipeline", "status"]
    )
    active = Step.objects.active().order_by().values_list("run__pipeline", "status")
    numbers = dict.fromkeys(product(_working(), ACTIVE), 0)
    for pipeline, status, number in active.annotate(number=Count("pk")):
        numbers[pipeline, Status(status)] = number
    for (pipeline, status), number in sorted(numbers.items()):
        family.add_metric([pipeline, status], number)
    return family


def _queued_ages_s() -> dict[str, float]:
    """Return how long each pipeline's oldest piece of work has waited, a pause before not counted."""
    now = timezone.now()
    ages = dict.fromkeys(_working(), 0.0)
    for pipeline, waiting in pending.by_pipeline().items():
        ages[pipeline] = waiting.age_s(now)
    return ages


def _by_pipeline(name: str, text: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["pipeline"])
    for pipeline, value in sorted(values.items()):
        family.add_metric([pipeline], value)
    return family


def _working() -> list[str]:
    return [pipeline.name for pipeline in registry.every() if not pipeline.children]


def _parents() -> list[str]:
    return [pipeline.name for pipeline in registry.every() if pipeline.children]
