"""When a schedule is due."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.errors import InvalidInputError
from pipelines.slots import Cron, Every, parse_duration

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1m", 60), ("24h", 86400), ("7d", 604800), (" 2 H ", 7200)]
)
def test_reads_a_duration(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "24", "h", "0m", "-1h", "1w", "1.5h", "9999999999999d", "400d"])
def test_refuses_what_is_no_duration_and_says_what_one_looks_like(text):
    with pytest.raises(InvalidInputError, match="not a duration such as 90s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (utc(2026, 3, 1, 12, 30), utc(2026, 3, 1)),
        (utc(2026, 3, 1), utc(2026, 3, 1)),
        (utc(2026, 2, 28, 23, 59, 59), utc(2026, 2, 28)),
    ],
    ids=["in between", "on the slot", "just before"],
)
def test_a_day_has_one_slot_at_midnight_utc(now, slot):
    assert Every(timedelta(hours=24)).latest(now) == slot


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (utc(2026, 3, 7, 9, 30), utc(2026, 3, 7, 9, 30)),
        (utc(2026, 3, 8, 8, 29), utc(2026, 3, 7, 9, 30)),
        (utc(2026, 3, 8, 8, 30), utc(2026, 3, 8, 8, 30)),
        (utc(2026, 11, 1, 9, 29), utc(2026, 10, 31, 8, 30)),
        (utc(2026, 11, 1, 9, 30), utc(2026, 11, 1, 9, 30)),
    ],
    ids=["winter", "spring, not yet", "spring", "autumn, not yet", "autumn"],
)
def test_half_past_four_in_new_york_moves_with_its_clocks(now, slot):
    assert Cron("30 4 * * *", NEW_YORK).latest(now) == slot


# --- The slots of a range --------------------------------------------------------------------
def minutes(start, *, hours):
    return [start + timedelta(minutes=number) for number in range(hours * 60)]


def test_slots_after_one_moment_up_to_another_leave_out_the_first_and_keep_the_last():
    found = Every(timedelta(hours=6)).between(utc(2026, 3, 1), utc(2026, 3, 1, 18))
    assert list(found) == [utc(2026, 3, 1, 6), utc(2026, 3, 1, 12), utc(2026, 3, 1, 18)]


def test_a_period_with_a_fraction_of_a_second_is_not_rounded():
    found = Every(timedelta(seconds=1.5)).between(utc(1970, 1, 1), utc(1970, 1, 1, 0, 0, 4))
    assert [slot.timestamp() for slot in found] == [1.5, 3.0]


def test_a_range_that_ends_before_it_begins_has_no_slots():
    for slots in (Every(timedelta(minutes=1)), Cron("* * * * *", NEW_YORK)):
        assert not list(slots.between(utc(2026, 3, 1, 12), utc(2026, 3, 1, 11)))


# In New York clocks go from 02:00 to 03:00 at 07:00 UTC, and from 02:00 back to 01:00 at 06:00 UTC; in Berlin
# both changes are at 01:00 UTC, from 02:00 to 03:00 and from 03:00 back to 02:00.
SPRING = {NEW_YORK: utc(2026, 3, 8, 7), BERLIN: utc(2026, 3, 29, 1)}
AUTUMN = {NEW_YORK: utc(2026, 11, 1, 6), BERLIN: utc(2026, 10, 25, 1)}
CHANGES = [(zone, change) for changes in (SPRING, AUTUMN) for zone, change in changes.items()]
EXPRESSIONS = [
    "30 2 * * *",
    "30 1 * * *",
    "0,30 2 * * *",
    "0 2,3 * * *",
    "30 4 * * *",
    "30 * * * *",
    "*/15 * * * *",
    "*/15 2 * * *",
    "0 */2 * * *",
    "0 3 * * SUN",
]


@pytest.mark.parametrize("zone", SPRING, ids=str)
@pytest.mark.parametrize(
    ("expression", "offsets_min"),
    [
        ("30 2 * * *", [0]),
        ("0,30 2 * * *", [0]),
        ("0 2,3 * * *", [0]),
        ("30 1,2,3 * * *", [-30, 0, 30]),
        ("30 * * * *", [-30, 30]),
        ("*/15 * * * *", [-60, -45, -30, -15, 0, 15, 30, 45]),
        ("*/15 2 * * *", []),
    ],
)
def test_where_an_hour_is_left_out_fixed_times_move_to_its_end_and_the_clock_s_go_on(
    zone, expression, offsets_min
):
    change = SPRING[zone]
    found = Cron(expression, zone).between(change - HOUR - SECOND, change + HOUR - SECOND)
    assert [(slot - change) / timedelta(minutes=1) for slot in found] == offsets_min


@pytest.mark.parametrize("zone", AUTUMN, ids=str)
@pytest.mark.parametrize(
    ("expression", "offsets_min"),
    [
        ("30 {twice} * * *", [-30]),
        ("0,30 {twice} * * *", [-60, -30]),
        ("30 * * * *", [-30, 30]),
        ("*/30 * * * *", [-60, -30, 0, 30]),
        ("*/30 {twice} * * *", [-60, -30, 0, 30]),
    ],
)
def test_where_an_hour_comes_twice_fixed_times_have_the_first_and_the_clock_s_have_both(
    zone, expression, offsets_min
):
    change = AUTUMN[zone]
    twice = change.astimezone(zone).hour
    slots = Cron(expression.format(twice=twice), zone)
    found = slots.between(change - HOUR - SECOND, change + HOUR - SECOND)
    assert [(slot - change) / timedelta(minutes=1) for slot in found] == offsets_min


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize(("zone", "change"), CHANGES, ids=str)
class TestAcrossAChangeOfClocks:
    def test_the_latest_slots_minute_by_minute_are_the_slots_of_the_range(self, zone, change, expression):
        slots = Cron(expression, zone)
        moments = minutes(change - 4 * HOUR, hours=8)
        begun = slots.latest(moments[0])
        latest = [slots.latest(moment) for moment in moments]
        assert latest == sorted(latest)
        assert sorted({*latest} - {begun}) == list(slots.between(moments[0], moments[-1]))

    def test_a_range_may_be_cut_anywhere(self, zone, change, expression):
        slots = Cron(expression, zone)
        start, end = change - 26 * HOUR, change + 26 * HOUR
        whole = list(slots.between(start, end))
        for cut in minutes(change - 2 * HOUR, hours=4)[::7]:
            assert [*slots.between(start, cut), *slots.between(cut, end)] == whole

    def test_a_slot_is_the_latest_from_its_own_moment_on(self, zone, change, expression):
        slots = Cron(expression, zone)
        for slot in slots.between(change - 26 * HOUR, change + 26 * HOUR):
            assert slots.latest(slot) == slot
            assert slots.latest(slot + SECOND / 2) == slot
            assert slots.latest(slot - SECOND / 2) < slot
