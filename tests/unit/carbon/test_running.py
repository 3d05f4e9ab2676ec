"""How long an instance ran, by its states and its CPU."""

from datetime import UTC, date, datetime, timedelta

import pytest

from analytics.carbon.running import Change, Life, Load, ran

DAYS = [date(2026, 3, day) for day in (1, 2, 3)]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING = Life("running", LONG_AGO, launched_at=LONG_AGO)


def at(day, hour=0):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def hours(life, loads=None, collected=()):
    found = ran(life, loads or {}, collected=set(collected), days=DAYS)
    return found.hours, found.unknown_hours


def test_who_runs_since_long_ago_ran_all_the_time():
    assert hours(RUNNING) == (72, 0)


def test_who_is_stopped_since_long_ago_did_not_run():
    assert hours(Life("stopped", LONG_AGO)) == (0, 0)


def test_who_stopped_ran_until_then():
    life = Life("stopped", LONG_AGO, changes=[Change(at(2, 6), "running", "stopped")])
    assert hours(life) == (30, 0)


def test_who_was_started_again_ran_before_and_after():
    changes = [Change(at(1, 6), "running", "stopped"), Change(at(3, 12), "stopped", "running")]
    # EC2 says that it runs since nine, three hours before a scan saw it.
    assert hours(Life("running", LONG_AGO, at(3, 9), changes=changes)) == (6 + 15, 0)


def test_who_is_gone_ran_until_then():
    assert hours(Life("running", LONG_AGO, LONG_AGO, gone_at=at(2))) == (24, 0)


def test_a_running_instance_ran_since_its_launch_whenever_it_was_first_seen():
    assert hours(Life("running", at(3, 23), launched_at=LONG_AGO)) == (72, 0)


def test_before_it_was_first_seen_nothing_is_known_of_a_stopped_instance():
    life = Life("stopped", at(3, 6), changes=[Change(at(3, 6), "", "stopped")])
    assert hours(life) == (0, 54)


def test_cpu_tells_of_the_hours_before_it_was_first_seen_where_it_was_collected():
    life = Life("stopped", at(3, 6), changes=[Change(at(3, 6), "", "stopped")])
    loads = {DAYS[0]: Load(10.0, 0.5)}
    # Half of the first day, nothing on the second, of which others have figures; six hours are unknown.
    assert hours(life, loads, collected=DAYS[:2]) == (12, 6)


def test_of_whom_nothing_at_all_is_known_no_hours_are_zero():
    found = ran(Life("stopped", at(5)), {}, collected=set(), days=DAYS)
    assert (found.hours, found.unknown_hours, found.cpu_percent) == (None, 72, None)


def test_the_load_is_the_mean_of_the_hours_that_were_measured():
    loads = {DAYS[0]: Load(10.0, 1.0), DAYS[1]: Load(40.0, 0.5)}
    found = ran(RUNNING, loads, collected=set(DAYS), days=DAYS)
    # 24 hours at 10 % and 12 at 40 %, of 72 that it ran.
    assert found.cpu_percent == pytest.approx((24 * 10 + 12 * 40) / 36)
    assert found.measured_share == pytest.approx(36 / 72)


def test_no_more_hours_are_measured_than_it_ran():
    life = Life("stopped", LONG_AGO, changes=[Change(at(1, 6), "running", "stopped")])
    found = ran(life, {DAYS[0]: Load(50.0, 0.5)}, collected=set(DAYS), days=DAYS)
    assert (found.hours, found.measured_share, found.cpu_percent) == (6, 1.0, 50.0)


@pytest.mark.parametrize("launch", [at(1) - timedelta(days=30), None])
def test_who_vanished_before_these_days_ran_in_none_of_them(launch):
    assert hours(Life("running", LONG_AGO, launch, gone_at=at(1) - timedelta(hours=1))) == (0, 0)


def test_the_part_of_an_hour_in_which_it_started_need_not_be_measured():
    life = Life("running", at(1, 1), launched_at=at(1) + timedelta(minutes=30))
    found = ran(
        life,
        {day: Load(10.0, 1.0) for day in DAYS[1:]} | {DAYS[0]: Load(10.0, 23 / 24)},
        collected=set(DAYS),
        days=DAYS,
    )
    assert (found.hours, found.measured_share) == (71.5, 1.0)
