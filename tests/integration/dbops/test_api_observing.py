"""GET metrics and GET load/history, and what Prometheus is told."""

import time
from datetime import timedelta

import jsonschema
import pytest
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from prometheus_client import CollectorRegistry, generate_latest

from dbops.catalogue import glance
from dbops.metrics import DatabaseCollector
from dbops.models import Observation
from dbops.pool.base import PoolError
from dbops.readings import Health, Part
from dbops.services import observing
from tests import builders
from tests.integration.dbops.looking import PlayedPool
from tests.integration.test_api_schema import answer_schema

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patience")]

METRICS = "/api/v1/database/automation/metrics"
HISTORY = "/api/v1/database/automation/load/history"


@pytest.fixture(autouse=True)
def _played_pool(monkeypatch):
    monkeypatch.setattr(observing.choice, "chosen", PlayedPool)


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def observation(at, **fields):
    empty = {"connections": {}, "queries": {}, "blocking": [], "size": {"database_bytes": 4711}}
    pool = {"pool_size": 20, "active": 5, "idle": 15, "waiting": 0, "utilization": 0.25}
    return Observation(at=at, backend="observe-only", took_ms=1, **{**empty, **pool, **fields})


def ask(url):
    return builders.client("viewer").get(url)


# --- Metrics ---------------------------------------------------------------------------------
def test_metrics_are_those_of_this_moment_and_the_health_is_the_last_judged(schema):
    now = timezone.now() - timedelta(minutes=1)
    part = Part("connections", 10, 0.1, 90, "20 of 200 connections")
    observing.observe(now, judge=lambda _reading: Health(90, (part,)))
    answer = ask(METRICS).json()
    assert answer["pool"]["utilization"] == 0.25
    assert answer["cache"]["transactions"]["commits"] >= 0
    assert answer["cache"]["period_s"] == pytest.approx(60, abs=30)
    assert (answer["health"]["score"], answer["health"]["parts"][0]["score"]) == (90, 90)
    jsonschema.validate(answer, answer_schema(schema, METRICS, "get", 200))


def test_what_is_not_known_is_null_with_a_reason(schema):
    answer = ask(METRICS).json()
    assert (answer["cache"]["hit_ratio"], answer["queries"]["calls"], answer["health"]["score"]) == (
        None,
        None,
        None,
    )
    assert all(answer[part]["reason"] for part in ("cache", "queries", "health", "size"))
    jsonschema.validate(answer, answer_schema(schema, METRICS, "get", 200))


def test_a_database_that_does_not_answer_in_time_is_a_clear_503(monkeypatch):
    monkeypatch.setattr(glance, "LIMIT_MS", 0)
    answer = ask(METRICS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "took longer" in answer.json()["error"]


def test_a_pool_that_does_not_answer_is_unknown_and_hides_nothing_else(monkeypatch, schema):
    def silent(_pool):
        raise PoolError("PgBouncer does not answer.")

    monkeypatch.setattr(PlayedPool, "read", silent)
    answer = ask(METRICS)
    jsonschema.validate(answer.json(), answer_schema(schema, METRICS, "get", 200))
    pool = answer.json()["pool"]
    assert pool.pop("reason") == "PgBouncer does not answer."
    assert set(pool.values()) == {None}
    assert answer.json()["connections"]["total"] >= 1


@pytest.mark.parametrize("path", [METRICS, HISTORY])
def test_the_example_is_of_the_schema(schema, path):
    content = schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    (example,) = content["examples"].values()
    jsonschema.validate(example["value"], answer_schema(schema, path, "get", 200))


# --- Load ------------------------------------------------------------------------------------
def test_load_is_listed_minute_by_minute_the_oldest_first(schema):
    now = timezone.now().replace(microsecond=0)
    for minutes, busy in ((1, 5), (2, 10), (61, 20)):
        at = now - timedelta(minutes=minutes)
        observation(at, active=busy, utilization=busy / 20, waiting=2).save()
    answer = ask(f"{HISTORY}?hours=1").json()
    assert [point["utilization"] for point in answer["points"]] == [0.5, 0.25]
    assert answer["points"][1] == {
        "timestamp": (now - timedelta(minutes=1)).isoformat().replace("+00:00", "Z"),
        "utilization": 0.25,
        "active": 5,
        "idle": 15,
        "waiting": 2,
        "pool_size": 20,
    }
    assert len(ask(HISTORY).json()["points"]) == 3, "24 hours unless told otherwise"
    jsonschema.validate(answer, answer_schema(schema, HISTORY, "get", 200))


@pytest.mark.parametrize("hours", ["0", "721", "-1", "1.5", "all", ""])
def test_hours_are_between_1_and_720(hours):
    answer = ask(f"{HISTORY}?hours={hours}")
    assert (answer.status_code, "hours" in answer.json()["error"]) == (400, True)


def test_a_month_of_minutes_is_answered_in_well_under_a_second():
    now = timezone.now()
    Observation.objects.bulk_create(
        [observation(now - timedelta(minutes=minute)) for minute in range(43_199)], batch_size=5000
    )
    client = builders.client("viewer")
    start = time.process_time()
    answer = client.get(f"{HISTORY}?hours=720")
    assert time.process_time() - start < 1
    assert answer.content.count(b"timestamp") == 43_199


# --- Prometheus ------------------------------------------------------------------------------
def told():
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    return [line for line in generate_latest(registry).decode().splitlines() if line[0] != "#"]


def test_prometheus_is_told_the_latest_observation():
    observation(timezone.now() - timedelta(minutes=2), health=10).save()
    observation(timezone.now() - timedelta(minutes=1), health=90, waiting=3).save()
    assert told() == [
        "cloudintel_database_pool_size 20.0",
        "cloudintel_database_pool_utilization 0.25",
        "cloudintel_database_pool_waiting 3.0",
        "cloudintel_database_health_score 90.0",
        "cloudintel_database_bytes 4711.0",
    ]


def test_prometheus_is_told_nothing_that_is_old_or_unknown():
    observation(timezone.now() - timedelta(minutes=6), health=90).save()
    assert told() == []
    observation(timezone.now()).save()
    assert "cloudintel_database_health_score" not in "".join(told())
