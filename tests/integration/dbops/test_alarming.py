"""Alerts on the database, minute by minute, and what is done about them at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import services as alerts
from alerts.models import Alert, Notification
from dbops.services import alarming
from dbops.services.health import health
from tests import judged
from tests.judged import MINUTE, NOW

pytestmark = pytest.mark.django_db


def minutes(*readings, start=NOW):
    """Observe and judge a reading a minute, at some second of it, as the task does; return the severities."""
    severities = []
    for number, found in enumerate(readings):
        minute = start + number * MINUTE
        seen = replace(found, at=minute + timedelta(seconds=7))
        judged.observe(replace(seen, at=minute))
        severities.append(alarming.look(seen.at, seen))
    return severities


def used(*shares):
    return [judged.reading(pool=judged.pool(share)) for share in shares]


# --- Opened, changed, resolved ---------------------------------------------------------------------
def test_ten_bad_minutes_are_one_alert():
    assert minutes(*used(*[0.9] * 10)) == ["warning"] * 10
    alert = Alert.objects.get()
    assert (alert.key, alert.severity, alert.count, alert.source) == (
        "database:pool",
        "warning",
        10,
        "database",
    )
    assert "18 of 20 connections busy" in alert.body
    assert Notification.objects.count() == 1


def test_the_same_alert_rises_falls_and_ends():
    assert minutes(*used(0.9, 0.97, 0.97)) == ["warning", "critical", "critical"]
    assert Alert.objects.get().severity == "critical"
    assert minutes(*used(0.75, 0.75, 0.75), start=NOW + 3 * MINUTE) == ["critical", "critical", "warning"]
    assert minutes(*used(0.5, 0.5, 0.5), start=NOW + 6 * MINUTE) == ["warning", "warning", None]
    alert = Alert.objects.get()
    assert (alert.severity, alert.state) == ("warning", "resolved")


def test_an_alert_is_resolved_by_the_third_clear_minute_and_not_before():
    minutes(*used(0.9, 0.5, 0.5))
    assert Alert.objects.get().state == "open"
    minutes(*used(0.5), start=NOW + 3 * MINUTE)
    assert Alert.objects.get().state == "resolved"


def test_what_swings_around_its_limit_stays_one_alert():
    minutes(*used(*[0.81, 0.79] * 5))
    assert (Alert.objects.get().state, Alert.objects.get().count) == ("open", 5)


def test_clear_looks_that_are_far_apart_are_not_in_a_row():
    minutes(*used(0.9))
    for hours in (1, 2, 3):
        assert minutes(*used(0.1), start=NOW + timedelta(hours=hours)) == ["warning"]


def test_what_is_unknown_neither_opens_nor_resolves():
    unknown = judged.reading(queries=judged.queries(response_s=None, slow=None, reason="no extension"))
    assert minutes(unknown, unknown) == [None, None]
    slow = judged.reading(queries=judged.queries(response_s=6, slow=11))
    assert minutes(slow, unknown, unknown, unknown, start=NOW + 2 * MINUTE) == ["critical"] * 4
    assert {alert.key for alert in Alert.objects.unresolved()} == {
        "database:response_time",
        "database:slow_queries",
    }


def test_each_condition_has_an_alert_of_its_own():
    bad = judged.reading(
        blocking=(judged.blocked(31),),
        size=judged.size(database_bytes=11 * judged.GB, xid_age=1_100_000_000),
    )
    assert minutes(bad) == ["warning"]
    assert dict(Alert.objects.values_list("key", "severity")) == dict.fromkeys(
        ["database:blocking", "database:size", "database:transaction_ids"], "warning"
    )


def test_alerts_of_others_are_left_alone():
    alerts.open("run:ec2:all", severity="critical", title="ec2 failed", body="", source="runs")
    assert minutes(*used(0.1, 0.1, 0.1)) == [None, None, None]
    assert Alert.objects.unresolved().count() == 1


# --- Backups ---------------------------------------------------------------------------------------
def test_a_backup_that_does_not_restore_is_critical_until_one_does():
    judged.check(is_verified=False, error="orders: 3 rows are missing")
    assert minutes(*used(0.1, 0.1)) == ["critical", "critical"]
    alert = Alert.objects.get()
    assert (alert.key, alert.count) == ("database:backup", 1)
    assert "orders: 3 rows are missing" in alert.body
    judged.check(NOW + MINUTE, finished_at=None, is_verified=False)
    assert minutes(*used(0.1), start=NOW + 2 * MINUTE) == ["critical"]
    judged.check(NOW + 2 * MINUTE)
    assert minutes(*used(0.1), start=NOW + 3 * MINUTE) == [None]
    assert Alert.objects.get().state == "resolved"


def test_without_any_check_there_is_no_alert():
    assert minutes(*used(0.1)) == [None]


def test_the_latest_check_that_ended_is_part_of_the_health():
    judged.check(NOW - timedelta(hours=50))
    judged.check(NOW, finished_at=None, is_verified=False)
    (part,) = [each for each in health(judged.reading(), NOW).parts if each.name == "backup"]
    assert (part.value, part.score) == (50, 50)
