"""Rows for tests: each builder needs only what the test is about, the rest is plausible."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

from django.contrib.auth.models import Group
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import User
from alerts import services as alerts
from alerts.models import Channel, Kind, Severity
from analytics.budgets import service
from analytics.models import (
    Anomaly,
    AnomalyKind,
    AnomalyState,
    Budget,
    CostForecast,
    FollowedSaving,
    LoadForecast,
    MonthEndForecast,
    PriceList,
    Saving,
)
from collectors.models import (
    BillingFile,
    BillingManifest,
    CloudAccount,
    CpuMetric,
    DailyCost,
    DailyTagCost,
    FileState,
    Instance,
    InstanceStateChange,
    MetricDay,
    MetricHour,
    MetricSeries,
    QuarantinedLine,
    Reconciliation,
    Volume,
)
from collectors.samples import partitions
from pipelines.models import PlatformMinute, QualityReport, ReportKind, Run, Status, Step, Worker
from scaling import storage
from scaling.models import (
    Direction,
    ManagedInstance,
    ManagedSample,
    Mode,
    Outcome,
    ScalingDecision,
    ScalingPolicy,
    Source,
)

MORNING = datetime(2026, 3, 1, 6, tzinfo=UTC)
_numbers = count(1)


# --- People ----------------------------------------------------------------------------------
def user(role=None, **fields):
    """A user who registered, or one with a role: "viewer", "operator" or "administrator".

    Without a `password`, whose hash takes its time, nobody can log in as them.
    """
    fields = {"email": f"person{next(_numbers)}@example.com", **fields}
    if role == "administrator":
        return User.objects.create_superuser(**fields)
    person = User.objects.create_user(**fields)
    if role:
        person.groups.add(Group.objects.get_or_create(name=role)[0])
    return person


def client(role=None):
    """A client of the API that is logged in as a new user with that role."""
    connected = APIClient()
    connected.force_authenticate(user(role))
    return connected


def bearer(person):
    """A client of the API with a token of that user."""
    return APIClient(headers={"Authorization": f"Bearer {tokens.issue(person)}"})


# --- The estate ------------------------------------------------------------------------------
def account(account_id=None, **fields):
    return CloudAccount.objects.create(account_id=account_id or f"{next(_numbers):012d}", **fields)


def instance(owner=None, **fields):
    number = next(_numbers)
    return Instance.objects.create(
        **{
            "account": owner or account(),
            "region": "eu-west-1",
            "instance_id": f"i-{number:017x}",
            "instance_type": "t3.micro",
            "state": "running",
            "first_seen": MORNING,
            "last_seen": MORNING,
            **fields,
        }
    )


def state_change(of, to_state, *, from_state="", observed_at=MORNING):
    return InstanceStateChange.objects.create(
        instance=of, from_state=from_state, to_state=to_state, observed_at=observed_at
    )


def volume(owner=None, **fields):
    number = next(_numbers)
    return Volume.objects.create(
        **{
            "account": owner or account(),
            "region": "eu-west-1",
            "volume_id": f"vol-{number:017x}",
            "volume_type": "gp3",
            "state": "in-use",
            "size_gib": 8,
            "first_seen": MORNING,
            "last_seen": MORNING,
            **fields,
        }
    )


def cost(owner, day, amount, **fields):
    """What `AmazonEC2` cost in eu-west-1 on an ISO day, in dollars, unless told otherwise."""
    return DailyCost.objects.create(
        **{
            "account": owner,
            "date": date.fromisoformat(str(day)),
            "amount": Decimal(amount),
            "service": "AmazonEC2",
            "region": "eu-west-1",
            "unit": "USD",
            **fields,
        }
    )


def cost_by_tag(owner, day, amount, value="", **fields):
    """What `AmazonEC2` cost in eu-west-1 for that value of the tag `team`, unless told otherwise."""
    return DailyTagCost.objects.create(
        **{
            "account": owner,
            "date": date.fromisoformat(str(day)),
            "amount": Decimal(amount),
            "service": "AmazonEC2",
            "region": "eu-west-1",
            "key": "team",
            "value": value,
            "unit": "USD",
            **fields,
        }
    )


def cpu_day(of, day, average=10.0, **fields):
    """An instance's whole ISO day at that average, with a peak twice as high."""
    return CpuMetric.objects.create(
        **{
            "ec2": of,
            "instance_id": of.instance_id,
            "date": date.fromisoformat(str(day)),
            "average_cpu": average,
            "maximum_cpu": 2 * average,
            "samples": 288,
            "coverage": 1.0,
            **fields,
        }
    )


