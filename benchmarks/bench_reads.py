"""Reading what is computed each night, of N instances (10,000), and computing it.

An estate is filled in: accounts, costs, volumes, and instances with four weeks of hours. Each subject is
computed by the production steps; loads are forecast for `LOADS` instances (500), the others left out, and
detectors have a day of 20 instances. The figures are the seconds that each took, those on a processor,
and the most memory that this process held meanwhile. Incidents of metrics are filled in, one for each tenth
instance. Each endpoint is then read through Django's client, by the token of a viewer.
"""

import os
import random
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median, quantiles
from typing import Any
from unittest import mock

import psutil
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from analytics.models import Anomaly, AnomalyState, Budget
from cloudintel_project import heap
from collectors.models import CloudAccount, DailyCost, Instance, MetricSeries, Volume
from collectors.samples import rollups
from collectors.samples.partitions import HOURS, SAMPLES
from pipelines import ledger, messages, runner
from pipelines.models import Run, Status
from pipelines.params import INTELLIGENCE

ACCOUNTS, REGIONS, SERVICES = 20, ("eu-west-1", "us-east-1", "eu-central-1", "us-west-2"), 30
TYPES = ("m5.xlarge", "m6i.large", "t3.large", "c5.2xlarge", "r6i.large")
COST_DAYS, DAYS, BUDGETS, TEMPLATES = 90, 28, 100, 20
FRIDAY, JUMPED_DAYS_AGO = 4, 9
WARM, ROUNDS = 5, 60
READS = {
    "forecast": "analytics/forecast",
    "loads": "analytics/forecast?kind=load",
    "anomalies": "analytics/anomalies",
    "savings": "analytics/savings",
    "realised": "analytics/savings/realised",
    "carbon": "analytics/carbon",
    "sustainability": "analytics/sustainability",
    "budgets": "budgets/",
}
_MB = 1_000_000
_ROWS = 1000


def measure() -> dict[str, Any]:
    """Return how long the subjects took to compute, and the endpoints to answer."""
    number = int(os.environ.get("N", "10000"))
    _fill(number)
    with override_settings(FORECAST_SERIES=int(os.environ.get("LOADS", "500"))):
        computing = _computed()
    _fill_incidents()
    _sql("VACUUM ANALYZE")
    return {"n": number, **computing, **_read()}


