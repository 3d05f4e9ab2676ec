"""Samples are shown as they are, by the hour or by the day; the fleet by the day."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from collectors.models import MetricSeries
from collectors.samples.batch import Batch, Sample
from collectors.samples.store import store
from tests import builders

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
YESTERDAY = NOON - timedelta(days=1)
SAMPLES, FLEET = "/api/v1/samples/", "/api/v1/fleet-cpu/"


@pytest.fixture(autouse=True)
def _today(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOON)


@pytest.fixture
def api():
    return builders.client("viewer")


def measured(*samples, **of):
    """A new instance with samples, each a moment and its metrics."""
    series = MetricSeries.objects.create(instance=builders.instance(**of))
    with transaction.atomic():
        store(Batch.of([Sample(series.pk, *sample) for sample in samples]))
    return series.instance


def ask(api, instance, **query):
    answer = api.get(SAMPLES, {"instance_id": instance.instance_id, **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_shows_each_sample_with_null_where_it_is_unknown(api):
    instance = measured((NOON, 12.5, None, 1000.0, 0.0))
    assert ask(api, instance, resolution="raw") == {
        "instance_id": instance.instance_id,
        "account": instance.account.account_id,
        "region": "eu-west-1",
        "resolution": "raw",
        "start": "2026-03-20",
        "end": "2026-03-21",
        "data": [
            {
                "timestamp": "2026-03-20T12:00:00Z",
                "cpu": 12.5,
                "memory": None,
                "network_in": 1000.0,
                "network_out": 0.0,
            }
        ],
    }


def test_shows_hours(api):
    instance = measured((NOON, 10.0), (NOON + timedelta(minutes=5), 20.0))
    [hour] = ask(api, instance, resolution="hour")["data"]
    assert hour["timestamp"] == "2026-03-20T12:00:00Z"
    assert hour["cpu"] == {"average": 15.0, "minimum": 10.0, "maximum": 20.0, "p95": 20.0, "samples": 2}
    assert hour["memory"] is None


def test_shows_days(api):
    instance = measured((YESTERDAY, 10.0), (YESTERDAY + timedelta(hours=5), 20.0), (NOON, 30.0))
    days = ask(api, instance, resolution="day")["data"]
    assert [(day["timestamp"], day["cpu"]["average"]) for day in days] == [
        ("2026-03-19T00:00:00Z", 15.0),
        ("2026-03-20T00:00:00Z", 30.0),
    ]


def test_shows_the_days_that_were_asked_for(api):
    instance = measured((YESTERDAY, 10.0), (NOON, 30.0))
    data = ask(api, instance, resolution="raw", start="2026-03-19", end="2026-03-20")["data"]
    assert [row["cpu"] for row in data] == [10.0]


def test_an_instance_without_samples_has_no_data(api):
    assert ask(api, builders.instance())["data"] == []


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ({}, 400, "instance_id"),
        ({"instance_id": "i-nowhere"}, 404, "i-nowhere"),
        ({"resolution": "minute"}, 400, "resolution"),
        ({"resolution": "raw", "start": "2026-03-01"}, 400, "7 at most"),
        ({"resolution": "hour", "start": "2025-03-01"}, 400, "62 at most"),
        ({"start": "2026-03-20", "end": "2026-03-20"}, 400, "before end"),
        ({"color": "red"}, 400, "color"),
    ],
    ids=str,
)
def test_refuses_what_it_cannot_answer(api, query, status, reason):
    known = {"instance_id": builders.instance().instance_id} if query else {}
    answer = api.get(SAMPLES, {**known, **query})
    assert answer.status_code == status
    assert reason in answer.json()["error"]


@pytest.mark.parametrize("path", [SAMPLES, FLEET])
def test_needs_the_role_of_a_viewer(path):
    assert builders.client().get(path).status_code == 403


# --- The fleet -------------------------------------------------------------------------------
def fleet(api, **query):
    return [
        (row["date"], row["average_cpu"], row["instances"], row["samples"])
        for row in api.get(FLEET, query).json()["data"]
    ]


def test_averages_the_fleet_over_its_samples(api):
    measured((NOON, 10.0), (NOON + timedelta(minutes=5), 20.0))
    measured((NOON, 60.0), (YESTERDAY, 5.0))
    assert fleet(api) == [("2026-03-19", 5.0, 1, 1), ("2026-03-20", 30.0, 2, 3)]


def test_leaves_out_of_the_fleet_what_is_not_in_the_inventory(api):
    series = MetricSeries.objects.create()
    with transaction.atomic():
        store(Batch.of([Sample(series.pk, NOON, 99.0)]))
    assert fleet(api) == []


def test_an_instance_without_cpu_is_not_counted_as_measured(api):
    measured((NOON, None, 50.0))
    assert fleet(api) == []


def test_narrows_the_fleet_to_an_account_or_region(api):
    instance = measured((NOON, 10.0))
    measured((NOON, 90.0), region="us-east-1")
    assert [row[1] for row in fleet(api, account=instance.account.account_id)] == [10.0]
    assert [row[1] for row in fleet(api, region="us-east-1")] == [90.0]
