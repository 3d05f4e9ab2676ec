"""An estate of N instances with all that is collected, rolled up and computed of them, written row by row.

Figures are plausible and made up; how many there are of each is what the pages have to cope with.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from alerts.models import Alert, Severity
from analytics.models import (
    Anomaly,
    AnomalyKind,
    AnomalyState,
    Budget,
    BudgetStatus,
    CarbonReport,
    Computation,
    CostForecast,
    InstanceFootprint,
    LoadForecast,
    MonthEndForecast,
    Saving,
    SavingsScope,
    Subject,
    SustainabilityScore,
    WithheldSaving,
)
from analytics.savings import tallies
from collectors.models import CloudAccount, Instance, MetricSeries
from collectors.samples.partitions import HOURS
from pipelines import registry
from pipelines.models import QualityReport, ReportKind, Run, Status
from scaling.models import ManagedInstance, ScalingPolicy

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2")
SERVICES = (
    *("AmazonEC2", "AmazonRDS", "AmazonS3", "AWSLambda", "AmazonCloudWatch", "AmazonVPC"),
    *("Amazon Elastic Load Balancing", "EC2 - Other", "AmazonRoute53", "AWS Key Management Service"),
)
TYPES = ("t3.micro", "m5.large", "m5.xlarge", "c5.2xlarge", "r5.large")
COST_DAYS, METRIC_DAYS, HOURS_KEPT, SCORES = 90, 30, 48, 90
INSTANCES_AN_ACCOUNT = 500
RUNS_A_PIPELINE, ANOMALIES, BUDGETS, ALERTS = 200, 300, 20, 50
BATCH = 2000
_DAY = timedelta(days=1)


def fill(number: int, owner: User) -> None:
    """Write everything, and have the database know its statistics."""
    now = timezone.now()
    with transaction.atomic():
        accounts = _accounts(max(1, number // INSTANCES_AN_ACCOUNT))
        instances = _instances(number, accounts, now)
        _costs(now.date())
        _metrics(now)
        _forecasts(accounts, instances, now)
        _savings(instances, now)
        _carbon(instances, now.date())
        _judgements(accounts, now)
        _operations(owner, instances, now)
        for subject in Subject:
            Computation.objects.done(subject, now - timedelta(hours=3), None)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


# --- What is collected -----------------------------------------------------------------------
def _accounts(number: int) -> list[CloudAccount]:
    rows = (CloudAccount(account_id=f"{place:012d}", name=f"account {place}") for place in range(number))
    return CloudAccount.objects.bulk_create(rows)


def _instances(number: int, accounts: list[CloudAccount], now: datetime) -> list[Instance]:
    states = ("running",) * 17 + ("stopped",) * 3
    rows = (
        Instance(
            account=accounts[place % len(accounts)],
            region=REGIONS[place // len(accounts) % len(REGIONS)],
            instance_id=f"i-{place:017x}",
            instance_type=TYPES[place % len(TYPES)],
            state=states[place % len(states)],
            name=f"machine-{place}",
            tags={"team": f"team-{place % 40}", "Name": f"machine-{place}", "environment": "production"},
            first_seen=now - 60 * _DAY,
            last_seen=now,
        )
        for place in range(number)
    )
    return Instance.objects.bulk_create(rows, batch_size=BATCH)


def _costs(today: date) -> None:
    """Each account's services in each region, day by day; the last two days are estimated."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO daily_costs"
            " (account_id, date, service, region, source, basis, unit, amount, estimated)"
            " SELECT a.id, d::date, s, r, 'explorer', 'unblended', 'USD',"
            "  round((10 + 90 * random())::numeric, 10), d >= %(open)s"
            " FROM collectors_cloudaccount a, unnest(%(services)s) s, unnest(%(regions)s) r,"
            "  generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day') d",
            {
                "services": list(SERVICES),
                "regions": list(REGIONS),
                "first": today - COST_DAYS * _DAY,
                "last": today,
                "open": today - _DAY,
            },
        )


