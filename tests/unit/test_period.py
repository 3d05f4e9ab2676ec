"""Ranges of days: what is read, what is refused and why."""

from datetime import date

import pytest

from core.errors import InvalidInputError
from core.period import LONGEST_DAYS, Period, parse_day

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def test_reads_a_day():
    assert parse_day("2024-02-29") == date(2024, 2, 29)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "20260331",
        "2026-3-1",
        "2026-W01-1",
        "2026-03-31T00:00:00",
        " 2026-03-31",
        "2026-03-31\n",
        "2026-03-31\0",
        "10000-01-01",
        "-001-01-01",
        "\uff12\uff10\uff12\uff16-03-31",
    ],
)
def test_refuses_other_ways_of_writing_a_day(text):
    with pytest.raises(InvalidInputError, match="YYYY-MM-DD"):
        parse_day(text)


@pytest.mark.parametrize("text", ["2026-02-29", "2026-13-01", "2026-00-10", "0000-01-01"])
def test_refuses_days_that_do_not_exist(text):
    with pytest.raises(InvalidInputError, match="no such day"):
        parse_day(text)


def test_the_last_days_include_the_day_they_run_through():
    assert Period.last(30, through=date(2026, 3, 30)) == MARCH


def test_nothing_chosen_is_the_default():
    assert Period.chosen(None, None, default=MARCH) == MARCH


def test_a_missing_start_is_as_long_before_the_end_as_the_default():
    assert Period.chosen(None, date(2026, 2, 10), default=MARCH) == Period(
        date(2026, 1, 11), date(2026, 2, 10)
    )


def test_a_missing_end_is_that_of_the_default():
    assert Period.chosen(date(2026, 3, 30), None, default=MARCH) == Period(
        date(2026, 3, 30), date(2026, 3, 31)
    )


@pytest.mark.parametrize(
    "end", [date(2026, 3, 5), date(2026, 3, 4), date(1, 1, 1)], ids=["equal", "before", "1"]
)
def test_refuses_a_range_without_a_day(end):
    with pytest.raises(InvalidInputError, match=r"start \(2026-03-05\) must be before end"):
        Period.chosen(date(2026, 3, 5), end, default=MARCH)


def test_refuses_the_first_day_of_the_calendar_as_an_end():
    with pytest.raises(InvalidInputError, match="must be before end"):
        Period.chosen(None, date.min, default=MARCH)


def test_answers_the_longest_range():
    longest = Period.chosen(date(2024, 1, 1), date(2026, 1, 1), default=MARCH)
    assert longest.days == LONGEST_DAYS == 366 + 365


def test_refuses_a_range_longer_than_that():
    with pytest.raises(InvalidInputError, match="732 days; ask for 731 at most"):
        Period.chosen(date(2024, 1, 1), date(2026, 1, 2), default=MARCH)


def test_refuses_a_start_too_far_before_the_default_end():
    with pytest.raises(InvalidInputError, match="ask for 731 at most"):
        Period.chosen(date.min, None, default=MARCH)
