"""What counts as a recommendation that was followed, and what the days around it cost."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.savings import following
from analytics.savings.following import Change, Followed, Life, Present, Promise, credited, followed
from analytics.savings.realised import realised
from analytics.savings.records import Kind

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def hours(count):
    return AT + timedelta(hours=count)


def promise(kind, from_type="m5.xlarge", to_type="", usd="70"):
    return Promise(kind, from_type, to_type, None if usd is None else Decimal(usd))


RUNNING = Present("m5.xlarge", "running")


@pytest.mark.parametrize(
    ("kind", "now", "change"),
    [
        (Kind.OVERSIZED, Present("m5.large", "running", type_since=AT), Change.RESIZED),
        (Kind.GENERATION, Present("m6i.xlarge", "running", type_since=AT), Change.RESIZED),
        (Kind.IDLE, Present("m5.xlarge", "stopped", since=AT), Change.STOPPED),
        (Kind.IDLE, Present("m5.xlarge", "terminated", gone_at=AT), Change.DELETED),
        (Kind.SCHEDULE, Present("m5.xlarge", "stopped", since=AT), Change.STOPPED),
        (Kind.SCHEDULE, Present("m5.xlarge", "running", stops=[AT, hours(24), hours(48)]), Change.STOPPED),
        (Kind.STOPPED, Present("m5.xlarge", "stopped", disks_gone_at=AT), Change.DELETED),
        (Kind.UNATTACHED, Present("gp3", "", gone_at=AT), Change.DELETED),
    ],
)
def test_what_was_recommended_was_done(kind, now, change):
    assert followed(promise(kind), now) == Followed(change, AT)


@pytest.mark.parametrize(
    ("kind", "now"),
    [
        (Kind.OVERSIZED, RUNNING),
        (Kind.OVERSIZED, Present("m5.large", "terminated", gone_at=AT)),
        (Kind.OVERSIZED, Present("m5.large", "stopped")),
        (Kind.IDLE, RUNNING),
        (Kind.IDLE, Present("m5.large", "running", type_since=AT)),
        (Kind.SCHEDULE, Present("m5.xlarge", "running", stops=[AT, hours(24)])),
        (Kind.STOPPED, Present("m5.xlarge", "stopped")),
        (Kind.STOPPED, RUNNING),
        (Kind.UNATTACHED, Present("gp3", "")),
    ],
)
def test_what_happened_was_something_else(kind, now):
    assert followed(promise(kind), now) is None


def test_a_change_is_put_down_to_the_recommendation_that_named_it():
    named = promise(Kind.FAMILY, to_type="r5.large", usd="10")
    larger = promise(Kind.OVERSIZED, to_type="m5.large", usd="70")
    assert credited([larger, named], "r5.large") is named


def test_a_change_that_none_named_is_put_down_to_the_largest():
    unpriced, larger = promise(Kind.SCHEDULE, usd=None), promise(Kind.IDLE)
    assert credited([unpriced, larger], "") is larger


def test_a_fortnight_lies_on_either_side_of_the_day_of_the_change():
    before, after = following.days_before(AT), following.days_after(AT)
    assert (before[0], before[-1]) == (date(2026, 2, 24), date(2026, 3, 9))
    assert (after[0], after[-1]) == (date(2026, 3, 11), date(2026, 3, 24))
    assert not following.is_over(AT, datetime(2026, 3, 24, 23, 59, tzinfo=UTC))
    assert following.is_over(AT, datetime(2026, 3, 25, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changes", "gone_at", "is_off"),
    [
        ([(hours(-24), "stopped")], None, True),
        ([(hours(-24), "stopped"), (hours(13), "running")], None, True),
        ([(hours(-24), "stopped"), (hours(2), "running")], None, False),
        ([(hours(-48), "stopped"), (hours(-24), "running")], None, False),
        ([(hours(-24), "running")], None, False),
        ([(hours(-24), "running")], hours(-13), True),
        ([], None, False),
    ],
    ids=["stopped", "started after", "started that day", "runs", "still runs", "gone", "unknown"],
)
def test_a_day_off_is_one_of_which_that_is_known(changes, gone_at, is_off):
    assert Life(changes, gone_at).is_off(date(2026, 3, 10)) is is_off


def test_an_instance_costs_the_hours_that_it_ran():
    days = following.days_after(AT)
    life = Life([(hours(0), "stopped")])
    # Ten days of half a day each, and four of which nothing was reported since it was off.
    spell = following.ran(days, dict.fromkeys(days[:10], 0.5), life, Decimal("0.2"))
    assert (spell.days, spell.usd) == (14, Decimal("24.0"))


def test_a_day_that_nothing_is_known_of_is_no_day():
    days = following.days_after(AT)
    spell = following.ran(days, dict.fromkeys(days[:10], 1.0), Life(), Decimal("0.2"))
    assert (spell.days, spell.usd) == (10, Decimal("48.0"))


def test_what_a_schedule_saved_is_its_hours():
    days = following.days_before(AT), following.days_after(AT)
    before = following.ran(days[0], dict.fromkeys(days[0], 1.0), Life(), Decimal("0.1"))
    after = following.ran(days[1], dict.fromkeys(days[1], 0.5), Life(), Decimal("0.1"))
    # Half of 730 hours at 10 cents.
    assert realised(before, after, Decimal(73)).monthly_usd == Decimal("36.5")


def test_disks_cost_until_they_are_gone():
    days = following.days_after(AT)
    there, gone = (Decimal("73"), None), (Decimal("730"), hours(0))
    # 73 dollars a month are 2.40 a day.
    assert following.stored(days, [there, gone]).usd == 14 * Decimal("2.4")


def test_a_disk_without_a_price_makes_the_sum_unknown_while_it_is_there():
    days = following.days_after(AT)
    assert following.stored(days, [(None, None)]).usd is None
    assert following.stored(days, [(None, hours(0))]).usd == 0