# --- What is computed each night --------------------------------------------------------------
RANGE = {"expected": "10.5", "low": "9.5", "high": "12"}
TESTED = {"method": "combination", "coverage": 0.8, "measured": 0.79, "origins": 9}


def cost_forecast(owner=None, service="", **month):
    """Two days, and the month, of an account's service in dollars; of all of them, unless they are named."""
    made = CostForecast.objects.create(
        account=owner,
        service=service,
        unit="USD",
        final_through=date(2026, 2, 27),
        start=date(2026, 3, 1),
        **{name: [Decimal(amount), Decimal(amount)] for name, amount in RANGE.items()},
        **TESTED,
        mase=0.8,
        smape=5.0,
    )
    fields = {
        "month": date(2026, 3, 1),
        "actual": Decimal(0),
        "days_filled": 0,
        "days_ahead": 31,
        **{name: 31 * Decimal(amount) for name, amount in RANGE.items()},
        **TESTED,
        **month,
    }
    MonthEndForecast.objects.create(forecast=made, **fields)
    return made


def load_forecast(of, metric="cpu", **fields):
    """Two hours of an instance's load."""
    ranges = {name: [float(amount), float(amount)] for name, amount in RANGE.items()}
    errors = {"mase": 0.8, "smape": 5.0}
    known = {**ranges, **TESTED, **errors, "start": MORNING, **fields}
    return LoadForecast.objects.create(instance=of, metric=metric, **known)


# --- The ledger ------------------------------------------------------------------------------
def run(pipeline="ec2", status=Status.SUCCEEDED, **fields):
    number = next(_numbers)
    ended = status not in (Status.QUEUED, Status.RUNNING)
    return Run.objects.create(
        **{
            "pipeline": pipeline,
            "status": status,
            "scheduled_for": datetime.fromtimestamp(1_770_000_000 + number, UTC),
            "started_at": None if status == Status.QUEUED else MORNING,
            "finished_at": MORNING.replace(minute=1) if ended else None,
            **fields,
        }
    )


def step(of, name, status=Status.SUCCEEDED, **fields):
    return Step.objects.create(run=of, name=name, status=status, attempt=1, **fields)


# --- Savings ---------------------------------------------------------------------------------
def saving(of=None, **fields):
    """An instance that is recommended to be stopped, at 73 dollars a month."""
    found = of or instance()
    return Saving.objects.create(
        **{
            "account": found.account,
            "region": found.region,
            "resource": found.instance_id,
            "instance": found,
            "kind": "idle",
            "from_type": found.instance_type,
            "evidence": {"days": 14, "network_worst_percent": None},
            "notes": ["Its network use is not known."],
            "coverage": 1.0,
            "confidence": 0.47,
            "monthly_usd": Decimal(73),
            "recommended_at": MORNING,
            **fields,
        }
    )


def followed_saving(of=None, **fields):
    """An instance that was stopped, as it was recommended; what that saved is not known yet."""
    found = of or instance()
    return FollowedSaving.objects.create(
        **{
            "account": found.account,
            "region": found.region,
            "resource": found.instance_id,
            "instance": found,
            "kind": "idle",
            "from_type": found.instance_type,
            "change": "stopped",
            "promised_usd": Decimal(100),
            "recommended_at": MORNING,
            "changed_at": MORNING,
            **fields,
        }
    )


def price_list(region="eu-west-1", **fields):
    """Prices that were fetched; those of `hourly` and `gb_month` are texts."""
    return PriceList.objects.create(
        **{
            "region": region,
            "source": "a test",
            "date": date(2026, 3, 1),
            "hourly": {"m5.large": "0.1"},
            "gb_month": {"gp3": "0.1"},
            "fetched_at": MORNING,
            **fields,
        }
    )