def _sql(statement: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _say(what: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {what}\n")


# --- The estate ------------------------------------------------------------------------------
def _fill(number: int) -> None:
    _say(f"filling in {number} instances")
    CloudAccount.objects.bulk_create(
        CloudAccount(account_id=f"{place:012d}", name=f"account {place}") for place in range(ACCOUNTS)
    )
    _fill_inventory(number)
    _fill_costs()
    _fill_metrics()
    for place, account in enumerate(CloudAccount.objects.order_by("pk")):
        for part in range(BUDGETS // ACCOUNTS):
            service = f"Service {part}" if part else ""
            amount = Decimal(1000 * (place + 1))
            Budget.objects.create(name=f"{place} {part}", account=account, service=service, amount=amount)
    _sql("ANALYZE")


def _fill_inventory(number: int) -> None:
    """A tenth is stopped, a twentieth of the volumes is attached to nothing."""
    accounts, now = list(CloudAccount.objects.order_by("pk")), timezone.now()
    seen = {"first_seen": now - timedelta(days=90), "last_seen": now}
    instances = Instance.objects.bulk_create(
        (
            Instance(
                account=accounts[place % ACCOUNTS],
                region=REGIONS[place % len(REGIONS)],
                instance_id=f"i-{place:017x}",
                instance_type=TYPES[place % len(TYPES)],
                name=f"machine {place}",
                state="stopped" if place % 10 == 0 else "running",
                stopped_at=now - timedelta(days=20) if place % 10 == 0 else None,
                launched_at=now - timedelta(days=100),
                **seen,
            )
            for place in range(number)
        ),
        batch_size=_ROWS,
    )
    Volume.objects.bulk_create(
        (
            Volume(
                account=of.account,
                region=of.region,
                volume_id=f"vol-{place:017x}",
                volume_type="gp3",
                size_gib=30 + place % 200,
                state="available" if place % 20 == 1 else "in-use",
                attached_to="" if place % 20 == 1 else of.instance_id,
                available_since=now - timedelta(days=30) if place % 20 == 1 else None,
                **seen,
            )
            for place, of in enumerate(instances)
        ),
        batch_size=_ROWS,
    )


def _fill_costs() -> None:
    """Each account has all services, in one region each, with a weekly rhythm, noise and a jump."""
    chance, today = random.Random(7), timezone.now().date()  # noqa: S311 - repeatable noise
    days = [today - timedelta(days=back) for back in range(COST_DAYS, 0, -1)]
    DailyCost.objects.bulk_create(
        (
            DailyCost(
                account=account,
                date=day,
                service=f"Service {service}",
                region=REGIONS[service % len(REGIONS)],
                amount=Decimal(f"{_usd(service, day, today) * chance.uniform(0.95, 1.05):.10f}"),
                unit="USD",
                estimated=day == days[-1],
            )
            for account in CloudAccount.objects.order_by("pk")
            for day in days
            for service in range(SERVICES)
        ),
        batch_size=_ROWS,
    )


def _usd(service: int, day: date, today: date) -> float:
    is_weekend, has_jumped = day.weekday() > FRIDAY, (today - day).days == JUMPED_DAYS_AGO
    return (10 + service) * (0.6 if is_weekend else 1) * (6 if has_jumped and service == 0 else 1)


def _fill_metrics() -> None:
    """Measure some instances for four weeks, and give the hours and days of one of these to each other."""
    running = "SELECT id FROM ec2_instances WHERE state = 'running' ORDER BY id"
    _sql(f"INSERT INTO metric_series (instance_id) {running}")
    series = list(MetricSeries.objects.order_by("pk").values_list("pk", flat=True))
    templates = series[:TEMPLATES]
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in range(DAYS, 0, -1)]
    for partitioned in (SAMPLES, HOURS):
        partitioned.ensure([day.date() for day in days])
    for day in days:
        _measure(templates, day)
    _sql("DELETE FROM metric_samples WHERE timestamp < %(day)s", day=days[-1])
    _sql("CREATE TEMP TABLE copies AS SELECT s.id, t.id AS template FROM metric_series s"
         " JOIN metric_series t ON t.id = %(first)s + s.id %% %(many)s WHERE s.id >= %(first)s + %(many)s",
         first=templates[0], many=len(templates))  # fmt: skip
    for table, moment in (("metric_hours", "hour"), ("metric_days", "date")):
        names = ", ".join(_columns(table, {"series_id", moment}))
        for day in days:
            _sql(
                f"INSERT INTO {table} (series_id, {moment}, {names})"
                f" SELECT c.id, {moment}, {names} FROM copies c JOIN {table} m ON m.series_id = c.template"
                f" WHERE m.{moment} >= %(day)s AND m.{moment} < %(end)s",
                day=day,
                end=day + timedelta(days=1),
            )


def _measure(series: list[int], day: datetime) -> None:
    """Store a day of samples: a fifth is idle, a fifth works in office hours, the rest by daylight."""
    _sql(
        f"""
        INSERT INTO {SAMPLES.name(day.date())} (series_id, timestamp, cpu, memory, network_in, network_out)
        SELECT s, t, least(100, random() + CASE s %% 5 WHEN 0 THEN 1
            WHEN 1 THEN CASE WHEN extract(isodow FROM t) < 6 AND extract(hour FROM t) BETWEEN 8 AND 17
                THEN 22 ELSE 1 END
            ELSE 5 + 20 * (s %% 4) * (1 + sin(extract(epoch FROM t) / 13751)) / 2 END),
            CASE WHEN s %% 3 = 0 THEN 20 + random() END, random() * 1e6, random() * 1e6
        FROM unnest(%(series)s::int[]) s,
            generate_series(%(day)s, %(day)s + interval '23:55', interval '5 minutes') t""",
        series=series,
        day=day,
    )
    rollups.refresh(series, [day + timedelta(hours=hour) for hour in range(24)])


def _columns(table: str, without: set[str]) -> list[str]:
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    return [column.name for column in described if column.name not in without]


# --- Computing -------------------------------------------------------------------------------
def _computed() -> dict[str, float]:
    """Do the steps of a nightly run one after the other, as a worker would."""
    figures: dict[str, float] = {}
    with mock.patch.object(messages, "send", return_value=True):
        run = ledger.start(INTELLIGENCE)
        runner.plan(run.pk)
        for step in list(run.steps.order_by("pk")):
            _say(f"computing {step.name}")
            with _watched(figures, step.name):
                runner.execute(step.pk)
    run = Run.objects.get(pk=run.pk)
    if run.status != Status.SUCCEEDED:
        raise SystemExit(f"The computation {run.status}: {run.error}")
    return figures


@contextmanager
def _watched(figures: dict[str, float], name: str) -> Iterator[None]:
    """Note the seconds, and the most memory that was seen every tenth of them."""
    over, peak = threading.Event(), [0]

    def look() -> None:
        while not over.wait(0.1):
            peak[0] = max(peak[0], psutil.Process().memory_info().rss)

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    yield
    name = name.replace("-", "_")
    figures[f"compute_{name}_s"] = round(time.perf_counter() - began, 1)
    figures[f"compute_{name}_cpu_s"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_utime - used, 1)
    over.set()
    watch.join()
    figures[f"compute_{name}_peak_mb"] = round(peak[0] / _MB)


def _fill_incidents() -> None:
    """Give each tenth instance an incident, the last of them still open."""
    now = timezone.now()
    found = MetricSeries.objects.select_related("instance__account").order_by("pk")
    Anomaly.objects.bulk_create(
        [
            Anomaly(
                key=f"metric:{series.pk}",
                cause=f"metric:{series.pk}:cpu:more",
                kind="metric",
                account=series.instance.account,
                region=series.instance.region,
                instance=series.instance,
                metric="cpu",
                direction=1,
                state=AnomalyState.OPEN if place % 10 == 0 else AnomalyState.ENDED,
                first_at=now - timedelta(hours=place),
                last_at=now - timedelta(hours=place),
                days=1,
                parts=[{"at": now.isoformat(), "metric": "cpu", "kind": "for the time of day", "value": 90.0,
                        "usual": 20.0, "score": 0.6}] * 3,
                moved=70.0,
                sentence=f"CPU of {series.instance.name} at 90.0 %, usually 20.0 %",
            )
            for place, series in enumerate(list(found)[::10])
            if series.instance is not None
        ],
        batch_size=1000,
    )  # fmt: skip


# --- Reading ---------------------------------------------------------------------------------
def _read() -> dict[str, float]:
    person = User.objects.create_user(email="bench@example.com")
    person.groups.add(Group.objects.get(name="viewer"))
    client = Client(
        headers={"Authorization": f"Bearer {tokens.issue(person)}", "Host": "127.0.0.1"},
        raise_request_exception=True,
    )
    figures: dict[str, float] = {}
    heap.settle()  # as the web server does
    for name, path in READS.items():
        _say(f"reading {path}")
        size = 0

        def read(path: str = path) -> None:
            nonlocal size
            answer = client.get(f"/api/v1/{path}")
            if answer.status_code != 200 or answer.json().get("computed_at", True) is None:
                raise SystemExit(f"{path} was not answered: {answer.content[:500]!r}")
            size = len(answer.content)

        for _ in range(WARM):
            read()
        used = time.process_time()
        took = [_milliseconds(read) for _ in range(ROUNDS)]
        figures[f"{name}_cpu_ms"] = round(1000 * (time.process_time() - used) / ROUNDS, 1)
        figures[f"{name}_p50_ms"] = round(median(took), 1)
        figures[f"{name}_p95_ms"] = round(quantiles(took, n=20)[-1], 1)
        figures[f"{name}_kb"] = round(size / 1000, 1)
    return figures


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)
