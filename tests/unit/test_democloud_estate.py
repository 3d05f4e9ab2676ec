"""The demo cloud's estate and its load: stable, varied, and nothing but a function of seed and date."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import mean, median

import pytest

from democloud.estate import ACCOUNTS, REGIONS, Estate, Profile, fleet, volumes
from democloud.load import (
    cpu_percent,
    cpu_percent_within,
    measured_hours,
    memory_percent,
    memory_percent_within,
    network_in_bytes,
    network_in_bytes_within,
    network_out_bytes,
    network_out_bytes_within,
)

ESTATE = Estate(seed=7, anchor=datetime(2026, 3, 18, 10, 20, 30, tzinfo=UTC))
MONTH = (ESTATE.first_midnight - timedelta(days=31), ESTATE.first_midnight)


def one_of(profile):
    return next(one for one in fleet(ESTATE) if one.profile is profile and one.state == "running")


def within(profile):
    """CPU within each of the hours that `measured` tells of."""
    instance = one_of(profile)
    return [cpu_percent_within(instance, hour) for hour in measured_hours(ESTATE, instance, *MONTH)]


def measured(profile, hours=lambda _: True):
    """CPU of the hours of the last 31 days of the first running instance with the profile."""
    instance = one_of(profile)
    return [cpu_percent(instance, hour) for hour in measured_hours(ESTATE, instance, *MONTH) if hours(hour)]


def test_the_same_seed_and_anchor_give_the_same_estate():
    again = Estate(seed=7, anchor=datetime(2026, 3, 18, 10, 20, 30, tzinfo=UTC))
    assert (fleet(again), volumes(again)) == (fleet(ESTATE), volumes(ESTATE))


def test_another_seed_gives_other_ids():
    other = Estate(seed=8, anchor=ESTATE.anchor)
    assert not {one.instance_id for one in fleet(other)} & {one.instance_id for one in fleet(ESTATE)}


def test_ids_and_launches_do_not_move_within_the_anchors_day():
    evening = Estate(seed=7, anchor=ESTATE.anchor.replace(hour=23))
    assert fleet(evening) == fleet(ESTATE)


def test_about_two_dozen_instances_in_two_accounts_and_two_regions():
    places = Counter((one.account_id, one.region) for one in fleet(ESTATE))
    assert set(places) == {(account.account_id, region) for account in ACCOUNTS for region in REGIONS}
    assert sum(places.values()) == 24


def test_most_instances_run_and_some_are_stopped():
    assert Counter(one.state for one in fleet(ESTATE)) == {"running": 20, "stopped": 4}


def test_every_instance_was_launched_before_it_stopped_and_before_the_anchor():
    assert all(one.launched_at < (one.stopped_at or ESTATE.anchor) <= ESTATE.anchor for one in fleet(ESTATE))


def test_ids_look_like_those_of_aws_and_are_unique():
    ids = [one.instance_id for one in fleet(ESTATE)] + [one.volume_id for one in volumes(ESTATE)]
    assert len(set(ids)) == len(ids)
    assert {(one.split("-")[0], len(one.split("-")[1])) for one in ids} == {("i", 17), ("vol", 17)}


def test_each_instance_has_a_root_volume_in_its_zone_and_some_volumes_are_unattached():
    zones = {one.instance_id: one.zone for one in fleet(ESTATE)}
    roots = {one.instance_id: one.zone for one in volumes(ESTATE) if one.device == "/dev/xvda"}
    assert roots == zones
    assert sum(not one.instance_id for one in volumes(ESTATE)) == 4


def test_an_idle_instance_stays_idle():
    assert max(measured(Profile.IDLE)) < 3


def test_a_busy_instance_stays_busy():
    assert min(measured(Profile.BUSY)) > 50


def test_a_bursty_instance_is_quiet_between_its_bursts():
    cpu = measured(Profile.BURSTY)
    assert median(cpu) < 10
    assert max(cpu) > 60


def test_a_day_and_night_instance_works_by_day_and_not_at_weekends():
    noon = mean(measured(Profile.DAY_NIGHT, lambda hour: hour.hour == 13 and hour.weekday() < 5))
    night = mean(measured(Profile.DAY_NIGHT, lambda hour: hour.hour == 1))
    weekend = mean(measured(Profile.DAY_NIGHT, lambda hour: hour.hour == 13 and hour.weekday() >= 5))
    assert noon > 50 > 2 * weekend > 2 * night


def test_a_hot_instance_is_hot_for_hours_of_every_day():
    hot = one_of(Profile.HOT)
    busy = [hour for hour in measured_hours(ESTATE, hot, *MONTH) if min(cpu_percent_within(hot, hour)) > 90]
    assert Counter(hour.hour for hour in busy) == dict.fromkeys(range(8, 19), 31)


def test_an_office_instance_is_quiet_at_nights_and_weekends():
    def is_office_hour(hour):
        return hour.weekday() < 5 and 8 <= hour.hour < 18

    assert max(measured(Profile.OFFICE, lambda hour: not is_office_hour(hour))) < 3
    assert min(measured(Profile.OFFICE, is_office_hour)) > 15


def test_what_one_instance_serves_fails_for_two_hours_of_the_day_before():
    stalled = next(one for one in fleet(ESTATE) if one.stalled_at)
    quiet = [
        hour for hour in measured_hours(ESTATE, stalled, *MONTH) if max(cpu_percent_within(stalled, hour)) < 5
    ]
    assert quiet == [datetime(2026, 3, 17, hour, tzinfo=UTC) for hour in (15, 16)]


def test_memory_is_known_where_the_agent_is_and_would_fit_into_half():
    with_agent = [one for one in fleet(ESTATE) if one.has_agent]
    assert len(with_agent) == 2
    for instance in with_agent:
        for hour in measured_hours(ESTATE, instance, *MONTH):
            values = memory_percent_within(instance, hour)
            assert mean(values) == pytest.approx(memory_percent(instance, hour), abs=1e-9)
            assert 15 < min(values) <= max(values) < 30


@pytest.mark.parametrize("profile", list(Profile))
def test_cpu_is_a_percentage(profile):
    assert all(0 <= value <= 100 for value in measured(profile))
    assert all(0 <= value <= 100 for values in within(profile) for value in values)


@pytest.mark.parametrize("profile", list(Profile))
def test_cpu_wavers_around_the_value_of_the_hour(profile):
    for value, values in zip(measured(profile), within(profile), strict=True):
        assert mean(values) == pytest.approx(value, abs=1e-9)
        assert max(values) - value <= 3
        assert len(set(values)) > 1


def test_an_instance_is_measured_each_five_minutes_or_with_detailed_monitoring_each_minute():
    counts = {
        one.detailed_monitoring: len(cpu_percent_within(one, ESTATE.first_midnight)) for one in fleet(ESTATE)
    }
    assert counts == {False: 12, True: 60}


@pytest.mark.parametrize("detailed", [False, True], ids=["basic", "detailed"])
def test_traffic_within_an_hour_is_whole_bytes_that_add_up_to_the_hours(detailed):
    instance = next(one for one in fleet(ESTATE) if one.detailed_monitoring is detailed)
    hour = ESTATE.first_midnight
    received, sent = network_in_bytes_within(instance, hour), network_out_bytes_within(instance, hour)
    assert all(value > 0 and value.is_integer() for value in received + sent)
    assert sum(received) == network_in_bytes(instance, hour)
    assert sum(sent) == network_out_bytes(instance, hour)


def test_traffic_is_whole_bytes_and_more_goes_out_than_comes_in():
    instance, hour = fleet(ESTATE)[0], ESTATE.first_midnight
    assert network_in_bytes(instance, hour).is_integer()
    assert 0 < network_in_bytes(instance, hour) < network_out_bytes(instance, hour)


def test_a_running_instance_has_a_point_for_each_hour_of_the_window():
    bastion = next(one for one in fleet(ESTATE) if ("Name", "bastion") in one.tags)
    assert len(list(measured_hours(ESTATE, bastion, *MONTH))) == 31 * 24


def test_points_reach_back_35_days_and_no_further():
    bastion = next(one for one in fleet(ESTATE) if ("Name", "bastion") in one.tags)
    first = next(measured_hours(ESTATE, bastion, ESTATE.anchor - timedelta(days=400), ESTATE.anchor))
    assert first == ESTATE.first_midnight - timedelta(days=35)


def test_points_begin_with_the_first_full_hour_after_the_launch():
    young = next(one for one in fleet(ESTATE) if ("Name", "ci-runner-2") in one.tags)
    first = next(measured_hours(ESTATE, young, *MONTH))
    assert timedelta(0) <= first - young.launched_at < timedelta(hours=1)
    assert (first.minute, first.second) == (0, 0)


def test_a_stopped_instance_has_points_until_it_stopped():
    stopped = next(one for one in fleet(ESTATE) if ("Name", "legacy-cms") in one.tags)
    *_, last = measured_hours(ESTATE, stopped, *MONTH)
    assert timedelta(0) < stopped.stopped_at - last <= timedelta(hours=1)


def test_an_instance_stopped_before_the_history_has_no_points():
    stopped = next(one for one in fleet(ESTATE) if ("Name", "migration-us") in one.tags)
    assert not list(measured_hours(ESTATE, stopped, ESTATE.anchor - timedelta(days=400), ESTATE.anchor))
