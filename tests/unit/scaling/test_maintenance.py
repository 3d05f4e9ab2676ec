"""When a maintenance window is open."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.errors import InvalidInputError
from scaling import maintenance

# 2026-03-01 is a Sunday.
SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)


def after(**time):
    return SUNDAY + timedelta(**time)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (after(hours=2), True),
        (after(hours=3, minutes=59, seconds=59), True),
        (after(hours=4), False),
        (after(hours=1, minutes=59, seconds=59), False),
        (after(days=1, hours=3), False),
        (after(days=7, hours=3), True),
        (after(hours=3).astimezone(timezone(timedelta(hours=9))), True),
    ],
    ids=["start", "last second", "end", "just before", "another day", "next week", "another time zone"],
)
def test_is_open_from_its_start_until_its_end_each_week(moment, is_open):
    assert maintenance.is_open("sun:02:00-sun:04:00", moment) is is_open


@pytest.mark.parametrize(
    ("window", "open_h", "closed_h"),
    [("sat:23:00-sun:01:00", 0.5, 1.5), ("sun:23:30-mon:00:30", 24.25, 24.75)],
    ids=["midnight", "the week's end"],
)
def test_crosses(window, open_h, closed_h):
    assert maintenance.is_open(window, after(hours=open_h))
    assert not maintenance.is_open(window, after(hours=closed_h))


def test_a_window_may_last_a_whole_day():
    assert maintenance.is_open("sun:02:00-mon:02:00", after(hours=25))


def test_an_empty_window_is_valid_and_never_open():
    maintenance.validate("")
    assert not maintenance.is_open("", SUNDAY)


@pytest.mark.parametrize(
    "text",
    [
        *("sun", "sun:02:00", "02:00-04:00", "son:02:00-son:04:00", "SUN:02:00-SUN:04:00"),
        *("sun:2:00-sun:4:00", "sun:24:00-mon:01:00", "sun:02:60-sun:04:00"),
        *(" sun:02:00-sun:04:00", "sun:02:00-sun:04:00\n"),
    ],
)
def test_refuses_what_is_no_window_and_says_what_one_looks_like(text):
    with pytest.raises(InvalidInputError, match="such as sun:02:00-sun:04:00"):
        maintenance.validate(text)


@pytest.mark.parametrize("text", ["sun:02:00-sun:02:00", "sun:02:00-mon:02:01", "sun:04:00-sun:02:00"])
def test_refuses_windows_that_never_end_or_last_for_more_than_a_day(text):
    with pytest.raises(InvalidInputError, match="within 24 hours"):
        maintenance.validate(text)
