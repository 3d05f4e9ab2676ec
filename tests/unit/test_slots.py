"""When a schedule is due."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.errors import InvalidInputError
from pipelines.slots import Cron, Every, parse_duration

NEW_YORK = ZoneInfo("America/New_York")


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
