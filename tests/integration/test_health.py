"""What probes are told."""

import logging

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from rest_framework.test import APIClient

from core import health

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


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_it_is_ready_with_everything_there(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def assert_unavailable(client, caplog, reason):
    with caplog.at_level(logging.WARNING, health.logger.name):
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
    assert reason in caplog.text


@pytest.mark.django_db
def test_it_is_not_ready_without_the_broker_and_only_the_log_says_why(client, caplog, settings):
    settings.REDIS_URL = NOBODY_LISTENS
    assert_unavailable(client, caplog, "ConnectionError")


@pytest.mark.django_db
def test_it_is_not_ready_before_every_migration_is_applied(client, caplog):
    MigrationRecorder(connection).record_unapplied("accounts", "0003_security_events")
    assert_unavailable(client, caplog, "1 migrations are not applied")


@pytest.mark.django_db
def test_it_is_not_ready_without_the_database(client, caplog, monkeypatch):
    def refuse(*_):
        raise OperationalError("connection refused")

    monkeypatch.setattr(health.connection, "cursor", refuse)
    assert_unavailable(client, caplog, "OperationalError: connection refused")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/", "/livez", "/readyz"])
def test_a_head_request_gets_the_status_alone(client, path):
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/api/", "/livez", "/readyz"])
def test_only_reading_is_allowed(client, path):
    answer = client.post(path)
    assert (answer.status_code, answer.json()) == (405, {"error": 'Method "POST" not allowed.'})


def test_other_host_names_are_not_answered(client):
    assert client.get("/livez", headers={"Host": "evil.example"}).status_code == 400
