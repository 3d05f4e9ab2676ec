from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from django.db import transaction

from analytics.anomalies import computing
from collectors.models import DailyCost, MetricSeries
from collectors.samples.batch import Batch
from collectors.samples.store import store
from tests import builders

NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)
TODAY = NOW.date()
EC2, RDS = "Amazon Elastic Compute Cloud - Compute", "Amazon Relational Database Service"


@pytest.fixture(autouse=True)
def _morning(now):
    now(NOW)


@pytest.fixture
def compute(claimed):
    """Do what the nightly step does, at a moment."""
    return lambda at=NOW: computing.compute(claimed, at)


def ago(days):
    return TODAY - timedelta(days=days)


def bill(account, service=EC2, usual=100.0, *, days=60, estimated=2, region="eu-west-1", **changes):
    """Store an account's costs of the days before today; `d9=300` is what the day nine days ago cost.

    The last `estimated` ones may still be restated.
    """
    amounts = {int(name[1:]): amount for name, amount in changes.items()}
    DailyCost.objects.bulk_create(
        DailyCost(
            account=account,
            date=ago(back),
            service=service,
            region=region,
            unit="USD",
            amount=amounts.get(back, usual),
            estimated=back <= estimated,
        )
        for back in range(1, days + 1)
    )


def restate(account, back, amount):
    DailyCost.objects.filter(account=account, date=ago(back)).update(amount=amount)


def series_of(instance=None, **fields):
    return MetricSeries.objects.create(instance=instance or builders.instance(**fields))


def measure(series, load, until=NOW, **others):
    """Store these CPU loads, one each five minutes, the last of which began five minutes before."""
    load = np.asarray(load, float)
    moments = [until - timedelta(minutes=5 * back) for back in range(len(load), 0, -1)]
    unknown = np.full(len(load), np.nan)
    metrics = [load, *(others.get(name, unknown) for name in ("memory", "network_in", "network_out"))]
    with transaction.atomic():
        store(Batch.of_grids([series.pk], moments, [np.array([each]) for each in metrics]))
    MetricSeries.objects.filter(pk=series.pk).update(read_through=until)


def steady(points, seed=1):
    """A CPU load of about 30 %."""
    return 30 + np.random.default_rng(seed).normal(0, 1, points)


def midnight(day: date):
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
