"""What probes are told."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from rest_framework.test import APIClient

from core import health
from pipelines import registry, schedules, staffing
from pipelines.models import Status, Worker
from tests import builders

pytestmark = pytest.mark.usefixtures("just_begun")

GREETING = {"message": "Cloud Resource Autoscaler API is running", "version": "1.0"}
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture
def client():
    return APIClient(raise_request_exception=False)


@pytest.mark.parametrize("path", ["/api/", "/api"])
@pytest.mark.parametrize("header", ["", "Bearer rubbish", "Basic x"])
def test_the_greeting_is_for_anybody(client, path, header):
    answer = client.get(path, headers={"Authorization": header})
    assert (answer.status_code, answer.json()) == (200, GREETING)


def test_a_browser_sees_the_greeting_as_json(client):
    answer = client.get("/api/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == GREETING


@pytest.mark.parametrize("path", ["/livez", "/livez/"])
def test_a_living_process_needs_neither_database_nor_broker(client, path, settings):
    settings.REDIS_URL = NOBODY_LISTENS
    answer = client.get(path, headers={"Authorization": "Bearer rubbish"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


# --- Components ------------------------------------------------------------------------------
COMPONENTS = ("database", "migrations", "broker", "workers")


def told(*failed):
    """What is told of the components when these have failed."""
    words = {name: "failed" if name in failed else "ok" for name in COMPONENTS}
    return {"status": "failed" if failed else "ok", "components": words}


@pytest.fixture
def checks(monkeypatch):
    """Replace checks for one test: `checks(broker=lambda: None)`."""
    monkeypatch.setattr(health, "_components", dict(health._components))

    def replace(**wanted):
        for name, check in wanted.items():
            health.register(name, check)

    return replace


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/readyz", "/readyz/", "/health", "/health/"])
def test_it_is_healthy_with_everything_there(client, path):
    answer = client.get(path, headers={"Authorization": "Bearer rubbish"})
    assert (answer.status_code, answer.json()) == (200, told())


def assert_failed(client, caplog, name, reason):
    for path in ("/readyz", "/health"):
        caplog.clear()
        with caplog.at_level(logging.WARNING, health.logger.name):
            answer = client.get(path)
        assert (answer.status_code, answer.json()) == (503, told(name))
        assert reason in caplog.text


@pytest.mark.django_db
def test_it_has_failed_without_the_broker_and_only_the_log_says_why(client, caplog, settings):
    settings.REDIS_URL = NOBODY_LISTENS
    assert_failed(client, caplog, "broker", "ConnectionError")


@pytest.mark.django_db
def test_it_has_failed_before_every_migration_is_applied(client, caplog, monkeypatch):
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["one"])
    assert_failed(client, caplog, "migrations", "1 migrations are not applied")


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("connection refused"), ValueError("unforeseen")], ids=str)
def test_it_has_failed_when_a_check_does_whatever_is_wrong(client, caplog, checks, error):
    def refuse():
        raise error

    checks(database=refuse)
    assert_failed(client, caplog, "database", str(error))


@pytest.mark.django_db
def test_what_hangs_is_not_waited_for_and_asked_once(client, caplog, checks, monkeypatch):
    hanging, begun = threading.Event(), []

    def hang():
        begun.append("a look")
        hanging.wait(20)

    checks(database=hang)
    monkeypatch.setattr(health, "WITHIN_S", 2.0)
    start = time.monotonic()
    assert_failed(client, caplog, "database", "database does not answer")
    assert time.monotonic() - start < 10
    assert begun == ["a look"]
    hanging.set()
    health._components["database"].look().join(10)
    monkeypatch.setattr(health, "WITHIN_S", 10.0)
    assert client.get("/health").json() == told()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stalls_is_not_waited_for(client, monkeypatch, checks):
    """The table is locked, so the question for the migrations hangs as it would in a real stall."""
    monkeypatch.setattr(health, "WITHIN_S", 0.5)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE django_migrations")
        assert client.get("/health").json() == told("migrations")
    health._components["migrations"].look().join(10)
    monkeypatch.setattr(health, "WITHIN_S", 10.0)
    assert client.get("/health").json() == told()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/health/"])
def test_probes_are_not_redirected_to_https(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code == 200


# --- Workers ---------------------------------------------------------------------------------
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def ago(**time):
    return NOW - timedelta(**time)


def staffed(since=timedelta(hours=1)):
    """Say whether workers are there for what waits, after a process has looked for so long."""
    try:
        staffing.check(NOW, looking_since=NOW - since)
    except health.NotReadyError:
        return False
    return True


def worker(seen_at):
    return Worker.objects.create(name="worker-io@here", host="here", pid=1, slots=8, seen_at=seen_at)


@pytest.fixture
def _no_schedules():
    PeriodicTask.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_schedules")
class TestWorkers:
    def test_nobody_is_missed_where_nothing_waits(self):
        assert staffed()

    @pytest.mark.parametrize(("waited_s", "healthy"), [(119, True), (121, False)])
    def test_somebody_is_missed_once_work_has_waited_for_two_minutes(self, waited_s, healthy):
        builders.run("ec2", Status.QUEUED, created_at=ago(seconds=waited_s))
        assert staffed() is healthy

    @pytest.mark.parametrize(("seen_s", "healthy"), [(59, True), (61, False)])
    def test_a_worker_that_was_seen_within_a_minute_is_enough(self, seen_s, healthy):
        builders.run("ec2", Status.QUEUED, created_at=ago(hours=1))
        worker(ago(seconds=seen_s))
        assert staffed() is healthy

    def test_steps_count_as_runs_do(self):
        run = builders.run("ec2", Status.RUNNING)
        builders.step(run, "one", Status.QUEUED, created_at=ago(minutes=3))
        assert not staffed()

    def test_what_waits_for_another_time_waits_for_no_worker(self):
        later = timezone.now() + timedelta(hours=1)
        builders.run("ec2", Status.QUEUED, created_at=ago(hours=1), not_before=later)
        assert staffed()

    @pytest.mark.parametrize(("minute", "healthy"), [(58, True), (57, False)])
    def test_an_order_of_beat_s_that_nobody_took_counts(self, minute, healthy):
        schedules.ensure_pipeline(registry.get("metrics"))
        cron = CrontabSchedule.objects.create(minute=minute, hour="*", timezone="UTC")
        PeriodicTask.objects.update(interval=None, crontab=cron, start_time=ago(minutes=50))
        assert staffed() is healthy

    def test_what_waited_before_the_platform_was_started_is_given_time(self):
        builders.run("ec2", Status.QUEUED, created_at=ago(days=3))
        assert staffed(since=timedelta(seconds=119))
        assert not staffed(since=timedelta(seconds=121))


@pytest.mark.django_db(transaction=True)
def test_workers_that_are_missed_make_the_platform_fail(client, caplog, monkeypatch):
    PeriodicTask.objects.all().delete()
    monkeypatch.setattr(staffing, "_begun", timezone.now() - timedelta(hours=1))
    builders.run("ec2", Status.QUEUED, created_at=timezone.now() - timedelta(hours=1))
    assert_failed(client, caplog, "workers", "no worker is there, and work has waited for 36")


# --- All of them -----------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/", "/livez", "/readyz", "/health"])
def test_a_head_request_gets_the_status_alone(client, path):
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/api/", "/livez", "/readyz", "/health"])
def test_only_reading_is_allowed(client, path):
    answer = client.post(path)
    assert (answer.status_code, answer.json()) == (405, {"error": 'Method "POST" not allowed.'})


def test_other_host_names_are_not_answered(client):
    assert client.get("/livez", headers={"Host": "evil.example"}).status_code == 400
