"""What is shown of targets, when a delivery is tried again, and what an answer means."""

from datetime import UTC, datetime

import pytest

from alerts import outcomes
from alerts.masking import masked
from alerts.models import Severity
from alerts.pacing import MOST_ATTEMPTS, pause_s

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("ops@example.com", "o…@example.com"),
        ("https://hooks.slack.com/services/T0/B0/s3cret", "https://hooks.slack.com/…"),
        ("https://hooks.example.com:8443/k3y?token=s3cret#s3cret", "https://hooks.example.com:8443/…"),
        ("https://user:s3cret@hooks.example.com/", "https://hooks.example.com/…"),
        ("https://hooks.example.com:s3cret/", "…"),
        ("s3cret", "…"),
        ("", "…"),
    ],
)
def test_a_target_shows_where_it_leads_and_nothing_that_opens_it(target, shown):
    assert masked(target) == shown


def test_pauses_double_from_half_a_minute_to_an_hour():
    pauses = [pause_s(attempts) for attempts in range(1, MOST_ATTEMPTS)]
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert 5 < sum(pauses) / 3600 < 6, "hours that a receiver may be away"


@pytest.mark.parametrize(("wished_s", "waits_s"), [(None, 60), (10, 60), (300, 300), (86400, 3600)])
def test_a_receiver_may_wish_for_a_longer_pause_up_to_an_hour(wished_s, waits_s):
    assert pause_s(2, wished_s=wished_s) == waits_s


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("Sun, 01 Mar 2026 06:05:00 GMT", 300),
        ("Sun, 01 Mar 2026 05:00:00 GMT", 0),
        ("Sun, 01 Mar 2026 06:05:00", None),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert outcomes.retry_after_s(value, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "is_delivered", "is_final"),
    [
        (200, True, False),
        (204, True, False),
        (302, False, True),
        (400, False, True),
        (404, False, True),
        (410, False, True),
        (408, False, False),
        (429, False, False),
        (500, False, False),
        (503, False, False),
    ],
)
def test_what_will_be_refused_each_time_is_not_tried_again(status, is_delivered, is_final):
    outcome = outcomes.of_status(status, {}, NOW)
    assert (outcome.is_delivered, outcome.is_final) == (is_delivered, is_final)


def test_severities_know_what_is_milder():
    assert Severity.WARNING.milder == []
    assert Severity.CRITICAL.milder == ["warning", "error"]