# --- The autoscaler --------------------------------------------------------------------------
def managed(owner=None, *, policy=None, **fields):
    """A monitored mock with its policy; with `inventory`, a real instance that is recommended about."""
    number = next(_numbers)
    found = fields.get("inventory")
    created = ManagedInstance.objects.create(
        **{
            "owner": owner or user("operator"),
            "instance_id": found.instance_id if found else f"mock-{number}",
            "instance_type": found.instance_type if found else "t2.micro",
            "region": found.region if found else "mock",
            "is_mock": found is None,
            "is_monitoring": True,
            **fields,
        }
    )
    mode = Mode.MOCK if created.is_mock else Mode.RECOMMEND
    ScalingPolicy.objects.create(instance=created, **{"mode": mode, **(policy or {})})
    return created


def managed_sample(of, timestamp=MORNING, **fields):
    """A mock's sample at 45 % CPU and memory, with its partition."""
    storage.TABLE.ensure([timestamp.astimezone(UTC).date()])
    return ManagedSample.objects.create(
        **{
            "instance": of,
            "timestamp": timestamp,
            "source": Source.MOCK,
            "cpu": 45.0,
            "memory": 45.0,
            "network_in": 1_024_000.0,
            "network_out": 512_000.0,
            **fields,
        }
    )


def decision(of, timestamp=MORNING, **fields):
    """A scale-up from level 1 to 2 that was carried out."""
    return ScalingDecision.objects.create(
        **{
            "instance": of,
            "slot": timestamp.replace(microsecond=0),
            "timestamp": timestamp,
            "decision": Direction.SCALE_UP,
            "rule": "sustained_up",
            "reason": "Sustained scale up: CPU > 90% for 85.0% of last 5 minutes (Current: 92.50%)",
            "cpu_utilization": 92.5,
            "memory_usage": 68.3,
            "network_in": 2_048_000.0,
            "network_out": 1_024_000.0,
            "level_before": 1,
            "level_after": 2,
            "mode": Mode.MOCK,
            "policy_version": 1,
            "outcome": Outcome.APPLIED,
            "outcome_at": timestamp + timedelta(seconds=1),
            "inputs": {"votes": {"up": 1}, "window": {"samples": 10}},
            **fields,
        }
    )


# --- Alerts ----------------------------------------------------------------------------------
def alert(key=None, **fields):
    """An open alert, told as the ledger would."""
    return alerts.open(
        key or f"run:pipeline{next(_numbers)}:all",
        **{
            "severity": Severity.ERROR,
            "title": "ec2 (all) failed",
            "body": "denied",
            "source": "ec2",
            **fields,
        },
    )


def channel(target="https://hooks.example.com/k3y", **fields):
    """A webhook that is told of everything."""
    return Channel.objects.create(
        **{"name": f"channel {next(_numbers)}", "kind": Kind.WEBHOOK, "target": target, **fields}
    )


# --- Budgets ---------------------------------------------------------------------------------
def budget(**fields):
    """A hundred dollars a month for everything, as it stands now."""
    made = Budget.objects.create(
        **{"name": f"budget {next(_numbers)}", "amount": Decimal(100), "currency": "USD", **fields}
    )
    service.look(made.pk, timezone.now())
    made.refresh_from_db()
    return made


# --- The platform ----------------------------------------------------------------------------
def worker(name=None, **fields):
    """A worker that was heard of just now."""
    number = next(_numbers)
    return Worker.objects.create(
        **{
            "name": name or f"worker{number}@host",
            "host": "host",
            "pid": number,
            "slots": 2,
            "cpu_percent": 20.0,
            **fields,
        }
    )


def minutes(until, *, attempts=0, failures=0, cpu_percent=None, number=10):
    """The minutes before that one, all alike."""
    rows = [until - timedelta(minutes=back) for back in range(1, number + 1)]
    PlatformMinute.objects.bulk_create(
        PlatformMinute(minute=row, attempts=attempts, failures=failures, cpu_percent=cpu_percent)
        for row in rows
    )