def _metrics(now: datetime) -> None:
    """Hours of two days and days of a month, of all four metrics but for memory, which is not measured."""
    MetricSeries.objects.bulk_create(
        (MetricSeries(instance=each) for each in Instance.objects.order_by("pk")), batch_size=BATCH
    )
    last = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    first = last - timedelta(hours=HOURS_KEPT - 1)
    HOURS.ensure({(first + place * _DAY).date() for place in range(4)})
    with connection.cursor() as cursor:
        cursor.execute(_rollup("metric_hours", "hour", 12), [first, last, "1 hour"])
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days: list[Any] = [midnight - METRIC_DAYS * _DAY, midnight - _DAY, "1 day"]
        cursor.execute(_rollup("metric_days", "date", 288, hours="24"), days)


def _rollup(table: str, moment: str, points: int, **more: str) -> str:
    values = {"series_id": "s.id", moment: "t", **more}
    for metric, scale in (("cpu", "20"), ("network_in", "1e6"), ("network_out", "1e6")):
        values |= {
            f"{metric}_count": f"{points}",
            f"{metric}_sum": f"{points} * {scale} * (0.5 + r)",
            f"{metric}_min": "0",
            f"{metric}_max": f"2 * {scale} * (0.5 + r)",
        }
    values["memory_count"] = "0"
    return (
        f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM metric_series s,"
        " LATERAL (SELECT t, random() AS r FROM generate_series(%s::timestamptz, %s, %s::interval) t"
        " WHERE s.id IS NOT NULL) x"
    )


# --- What is computed ------------------------------------------------------------------------
_TESTED: dict[str, Any] = {"method": "combination", "coverage": 0.8, "measured": 0.79, "origins": 9}


def _forecasts(accounts: list[CloudAccount], instances: list[Instance], now: datetime) -> None:
    scopes = product([None, *accounts], ["", *SERVICES])
    figures = {name: [Decimal(amount)] * 31 for name, amount in (("expected", 50), ("low", 40), ("high", 60))}
    made = CostForecast.objects.bulk_create(
        CostForecast(account=owner, service=service, unit="USD", start=now.date(), **figures, **_TESTED)
        for owner, service in scopes
    )
    month = {name: Decimal(amount) for name, amount in (("expected", 1500), ("low", 1200), ("high", 1800))}
    MonthEndForecast.objects.bulk_create(
        MonthEndForecast(
            forecast=each, month=now.date().replace(day=1), actual=Decimal(700), **month, **_TESTED
        )
        for each in made
    )
    hours = {"expected": [20.0] * 48, "low": [10.0] * 48, "high": [30.0] * 48}
    LoadForecast.objects.bulk_create(
        (LoadForecast(instance=each, metric="cpu", start=now, **hours, **_TESTED) for each in instances),
        batch_size=BATCH,
    )


def _savings(instances: list[Instance], now: datetime) -> None:
    kinds = ("idle", "oversized", "generation", "schedule")
    Saving.objects.bulk_create(
        (
            Saving(
                account_id=each.account_id,
                region=each.region,
                resource=each.instance_id,
                name=each.name,
                instance=each,
                kind=kinds[place % len(kinds)],
                from_type=each.instance_type,
                evidence={"days": 14, "cpu_worst_p99_percent": 3.5, "network_worst_percent": None},
                notes=["Its network use is not known."],
                coverage=0.98,
                confidence=0.5 + place % 50 / 100,
                monthly_usd=Decimal(10 + place % 200),
                price_date=now.date(),
                price_source="shipped",
                recommended_at=now - 5 * _DAY,
            )
            for place, each in enumerate(instances[::2])
        ),
        batch_size=BATCH,
    )
    tallies.renew()
    for region in REGIONS:
        SavingsScope.objects.create(
            region=region, instances=len(instances) // len(REGIONS), volumes=5, price_source="shipped"
        )
    WithheldSaving.objects.bulk_create(
        WithheldSaving(account=owner, region=region, kind=kind, reason="It is not idle.", resources=50)
        for owner, region, kind in product(CloudAccount.objects.all(), REGIONS, kinds)
    )


