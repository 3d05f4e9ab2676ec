"""Minutes into hours."""

from datetime import UTC, datetime

import pytest

from dbops import rolling
from dbops.rolling import Look


def looks(demands, start=0):
    return [Look(start + minute, demand, demand / 100) for minute, demand in enumerate(demands)]


def test_an_hour_is_the_average_and_the_peak_of_its_minutes():
    found = list(rolling.hours(looks([10] * 30 + [40] * 30)))
    assert [(each.hour, each.samples) for each in found] == [(datetime(1970, 1, 1, tzinfo=UTC), 60)]
    assert (found[0].average_demand, found[0].peak_demand) == (25, 40)
    assert (found[0].average_utilization, found[0].peak_utilization) == (pytest.approx(0.25), 0.4)


def test_a_surge_rises_above_the_whole_hour_before_it():
    demands = [10] * 30 + [30] + [12] * 29 + [12] * 20 + [35] + [12] * 20 + [40] + [12] * 18
    first, second = rolling.hours(looks(demands))
    assert first.surge == 20
    # 35 is 5 above the 30 of 50 minutes before, 40 is 5 above that 35.
    assert second.surge == 5


def test_an_hour_that_was_seen_for_less_than_half_is_left_out():
    assert list(rolling.hours(looks([10] * 29))) == []
    assert [each.samples for each in rolling.hours(looks([10] * 30))] == [30]


def test_the_first_minute_is_no_surge():
    assert next(rolling.hours(looks([50] * 60))).surge == 0
