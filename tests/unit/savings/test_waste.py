"""Idle instances, disks of stopped ones, volumes attached to nothing."""

from decimal import Decimal

import numpy as np
import pytest

from analytics.savings.records import Recommendation, Withheld
from analytics.savings.waste import idle, stopped, unattached
from tests.unit.savings.builders import NOW, days_ago, disk, facts, load, machine, market, usage

# 2 % of its 1,000 Mbit/s are 20.
MARKET = market((facts("m5.xlarge"), "0.2"))
PRICES = MARKET.prices


def test_an_instance_that_does_nothing_costs_its_price():
    found = idle(machine(), usage(cpu=4.9, network=19), MARKET)
    # $0.20 an hour, 730 hours.
    assert found.monthly_usd == Decimal("146.0")
    assert found.evidence == {"days": 14, "cpu_worst_p99_percent": 4.9, "network_worst_percent": 1.9}
    assert found.confidence == pytest.approx(15 / 16)
    assert found.to_type == ""


@pytest.mark.parametrize(
    ("used", "why"),
    [
        (usage(cpu=5, network=1), "CPU was at 5.0 %"),
        (usage(cpu=load(*[1.0] * 13, 60.0), network=1), "CPU was at 60.0 %"),
        (usage(cpu=1, network=20), "network was at 2.0 %"),
    ],
    ids=["on every day", "on one day", "network"],
)
def test_what_did_something_on_one_day_is_not_idle(used, why):
    found = idle(machine(), used, MARKET)
    assert isinstance(found, Withheld)
    assert why in found.reason


def test_without_the_network_half_the_confidence_is_left_and_that_is_said():
    found = idle(machine(), usage(cpu=1), MARKET)
    assert found.confidence == pytest.approx(15 / 16 / 2)
    assert found.evidence["network_worst_percent"] is None
    assert "Its network use is not known." in found.notes


def test_a_network_known_for_less_than_a_week_is_not_known():
    found = idle(machine(), usage(cpu=1, network=load(*[900.0] * 6, *[np.nan] * 8)), MARKET)
    assert found.evidence["network_worst_percent"] is None


def test_a_stopped_instance_is_not_an_idle_one():
    found = idle(machine(state="stopped"), usage(cpu=0, network=0), MARKET)
    assert found.reason == "It is stopped."


def test_days_without_samples_are_not_idle_days():
    found = idle(machine(), usage(cpu=load(*[1.0] * 6, *[np.nan] * 8), network=1), MARKET)
    assert "6 days" in found.reason
    assert "0 days" in idle(machine(), None, MARKET).reason


def test_gaps_cost_confidence():
    found = idle(machine(), usage(cpu=load(*[1.0] * 7, *[np.nan] * 7), network=1, coverage=0.5), MARKET)
    assert (found.coverage, found.confidence) == (0.5, pytest.approx(0.5 * 8 / 9))


def test_an_idle_instance_of_unknown_price_is_told_without_an_amount():
    found = idle(machine("m9.large"), usage(cpu=1), MARKET)
    assert isinstance(found, Recommendation)
    assert found.monthly_usd is None
    assert any("m9.large" in note for note in found.notes)


def test_the_disks_of_a_stopped_instance_go_on_costing():
    one, other = disk(size_gib=100), disk("vol-2", size_gib=50, volume_type="gp2")
    found = stopped(machine(state="stopped", since=days_ago(14)), [one, other], PRICES, NOW)
    # 100 GB at $0.08 and 50 GB at $0.10 a month.
    assert found.monthly_usd == Decimal("13.00")
    assert found.evidence == {"days": 14, "disks": 2, "size_gib": 150}
    assert found.confidence == pytest.approx(15 / 16)


@pytest.mark.parametrize(
    ("of", "disks", "why"),
    [
        (machine(state="running", since=days_ago(30)), [disk()], "It is running."),
        (machine(state="stopped", since=days_ago(30)), [], "no disks"),
        (machine(state="stopped", since=days_ago(6)), [disk()], "6 days"),
        (machine(state="stopped"), [disk()], "not known"),
    ],
)
def test_a_stopped_instance_is_left_alone_with_a_reason(of, disks, why):
    assert why in stopped(of, disks, PRICES, NOW).reason


def test_a_volume_attached_to_nothing_costs_its_storage():
    found = unattached(disk(state="available", since=days_ago(7), size_gib=500), PRICES, NOW)
    assert (found.monthly_usd, found.from_type) == (Decimal("40.00"), "gp3")
    assert any("IOPS" in note for note in found.notes)


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (disk(state="in-use", since=days_ago(30)), "It is in-use."),
        (disk(state="available", since=days_ago(6)), "6 days"),
        (disk(state="available"), "not known"),
    ],
)
def test_a_volume_in_use_or_let_go_this_week_is_left(of, why):
    assert why in unattached(of, PRICES, NOW).reason


def test_one_disk_of_unknown_price_leaves_the_amount_unknown():
    found = stopped(
        machine(state="stopped", since=days_ago(9)), [disk(), disk("vol-2", volume_type="io9")], PRICES, NOW
    )
    assert found.monthly_usd is None
    assert any("io9" in note for note in found.notes)
