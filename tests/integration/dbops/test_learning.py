"""Learning from observations, predicting from what was learned, and making room in time."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from django.db import connection

from dbops import adapting
from dbops.models import Action, LoadHour, Observation, PoolEvent, Prediction, ThresholdChange
from dbops.services import anticipating, learning
from dbops.thresholds import Thresholds
from tests import builders
from tests.integration.dbops.looking import until

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BASE = "/api/v1/database/automation/scaling"


def observed(start, demands, *, size=50, waiting=0.0):
    """One observation a minute."""
    Observation.objects.bulk_create(
        Observation(
            at=start + minute * MINUTE,
            backend="pgbouncer",
            pool_size=size,
            active=demand - waiting,
            idle=size - demand + waiting,
            waiting=waiting,
            utilization=(demand - waiting) / size,
            connections={},
            queries={},
            blocking=[],
            size={},
            took_ms=1,
        )
        for minute, demand in enumerate(demands)
    )


def learned(start, peaks, *, surge=2.0, size=50):
    """One hour each that was learned from."""
    LoadHour.objects.bulk_create(
        LoadHour(
            hour=start + n * HOUR,
            samples=60,
            average_demand=peak / 2,
            peak_demand=peak,
            average_utilization=peak / 2 / size,
            peak_utilization=peak / size,
            surge=surge,
        )
        for n, peak in enumerate(peaks)
    )


def predicted(hour, demand, **fields):
    return Prediction.objects.create(
        **{
            "hour": hour,
            "made_at": hour - 15 * MINUTE,
            "demand": demand,
            "low": demand - 5,
            "high": demand + 5,
            "utilization": demand / 50,
            "recommended_size": 30,
            "basis": "",
            **fields,
        }
    )


def grown(size, reason, now):
    return PoolEvent.objects.create(
        timestamp=now,
        action=Action.PRE_SCALE_UP,
        from_size=50,
        to_size=size,
        reason=reason,
        trigger="prediction",
        applied=True,
    )


# --- Hours -----------------------------------------------------------------------------------
def test_complete_hours_are_learned_from_once():
    observed(MONDAY, [10.0] * 59 + [30.0] + [40.0] * 60 + [50.0] * 10, waiting=1.0)
    now = MONDAY + 2 * HOUR + 10 * MINUTE
    assert [learning.roll_up(now), learning.roll_up(now)] == [2, 0]
    second, first = LoadHour.objects.all()
    assert (first.hour, first.samples, first.peak_demand, first.surge) == (MONDAY, 60, 30, 20)
    assert first.average_demand == pytest.approx((59 * 10 + 30) / 60)
    assert first.peak_utilization == pytest.approx(29 / 50)
    assert (second.average_demand, second.surge) == (40, 10)


def test_an_hour_that_was_hardly_observed_is_not_learned_from():
    observed(MONDAY, [10.0] * 29)
    observed(MONDAY + HOUR, [10.0] * 30)
    learning.roll_up(MONDAY + 3 * HOUR)
    assert [each.hour for each in LoadHour.objects.all()] == [MONDAY + HOUR]


def test_a_surge_is_told_across_the_hour():
    observed(MONDAY, [10.0] * 30 + [30.0] + [10.0] * 29)
    learning.roll_up(MONDAY + HOUR)
    observed(MONDAY + HOUR, [45.0] + [10.0] * 59)
    learning.roll_up(MONDAY + 2 * HOUR)
    assert LoadHour.objects.get(hour=MONDAY + HOUR).surge == 15


# --- Thresholds ------------------------------------------------------------------------------
def test_thresholds_are_the_documents_until_the_load_calls_for_others():
    assert learning.thresholds() == Thresholds(0.8, 0.3, 0.95)
    learned(MONDAY, [40.0] * 24, surge=20.0)
    change = learning.adapt(MONDAY + DAY)
    assert "20.0 connections" in change.reason
    assert learning.thresholds() == Thresholds(0.7, 0.2, 0.93)
    assert learning.adapt(MONDAY + DAY + HOUR) is None
    assert ThresholdChange.objects.count() == 1


def test_thresholds_move_once_an_hour_at_most():
    learned(MONDAY, [40.0] * 24, surge=20.0)
    learning.adapt(MONDAY + DAY)
    LoadHour.objects.update(surge=1.0)
    assert learning.adapt(MONDAY + DAY + 59 * MINUTE) is None
    assert learning.adapt(MONDAY + DAY + 61 * MINUTE).scale_up_threshold == 0.9


@pytest.mark.django_db(transaction=True)
def test_thresholds_move_once_whoever_looks_at_the_same_time(monkeypatch):
    learned(MONDAY, [45.0] * 24)
    others, moved = [], adapting.adapt

    def moved_meanwhile(*args, **kwargs):
        if not others:
            others.append(Thread(target=adapted_elsewhere))
            others[0].start()
            until(lambda: waits_for_its_turn() or not others[0].is_alive(), "the other's turn, or its end")
        return moved(*args, **kwargs)

    monkeypatch.setattr(adapting, "adapt", moved_meanwhile)
    learning.adapt(MONDAY + DAY)
    others[0].join(20)
    assert ThresholdChange.objects.count() == 1


def adapted_elsewhere():
    try:
        learning.adapt(MONDAY + DAY)
    finally:
        connection.close()


def waits_for_its_turn():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()


# --- Predictions -----------------------------------------------------------------------------
def test_a_prediction_is_settled_when_its_hour_is_over():
    predicted(MONDAY, 20)
    learned(MONDAY, [23.0])
    assert learning.settle(MONDAY + 59 * MINUTE) == 0
    assert learning.settle(MONDAY + HOUR) == 1
    assert Prediction.objects.get().actual_peak == 23


def test_confidence_is_the_measured_share_of_ranges_that_held():
    learned(MONDAY, [20.0] * 30)
    now = MONDAY + 30 * HOUR + 45 * MINUTE
    observed(now - 45 * MINUTE, [20.0] * 45)
    for n in range(24):
        predicted(MONDAY + n * HOUR, 20, actual_peak=20 if n % 4 else 99)
    found = learning.predict(now)
    assert found.confidence.share == 18 / 24
    assert found.hour == MONDAY + 31 * HOUR
    assert found.expected.demand == pytest.approx(20)
    assert found.utilization == pytest.approx(20 / 50)
    assert found.expected.high > 90


def test_an_hour_has_one_prediction_the_last_before_it_began():
    learned(MONDAY, [20.0] * 30)
    observed(MONDAY + 29 * HOUR, [20.0] * 60 + [20.0] * 30 + [35.0] * 30)
    for minutes in (15, 45):
        now = MONDAY + 30 * HOUR + minutes * MINUTE
        learning.remember(learning.predict(now), now)
    stored = Prediction.objects.get()
    assert stored.made_at == MONDAY + 30 * HOUR + 45 * MINUTE
    assert stored.demand == pytest.approx(35)
    late = learning.predict(MONDAY + 30 * HOUR)
    assert learning.remember(late, stored.hour) is None


def test_the_pool_grows_before_a_predicted_peak():
    night_then_day = ([10.0] * 9 + [45.0] * 15) * 3
    learned(MONDAY, night_then_day)
    now = MONDAY + 3 * DAY + 8 * HOUR + 45 * MINUTE
    learned(MONDAY + 3 * DAY, [10.0] * 8)
    observed(now - 30 * MINUTE, [10.0] * 30, size=15)
    found = anticipating.anticipate(now, pre_scale=grown)
    assert found.event.to_size == found.forecast.recommended_size > 15
    assert "From 09:00 UTC on" in found.event.reason
    assert Prediction.objects.get().hour == MONDAY + 3 * DAY + 9 * HOUR


def test_a_pool_that_is_large_enough_is_left_alone():
    learned(MONDAY, [10.0] * 30)
    now = MONDAY + 30 * HOUR + 45 * MINUTE
    observed(now - 30 * MINUTE, [10.0] * 30, size=100)
    found = anticipating.anticipate(now, pre_scale=grown)
    assert found.forecast.recommended_size < 100
    assert found.event is None
    assert not PoolEvent.objects.exists()


# --- What the pool has to have room for ------------------------------------------------------
def test_the_guide_tells_what_was_asked_for_and_what_may_come():
    now = MONDAY + DAY + 20 * MINUTE
    learned(MONDAY, [40.0] * 24, surge=3.0)
    observed(now - 119 * MINUTE, [30.0] * 30 + [12.0] * 88)
    predicted(MONDAY + DAY, 20, recommended_size=35)
    found = learning.guide(now, 17.0, maximum=100)
    assert (found.recent, found.lasting, found.seen, found.predicted_size) == (17, 30, 119, 35)
    assert (found.room.to_have, found.room.to_keep) == (20, 20)  # 17 is 5 above the hour before; four times
    assert learning.guide(now, 12.0, maximum=100).room.to_have == 12  # 4 * 3


def test_there_is_no_guide_before_the_first_hour():
    observed(MONDAY, [30.0] * 30)
    assert learning.guide(MONDAY + 30 * MINUTE, 30.0, maximum=100) is None


# --- The API ---------------------------------------------------------------------------------
def test_patterns_are_null_with_the_reason_until_they_are_learned():
    found = builders.client("viewer").get(f"{BASE}/patterns").json()
    assert found == {
        "hourly_patterns": None,
        "peak_periods": None,
        "baseline_load": None,
        "weekly_patterns": None,
        "reason": "0 of the 24 hours that patterns are learned from were observed.",
    }


def test_patterns_are_shown_by_hour_and_by_day(now):
    now(MONDAY + 2 * DAY)
    learned(MONDAY, ([20.0] * 14 + [70.0] + [20.0] * 9) * 2)
    found = builders.client("viewer").get(f"{BASE}/patterns").json()
    assert set(found["hourly_patterns"]) == {str(hour) for hour in range(24)}
    assert found["hourly_patterns"]["14"] == {
        "avg_utilization": pytest.approx(0.7),
        "peak_utilization": 1.4,
        "samples": 2,
    }
    assert found["peak_periods"] == [{"hour": 14, "avg_utilization": pytest.approx(0.7), "severity": "high"}]
    assert found["baseline_load"] == 0.2
    assert len(found["weekly_patterns"]) == 48


def test_a_prediction_is_null_with_the_reason_until_there_is_a_day(now):
    now(MONDAY + 12 * MINUTE)
    found = builders.client("operator").post(f"{BASE}/predict").json()
    assert found["next_hour"] == {
        "hour": "2026-03-02T01:00:00Z",
        "predicted_utilization": None,
        "predicted_demand": None,
        "low": None,
        "high": None,
        "confidence": None,
        "recommended_pool_size": None,
    }
    assert found["pre_scaling_actions"] == []
    assert found["reason"].startswith("0 of the 24 hours")


def test_a_prediction_tells_what_would_be_done_and_does_not_do_it(now):
    moment = MONDAY + 30 * HOUR + 45 * MINUTE
    now(moment)
    learned(MONDAY, [30.0] * 30)
    observed(moment - 30 * MINUTE, [30.0] * 30, size=35)
    found = builders.client("operator").post(f"{BASE}/predict").json()
    assert found["next_hour"]["predicted_utilization"] == pytest.approx(30 / 35)
    assert found["next_hour"]["confidence"] is None
    assert "0 of the 24 predictions" in found["reason"]
    # The first range is up to twice as many: 2 * (30 + 1) - 1 = 61.
    assert found["next_hour"]["high"] == pytest.approx(61)
    [action] = found["pre_scaling_actions"]
    assert (action["type"], action["recommended_pool_size"]) == ("pre_scale_up", 65)
    assert Prediction.objects.get().recommended_size == 65
    assert not PoolEvent.objects.exists()