def _carbon(instances: list[Instance], today: date) -> None:
    covered = {"resources": 500, "estimated": 480, "share": 0.96, "hours": 3e5, "estimated_hours": 3e5}
    totals: dict[str, Any] = {
        "operational_kg": {"low": 900.0, "high": 4200.0},
        "embodied_kg": {"low": 300.0, "high": 500.0},
        "coverage": {part: {**covered, "share_of_hours": 1.0} for part in ("operational", "embodied")},
        "reasons": [{"reason": "Its type is not known.", "resources": 20}],
    }
    CarbonReport.objects.create(
        start=today - 30 * _DAY,
        end=today,
        coefficients_as_of=today,
        totals=totals,
        accounts=[{"account": each.account_id, **totals} for each in CloudAccount.objects.all()],
        services=[{"service": each, **totals} for each in SERVICES],
    )
    InstanceFootprint.objects.bulk_create(
        (
            InstanceFootprint(
                instance=each,
                instance_type=each.instance_type,
                vcpus=2,
                hours=720.0,
                unknown_hours=0.0,
                cpu_percent=20.0,
                measured_share=1.0,
                energy_low_kwh=4.0,
                energy_high_kwh=12.0,
                operational_low_kg=1.0 + place % 7,
                operational_high_kg=9.0 + place % 11,
                embodied_low_kg=0.5,
                embodied_high_kg=0.9,
                assumptions=["Network not measured: left out."],
            )
            for place, each in enumerate(instances)
        ),
        batch_size=BATCH,
    )
    parts = [{"name": "idle", "weight": 0.25, "score": 60.0, "reason": None}]
    SustainabilityScore.objects.bulk_create(
        SustainabilityScore(date=today - back * _DAY, score=60.0, known_weight=1.0, parts=parts)
        for back in range(1, SCORES + 1)
    )


def _judgements(accounts: list[CloudAccount], now: datetime) -> None:
    """Incidents, a third of which go on, and budgets."""
    Anomaly.objects.bulk_create(
        Anomaly(
            key=f"cost|{place}",
            cause=f"cost|{place}",
            kind=AnomalyKind.COST,
            account=accounts[place % len(accounts)],
            service=SERVICES[place % len(SERVICES)],
            region=REGIONS[place % len(REGIONS)],
            direction=1,
            state=AnomalyState.ENDED if place % 3 else AnomalyState.OPEN,
            first_at=now - (place % 60 + 1) * _DAY,
            last_at=now - place % 60 * _DAY,
            days=2,
            delta_usd=200.0,
            expected_usd=100.0,
            parts=[{"service": "AmazonEC2", "region": "eu-west-1", "delta_usd": 200.0, "share": 0.9}],
            moved=200.0,
            sentence="EC2 in eu-west-1 +$200, 90 % of the jump",
        )
        for place in range(ANOMALIES)
    )
    budgets = Budget.objects.bulk_create(
        Budget(name=f"budget {place}", account=(accounts * BUDGETS)[place] if place else None, amount=10**6)
        for place in range(BUDGETS)
    )
    BudgetStatus.objects.bulk_create(
        BudgetStatus(
            budget=each, month=now.date().replace(day=1), spent=10**5, forecast=10**5, computed_at=now
        )
        for each in budgets
    )


# --- What goes on ----------------------------------------------------------------------------
def _operations(owner: User, instances: list[Instance], now: datetime) -> None:
    """Runs of all pipelines, alerts, a report on quality, and a tenth of the fleet with the autoscaler."""
    Run.objects.bulk_create(_runs(now), batch_size=BATCH)
    severities = list(Severity)
    Alert.objects.bulk_create(
        Alert(
            key=f"stub:{place}",
            severity=severities[place % len(severities)],
            title=f"Something is the matter with {place}",
            body="It is a benchmark.",
            source="stub",
        )
        for place in range(ALERTS)
    )
    QualityReport.objects.create(
        kind=ReportKind.DAILY, start=now.date() - _DAY, end=now.date(), total=99.0, unknown={}, datasets={}
    )
    managed = ManagedInstance.objects.bulk_create(
        ManagedInstance(
            owner=owner,
            instance_id=each.instance_id,
            instance_type=each.instance_type,
            region=each.region,
            inventory=each,
            is_monitoring=True,
        )
        for each in instances[::10]
    )
    ScalingPolicy.objects.bulk_create(ScalingPolicy(instance=each) for each in managed)


def _runs(now: datetime) -> Iterator[Run]:
    for back in range(RUNS_A_PIPELINE, 0, -1):
        for pipeline in registry.every():
            began = now - back * timedelta(hours=1)
            yield Run(
                pipeline=pipeline.name,
                status=Status.FAILED if back % 20 == 0 else Status.SUCCEEDED,
                scheduled_for=began,
                started_at=began,
                finished_at=began + timedelta(minutes=2),
                counts={"created": 10, "updated": 5},
            )
