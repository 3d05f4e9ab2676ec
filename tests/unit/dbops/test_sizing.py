"""How large the pool shall be. Unless said: thresholds 0.8, 0.3 and 0.95, limits 5 to 100, steps of 5."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbops.readings import PoolReading
from dbops.sizing import Decision, Limits, judge
from dbops.thresholds import Thresholds

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
COOLDOWN = timedelta(minutes=5)


def reading(active, size, waiting=0, **fields):
    share = 1.0 if waiting else active / size
    given = {"utilization": share, "max_wait_s": 0.0, "idle": max(0, size - active)} | fields
    return PoolReading(backend="pgbouncer", size=size, active=active, waiting=waiting, **given)


def decided(seen, limits=Limits(), *, changed=None, thresholds=Thresholds()):  # noqa: B008 - they are frozen
    found = judge(seen, thresholds, limits, changed_at=changed, now=NOW)
    return str(found.decision), found.recommended_pool_size


@pytest.mark.parametrize(
    ("active", "answer"),
    [
        (6, ("scale_down", 15)),
        (6.2, ("maintain", 20)),
        (15.8, ("maintain", 20)),
        (16, ("scale_up", 25)),
        (18.8, ("scale_up", 25)),
        (19, ("emergency_scale_up", 100)),
    ],
    ids=["30 %", "31 %", "79 %", "80 %", "94 %", "95 %"],
)
def test_the_busy_share_of_twenty_connections_decides(active, answer):
    assert decided(reading(active, 20)) == answer


def test_waiting_clients_are_saturation_though_few_connections_are_busy():
    assert decided(reading(2, 20, waiting=1)) == ("emergency_scale_up", 100)


def test_a_client_that_waited_for_a_moment_has_the_pool_grow_by_a_step():
    assert decided(reading(10, 20, waiting=1, utilization=0.5)) == ("scale_up", 25)


@pytest.mark.parametrize(
    ("size", "active", "answer"),
    [
        (98, 80, ("scale_up", 100)),
        (100, 90, ("maintain", 100)),
        (7, 1, ("scale_down", 5)),
        (5, 0, ("maintain", 5)),
    ],
)
def test_a_step_ends_at_the_limits(size, active, answer):
    assert decided(reading(active, size)) == answer


@pytest.mark.parametrize(("active", "answer"), [(3.9, "scale_down"), (4, "maintain")])
def test_does_not_shrink_to_where_it_would_grow_at_once(active, answer):
    """4 of 10 are 40 %, low by a threshold of 45 %; of 5 they would be 80 %, where the pool grows."""
    assert decided(reading(active, 10), thresholds=Thresholds(scale_down=0.45))[0] == answer


@pytest.mark.parametrize(("active", "answer"), [(4, "scale_down"), (17, "scale_up")], ids=["low", "high"])
@pytest.mark.parametrize(("ago_s", "rests"), [(299, True), (300, False)])
def test_is_left_alone_for_five_minutes_after_a_change(active, answer, ago_s, rests):
    changed = NOW - timedelta(seconds=ago_s)
    assert decided(reading(active, 20), changed=changed)[0] == ("maintain" if rests else answer)


def test_an_emergency_waits_for_nothing():
    assert decided(reading(20, 20), changed=NOW) == ("emergency_scale_up", 100)


def test_keeps_what_a_predicted_peak_needs():
    limits = Limits(reserved=18, why_reserved="18 are kept for a predicted peak")
    assert decided(reading(1, 20), limits) == ("scale_down", 18)
    assert decided(reading(1, 18), limits) == ("maintain", 18)
    assert "18 are kept for a predicted peak" in _reason(reading(1, 18), limits)


def _reason(seen, limits=Limits()):  # noqa: B008 - they are frozen
    return judge(seen, Thresholds(), limits, changed_at=NOW - timedelta(seconds=200), now=NOW).reason


def test_says_why_with_figures():
    limits = Limits(maximum=40, why_maximum="the server carries no more")
    assert _reason(reading(17.5, 20), limits) == (
        "17.5 of 20 connections are busy (utilisation 87.5 %): 80 % or more, but it was changed lately and "
        "is left alone for another 100 s."
    )
    assert _reason(reading(5, 5, waiting=35), limits) == (
        "5 of 5 connections are busy, and 35 clients wait for one (utilisation 100 %): 95 % or more is "
        "critical, to the maximum at once; 40 is the maximum, since the server carries no more."
    )
    assert _reason(reading(39, 40), limits) == (
        "39 of 40 connections are busy (utilisation 97.5 %): 95 % or more is critical, but 40 is the "
        "maximum, since the server carries no more."
    )


@pytest.mark.parametrize("unknown", [{"size": 0}, {"utilization": float("nan")}, {"active": -1}])
def test_what_is_not_known_changes_nothing(unknown):
    found = judge(replace(reading(1, 20), **unknown), Thresholds(), Limits(), changed_at=None, now=NOW)
    assert found.decision == Decision.MAINTAIN


sizes = st.integers(1, 150)
counts = st.floats(0, 200, allow_nan=False)


readings = st.builds(
    reading,
    counts,
    sizes,
    st.one_of(st.just(0.0), counts),
    utilization=st.floats(0, 1),
)
limits_of_any_kind = st.builds(
    lambda bounds, step, reserved: Limits(*sorted(bounds), step, COOLDOWN, reserved),
    st.tuples(sizes, sizes),
    st.integers(1, 60),
    st.integers(0, 200),
)


@given(seen=readings, limits=limits_of_any_kind, ago_s=st.one_of(st.none(), st.integers(0, 600)))
def test_never_leaves_its_limits_nor_takes_what_is_needed(seen, limits, ago_s):
    changed = None if ago_s is None else NOW - timedelta(seconds=ago_s)
    found = judge(seen, Thresholds(), limits, changed_at=changed, now=NOW)
    new = found.recommended_pool_size
    if found.decision == Decision.MAINTAIN:
        assert new == seen.size
        return
    assert limits.minimum <= new <= limits.maximum
    assert (new > seen.size) == (found.decision != Decision.SCALE_DOWN)
    if new < seen.size:
        assert not seen.waiting
        assert seen.active < new * 0.8
        assert changed is None or NOW - changed >= COOLDOWN
        assert new >= min(limits.reserved, limits.maximum)
