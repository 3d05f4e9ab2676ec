"""Hours of the week in which an instance could be stopped."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analytics.savings.records import Recommendation, Withheld
from analytics.savings.schedule import (
    CELLS,
    LEAST_RUN,
    calendar,
    describe,
    left_out,
    off_cells,
    rhythm,
    scheduled,
)
from tests.unit.savings.builders import facts, machine, market

MARKET = market((facts("m5.xlarge"), "0.2"))
BERLIN, KOLKATA, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")


def hours_from(year, month, day, count):
    first = int(datetime(year, month, day, tzinfo=UTC).timestamp()) // 3600
    return np.arange(first, first + count)


MONDAY = hours_from(2026, 11, 2, 4 * CELLS)


def office(weeks=4):
    """Busy from 8 to 18 on the weekdays, by UTC."""
    hour = np.arange(weeks * CELLS)
    is_busy = (hour % CELLS < 5 * 24) & (hour % 24 >= 8) & (hour % 24 < 18)
    return np.where(is_busy, 60.0, 2.0)


def advised(cpu, zone=UTC_ZONE, **other):
    return scheduled(machine(**other), rhythm(calendar(MONDAY[: len(cpu)], zone), cpu), MARKET)


def test_nights_and_weekends_are_off():
    found = advised(office())
    assert found.evidence["off"] == (
        "Mon 00-08, 18-24; Tue 00-08, 18-24; Wed 00-08, 18-24; Thu 00-08, 18-24; Fri 00-08, 18-24; "
        "Sat 00-24; Sun 00-24"
    )
    # 168 hours less five days of ten.
    assert found.evidence["off_hours_a_week"] == 118
    assert found.monthly_usd == Decimal("0.2") * 730 * (Decimal(118) / 168)
    # Four weeks, each checked by the others.
    assert found.confidence == pytest.approx((4 * 118 + 1) / (4 * 118 + 2))


def test_the_hours_are_those_of_the_time_zone():
    assert advised(office(), BERLIN).evidence["off"].startswith("Mon 00-09, 19-24;")


def test_an_hour_that_lies_in_two_cells_of_the_zone_keeps_both_busy():
    # 08:00 to 18:00 UTC are 13:30 to 23:30 in Kolkata.
    assert advised(office(), KOLKATA).evidence["off"].startswith("Mon 00-13; Tue 00-13;")


def test_office_hours_stay_office_hours_when_the_clocks_change():
    hours = hours_from(2026, 10, 12, 4 * CELLS)
    local = [datetime.fromtimestamp(int(hour) * 3600, BERLIN) for hour in hours]
    cpu = np.array([60.0 if moment.weekday() < 5 and 8 <= moment.hour < 18 else 2.0 for moment in local])
    found = scheduled(machine(), rhythm(calendar(hours, BERLIN), cpu), MARKET)
    assert found.evidence["off"].startswith("Mon 00-08, 18-24; Tue 00-08, 18-24;")


def test_one_busy_night_of_four_keeps_the_instance_up_in_it():
    cpu = office()
    cpu[2 * CELLS + 3] = 90
    assert advised(cpu).evidence["off"].startswith("Mon 00-03, 04-08, 18-24;")


def test_short_breaks_are_not_worth_a_stop():
    quiet = np.full((3, CELLS), 60.0)
    quiet[:, 10 : 10 + LEAST_RUN - 1] = 1
    quiet[:, 30 : 30 + LEAST_RUN] = 1
    assert np.flatnonzero(off_cells(quiet, 3)).tolist() == [30, 31, 32, 33]


def test_a_run_goes_on_from_sunday_to_monday():
    quiet = np.full((3, CELLS), 60.0)
    quiet[:, [0, 1, 166, 167]] = 1
    assert np.flatnonzero(off_cells(quiet, 3)).tolist() == [0, 1, 166, 167]


def test_hours_that_are_known_too_seldom_stay_on():
    cpu = office()
    cpu[[0, CELLS]] = np.nan
    found = advised(cpu)
    assert found.evidence["off"].startswith("Mon 01-08,")
    assert found.coverage == pytest.approx(1 - 2 / 672)


@pytest.mark.parametrize(
    ("cpu", "why"),
    [
        (office(weeks=2), "quiet in 3 weeks"),
        (np.full(4 * CELLS, 60.0), "quiet in 3 weeks"),
        (np.full(4 * CELLS, 1.0), "idle at all hours"),
        (np.full(4 * CELLS, np.nan), "quiet in 3 weeks"),
    ],
    ids=["too short", "always busy", "always idle", "unknown"],
)
def test_no_schedule_without_a_reason(cpu, why):
    found = advised(cpu)
    assert isinstance(found, Withheld)
    assert why in found.reason


def test_hours_that_do_not_come_back_are_refused_by_the_week_left_out():
    random = np.random.default_rng(3)
    cpu = np.where(random.random((3, CELLS // 6)) < 0.7, 1.0, 60.0).repeat(6, axis=1).ravel()
    found = advised(cpu)
    assert isinstance(found, Withheld)
    assert "too few" in found.reason


def test_an_instance_that_its_group_would_replace_has_no_schedule():
    assert "Auto Scaling" in advised(office(), scaling_group="web").reason


def test_no_hours_have_no_rhythm():
    empty = rhythm(calendar(np.array([], np.int64), BERLIN), np.array([]))
    assert empty.coverage == 0
    assert isinstance(scheduled(machine(), empty, MARKET), Withheld)


def test_weeks_left_out_are_counted_where_they_are_known():
    cpu = np.full((3, CELLS), 1.0)
    cpu[2, 0] = 60
    cpu[1, 5] = np.nan
    # Weeks 0 and 1 choose all of week 2 but hour 5, which week 1 does not know; one of those was busy.
    # Weeks 0 and 1 leave hour 0 out, in which week 2 was busy, and hour 5 takes two weeks that know it.
    assert left_out(cpu) == (166 + 166 + 166, 166 + 166 + 167)


def test_a_week_is_described_by_its_days():
    is_off = np.zeros(CELLS, bool)
    is_off[[0, 1, 23]] = True
    is_off[-24:] = True
    assert describe(is_off) == "Mon 00-02, 23-24; Sun 00-24"


@settings(max_examples=40)
@given(arrays.arrays(float, (4, CELLS), elements=st.sampled_from([1.0, 60.0, np.nan]), fill=st.just(1.0)))
def test_no_hour_is_off_that_was_ever_busy(cpu):
    is_off = off_cells(cpu, 3)
    assert not (is_off & (cpu >= 5).any(axis=0)).any()
    assert not (is_off & (np.count_nonzero(~np.isnan(cpu), axis=0) < 3)).any()


def test_a_recommendation_names_its_zone():
    found = advised(office(), BERLIN)
    assert isinstance(found, Recommendation)
    assert found.evidence["zone"] == "Europe/Berlin"
