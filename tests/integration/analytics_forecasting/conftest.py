from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics import computing
from analytics.models import Subject
from collectors.models import MetricHour, MetricSeries
from collectors.samples import partitions
from pipelines import ledger
from pipelines.models import Status
from tests import builders
from tests.integration.conftest import work_off

NOON = datetime(2026, 3, 18, 12, 20, tzinfo=UTC)
TODAY = NOON.date()
FULL_HOUR = NOON.replace(minute=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _clock(now):
    now(NOON)


@pytest.fixture
def compute(sent, monkeypatch):
    """Compute as each night does, and return the run: `compute()`; of one subject, if it is named."""
    computing.register_pipeline()
    steps = computing._steps

    def run(*subjects):
        only = {subject: steps[subject] for subject in subjects or (Subject.FORECAST, Subject.LOAD_FORECAST)}
        monkeypatch.setattr(computing, "_steps", only)
        started = ledger.start("intelligence")
        work_off(started)
        started.refresh_from_db()
        return started

    return run


@pytest.fixture
def computed(compute):
    """Compute, and see that it succeeds."""

    def run(*subjects):
        done = compute(*subjects)
        assert done.status == Status.SUCCEEDED, done.error
        return done

    return run


@pytest.fixture
def api():
    return builders.client("viewer")


@pytest.fixture
def ask(api):
    def answer(**query):
        answered = api.get("/api/v1/analytics/forecast", query)
        assert answered.status_code == 200, answered.content
        return answered.json()

    return answer


def daily(owner, days=60, amount=lambda day: 10 + 4 * (day.weekday() < 5), **fields):
    """What a service cost on each of the last days; the newest is estimated."""
    for back in range(1, days + 1):
        day = TODAY - back * DAY
        builders.cost(owner, day, str(amount(day)), estimated=back == 1, **fields)


def hourly(of, cpu, hours=24 * 28, *, memory=None, until=FULL_HOUR):
    """What an instance measured in the last hours, twelve samples each."""
    series, _ = MetricSeries.objects.get_or_create(instance=of)
    moments = [until - back * HOUR for back in range(hours, 0, -1)]
    partitions.HOURS.ensure({moment.date() for moment in moments})
    counts = {f"{name}_count": 0 for name in ("memory", "network_in", "network_out")}
    rows = []
    for moment in moments:
        if (value := cpu(moment)) is None:
            continue
        known = {**counts, "cpu_count": 12, "cpu_sum": 12 * value}
        if memory is not None:
            known |= {"memory_count": 12, "memory_sum": 12 * memory(moment)}
        rows.append(MetricHour(series=series, hour=moment, **known))
    MetricHour.objects.bulk_create(rows)
    return of


def daylight(moment):
    """20 to 60 %, highest at noon, with a little noise that is the same each time."""
    noise = np.random.default_rng(int(moment.timestamp()) // 3600).normal(0, 1)
    return 40 - 20 * np.cos(2 * np.pi * moment.hour / 24) + noise