# --- Billing files ---------------------------------------------------------------------------
def billing_file(**fields):
    """A file of the bill of March that counts; its manifest is that of `bill` unless one is given."""
    number = next(_numbers)
    of = fields.pop("manifest", None) or BillingManifest.objects.create(
        location="exports",
        key=f"{number}/manifest.json",
        export="bill",
        period_start=date(2026, 3, 1),
        period_end=date(2026, 4, 1),
        files=[f"{number}.csv"],
    )
    return BillingFile.objects.create(
        **{
            "manifest": of,
            "key": f"{number}.csv",
            "etag": f"{number:x}",
            "size": 100,
            "layout": "focus",
            "state": FileState.ACTIVE,
            "lines": 10,
            "found_at": MORNING,
            "read_at": MORNING,
            **fields,
        }
    )


def quarantined(of, line=2, **fields):
    return QuarantinedLine.objects.create(
        file=of, line=line, **{"reason": "BilledCost is no number", "text": "a,b", **fields}
    )


def reconciliation(owner, day, files="10.5", explorer="10", **fields):
    return Reconciliation.objects.create(
        **{
            "account": owner,
            "date": date.fromisoformat(str(day)),
            "unit": "USD",
            "files_amount": Decimal(files),
            "explorer_amount": Decimal(explorer),
            "difference": Decimal(files) - Decimal(explorer),
            **fields,
        }
    )


# --- Intelligence ----------------------------------------------------------------------------
def anomaly(owner=None, **fields):
    """EC2 in eu-west-1 cost $212 more than usual on one day."""
    number = next(_numbers)
    part = {"service": "AmazonEC2", "region": "eu-west-1", "delta_usd": 212.0, "share": 0.84}
    return Anomaly.objects.create(
        **{
            "key": f"cost|{number}",
            "cause": f"cost|{number}",
            "kind": AnomalyKind.COST,
            "account": owner or account(),
            "service": "AmazonEC2",
            "region": "eu-west-1",
            "direction": 1,
            "state": AnomalyState.ENDED,
            "first_at": MORNING,
            "last_at": MORNING,
            "days": 1,
            "delta_usd": 212.0,
            "expected_usd": 100.0,
            "parts": [part],
            "moved": 212.0,
            "sentence": "EC2 in eu-west-1 +$212, 84 % of the jump",
            "found_at": MORNING,
            **fields,
        }
    )


# --- Quality ---------------------------------------------------------------------------------
GOOD_SCORES = {
    "completeness": 100.0,
    "timeliness": 100.0,
    "validity": 100.0,
    "uniqueness": 100.0,
    "consistency": None,
    "total": 100.0,
}


def quality_report(day="2026-03-01", *, days=1, datasets=None, **fields):
    """A daily report on an ISO day, or on more from there on; of each of `datasets` with that total."""
    start = date.fromisoformat(str(day))
    return QualityReport.objects.create(
        **{
            "kind": ReportKind.DAILY,
            "start": start,
            "end": start + timedelta(days=days),
            **GOOD_SCORES,
            "unknown": {"consistency": "Nothing was compared."},
            "datasets": {
                name: {**GOOD_SCORES, "total": total, "unknown": {}, "failures": 0}
                for name, total in (datasets or {}).items()
            },
            **fields,
        }
    )


def metric_day(of, day, average=10.0, **fields):
    """An instance's whole ISO day of samples every five minutes, all of that CPU load."""
    series, _ = MetricSeries.objects.get_or_create(instance=of)
    numbers = {
        f"{metric}_{part}": 0 if part == "count" else None
        for metric in ("memory", "network_in", "network_out")
        for part in ("count", "sum", "min", "max")
    }
    load = {"cpu_count": 288, "cpu_sum": 288 * average, "cpu_min": average, "cpu_max": average}
    return MetricDay.objects.create(
        **{"series": series, "date": date.fromisoformat(str(day)), "hours": 24, **numbers, **load, **fields}
    )


def metric_hour(of, hour, cpu=10.0, memory=None):
    """An instance's hour of samples every five minutes, all alike."""
    series, _ = MetricSeries.objects.get_or_create(instance=of)
    partitions.HOURS.ensure([hour.astimezone(UTC).date()])
    known = {"cpu": cpu, "memory": memory, "network_in": None, "network_out": None}
    figures = {}
    for metric, value in known.items():
        figures |= {f"{metric}_count": 0 if value is None else 12, f"{metric}_sum": value and 12 * value}
        figures |= {f"{metric}_min": value, f"{metric}_max": value}
    return MetricHour.objects.create(series=series, hour=hour, **figures)
