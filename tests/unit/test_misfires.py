"""What becomes of slots that were missed: hourly ones, found at 20:00:10, with a grace of 3 hours."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.misfires import Misfire, reason_to_skip

GRACE = timedelta(hours=3)
EIGHT = datetime(2026, 3, 1, 20, tzinfo=UTC)
NOW = EIGHT + timedelta(seconds=10)
MADE_UP = "Missed; the slot of 2026-03-01 20:00 UTC makes up for it."
WAITED = "Missed: {} late, and the next slot is waited for."
TOO_LATE = "Missed: found {} late, and the grace is 3:00:00."


def reasons(policy, *, now=NOW, missed=4):
    """The reasons for slots missed up to 20:00, the oldest first."""
    slots = [EIGHT - timedelta(hours=back) for back in reversed(range(missed))]
    return [reason_to_skip(slot, latest=EIGHT, policy=policy, grace=GRACE, now=now) for slot in slots]


def test_latest_starts_the_last_one_which_makes_up_for_the_others():
    assert reasons(Misfire.LATEST) == [MADE_UP, MADE_UP, MADE_UP, ""]


def test_all_starts_each_within_the_grace():
    assert reasons(Misfire.ALL) == [TOO_LATE.format("3:00:10"), "", "", ""]


def test_skip_starts_the_one_that_is_on_time():
    late = [WAITED.format(f"{hours}:00:10") for hours in (3, 2, 1)]
    assert reasons(Misfire.SKIP) == [*late, ""]


@pytest.mark.parametrize(("late_s", "starts"), [(60, True), (60.5, False)])
def test_skip_calls_a_minute_on_time(late_s, starts):
    (reason,) = reasons(Misfire.SKIP, now=EIGHT + timedelta(seconds=late_s), missed=1)
    assert reason == ("" if starts else WAITED.format("0:01:00"))


def test_skip_waits_for_the_next_once_it_is_due_even_within_the_minute():
    quarter = timedelta(seconds=15)
    reason = reason_to_skip(
        EIGHT, latest=EIGHT + quarter, policy=Misfire.SKIP, grace=GRACE, now=EIGHT + quarter
    )
    assert reason == WAITED.format("0:00:15")


@pytest.mark.parametrize("policy", [Misfire.LATEST, Misfire.ALL])
def test_nothing_is_started_beyond_the_grace(policy):
    found = reasons(policy, now=EIGHT + timedelta(hours=3, seconds=1), missed=2)
    assert found == [TOO_LATE.format("4:00:01"), TOO_LATE.format("3:00:01")]


@pytest.mark.parametrize("policy", [Misfire.LATEST, Misfire.ALL])
def test_the_grace_itself_is_in_time(policy):
    assert reasons(policy, now=EIGHT + GRACE, missed=1) == [""]
