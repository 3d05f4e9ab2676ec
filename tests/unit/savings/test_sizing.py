"""Smaller sizes, other families, newer generations."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.savings.facts import catalogue
from analytics.savings.market import Market
from analytics.savings.prices import shipped
from analytics.savings.records import Kind, Recommendation, Withheld
from analytics.savings.sizing import LIMIT, downsized, generation
from tests.unit.savings.builders import facts, load, machine, market, usage

M5 = facts("m5.xlarge"), "0.2"
M5_LARGE = facts("m5.large", 2, 8), "0.1"
R5_LARGE = facts("r5.large", 2, 16), "0.13"
REAL = Market(catalogue(), shipped("us-east-1"))


def oversized(used, *offers, **other):
    return downsized(Kind.OVERSIZED, machine(**other), used, market(M5, *offers))


def test_half_the_size_is_enough_where_the_99th_percentile_leaves_headroom():
    found = oversized(usage(cpu=30, memory=25), M5_LARGE)
    assert (found.from_type, found.to_type) == ("m5.xlarge", "m5.large")
    # $0.20 less $0.10 an hour, 730 hours.
    assert found.monthly_usd == Decimal("73.0")
    assert found.evidence["cpu_p99_percent"] == 30
    assert found.evidence["to_cpu_p99_percent"] == 60
    assert found.evidence["to_memory_p99_percent"] == 50


@pytest.mark.parametrize(("cpu", "memory"), [(31, 25), (30, 31)], ids=["CPU", "memory"])
def test_what_would_be_above_60_percent_of_half_the_size_is_left(cpu, memory):
    found = oversized(usage(cpu=cpu, memory=memory), M5_LARGE)
    assert isinstance(found, Withheld)
    assert "at most 60 %" in found.reason


def test_unknown_memory_is_not_made_less_and_that_is_said():
    found = oversized(usage(cpu=10), M5_LARGE)
    assert isinstance(found, Withheld)
    assert "Memory is not measured" in found.reason


def test_with_unknown_memory_a_type_with_as_much_memory_will_do():
    found = oversized(usage(cpu=10), M5_LARGE, R5_LARGE)
    assert found.to_type == "r5.large"
    assert any("Memory is not measured" in note for note in found.notes)
    assert found.evidence["memory_p99_percent"] is None


def test_memory_of_less_than_a_week_is_not_known():
    short = load(*[10.0] * 6, *[np.nan] * 8)
    found = oversized(usage(cpu=10, memory=short), M5_LARGE)
    assert "not for a week" in found.reason


def test_days_of_unknown_memory_are_no_days_that_held():
    found = oversized(usage(cpu=10, memory=load(*[10.0] * 10, *[np.nan] * 4)), M5_LARGE)
    assert (found.evidence["days"], found.evidence["days_held"]) == (14, 10)


def test_the_same_family_goes_before_a_cheaper_one():
    cheaper = facts("m6a.large", 2, 8), "0.09"
    assert oversized(usage(cpu=10, memory=10), cheaper, M5_LARGE).to_type == "m5.large"
    assert oversized(usage(cpu=10, memory=10), cheaper, R5_LARGE).to_type == "m6a.large"


def test_one_step_goes_to_half_at_most():
    small = facts("m5.small", 1, 4), "0.05"
    assert oversized(usage(cpu=1, memory=1), small, M5_LARGE).to_type == "m5.large"
    assert isinstance(oversized(usage(cpu=1, memory=1), small), Withheld)


@pytest.mark.parametrize(
    "offer",
    [
        facts("m5.large", 2, 8, architectures=("arm64",)),
        facts("m5.large", 2, 8, bare_metal=True),
        facts("m5.large", 2, 8, instance_store=True),
        facts("m4.large", 2, 8),
        facts("t5.large", 2, 8, burstable=True),
        facts("x5.large", 2, 8),
    ],
    ids=["architecture", "bare metal", "instance store", "older", "burstable", "another purpose"],
)
def test_a_type_that_it_cannot_become_is_not_offered(offer):
    assert isinstance(oversized(usage(cpu=1, memory=1), (offer, "0.1")), Withheld)


def test_a_saving_of_less_than_a_twentieth_is_not_worth_a_restart():
    assert isinstance(oversized(usage(cpu=1, memory=1), (facts("m5.large", 2, 8), "0.191")), Withheld)
    assert isinstance(oversized(usage(cpu=1, memory=1), (facts("m5.large", 2, 8), "0.19")), Recommendation)


def test_a_known_network_has_to_fit_and_an_unknown_one_costs_confidence():
    narrow = facts("m5.large", 2, 8, network_mbps=500.0), "0.1"
    # 60 % of 500 Mbit/s are 300.
    assert isinstance(oversized(usage(10, 10, network=301), narrow), Withheld)
    known, unknown = oversized(usage(10, 10, network=300), narrow), oversized(usage(10, 10), narrow)
    # Three limits shrink: CPU, memory, network.
    assert known.confidence == pytest.approx(15 / 16)
    assert unknown.confidence == pytest.approx(15 / 16 * 2 / 3)
    assert any("network" in note for note in unknown.notes)


def test_known_disk_traffic_has_to_fit():
    narrow = facts("m5.large", 2, 8, ebs_mbps=500.0), "0.1"
    assert isinstance(oversized(usage(10, 10, ebs=301), narrow), Withheld)
    assert oversized(usage(10, 10, ebs=300), narrow).evidence["to_ebs_p99_percent"] == 60


def test_confidence_falls_with_days_that_would_not_have_held_and_with_gaps():
    # On one of fourteen days 45 % of four processors would have been 90 % of two; the whole stayed at 20 %.
    cpu = load(*[20.0] * 13, 45.0)
    cpu = type(cpu)(20.0, cpu.daily_p99, cpu.daily_mean)
    found = oversized(usage(cpu=cpu, memory=10, coverage=0.8), M5_LARGE)
    assert (found.evidence["days"], found.evidence["days_held"]) == (14, 13)
    assert found.confidence == pytest.approx(0.8 * 14 / 16)
    assert found.coverage == 0.8


def test_days_that_are_not_known_are_no_days_that_held():
    found = oversized(usage(cpu=load(*[20.0] * 7, *[np.nan] * 7), memory=10, coverage=0.5), M5_LARGE)
    assert (found.evidence["days"], found.evidence["days_held"]) == (7, 7)
    assert found.confidence == pytest.approx(0.5 * 8 / 9)


def test_what_becomes_smaller_has_to_be_measured_in_part():
    def verdict(**used):
        memory_family = facts("r5.xlarge", 4, 32, network_mbps=500.0), "0.18"
        return downsized(Kind.FAMILY, machine(), usage(1, 1, **used), market(M5, memory_family))

    assert isinstance(verdict(), Withheld)
    assert verdict(network=10).to_type == "r5.xlarge"


def test_a_family_that_has_nothing_less_is_sure():
    found = downsized(Kind.FAMILY, machine(), usage(99, 99), market(M5, (facts("r5.xlarge", 4, 32), "0.18")))
    assert found.confidence == 1


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"state": "stopped"}, "stopped"),
        ({"lifecycle": "spot"}, "spot"),
        ({"scaling_group": "web"}, "Auto Scaling group web"),
        ({"instance_type": "m99.large"}, "m99.large is not known"),
        ({"platform": "Windows"}, "Windows"),
    ],
)
def test_what_is_not_to_be_changed_is_left_with_a_reason(other, why):
    found = oversized(usage(cpu=1, memory=1), M5_LARGE, **other)
    assert isinstance(found, Withheld)
    assert why in found.reason


@pytest.mark.parametrize(
    ("present", "why"),
    [({"instance_store": True}, "instance store"), ({"accelerated": True}, "accelerators")],
)
def test_what_a_stop_would_harm_or_nobody_measures_is_left(present, why):
    offers = (facts("m5.xlarge", **present), "0.2"), M5_LARGE
    found = downsized(Kind.OVERSIZED, machine(), usage(cpu=1, memory=1), market(*offers))
    assert why in found.reason


def test_too_short_a_time_recommends_nothing():
    assert "6 days" in oversized(usage(cpu=load(*[1.0] * 6), memory=1), M5_LARGE).reason
    assert "0 days" in oversized(None, M5_LARGE).reason


def test_a_price_that_is_not_known_is_not_guessed():
    found = downsized(
        Kind.OVERSIZED, machine("m5.xlarge"), usage(1, 1), Market({"m5.xlarge": M5[0]}, shipped("x"))
    )
    assert "price of m5.xlarge in x is not known" in found.reason


def test_a_burstable_size_has_to_sustain_the_day_s_mean():
    # Of two processors 20 % and 30 % are sustained: 0.4 and 0.6. 60 % of 0.4 are 0.24: 12 % of two.
    offers = tuple(
        (facts(name, 2, gib, burstable=True, baseline_percent=percent), usd)
        for name, gib, percent, usd in (("t3.large", 8, 30.0, "0.08"), ("t3.medium", 4, 20.0, "0.04"))
    )

    def verdict(mean):
        used = usage(cpu=load(40.0, mean=mean), memory=20)
        return downsized(Kind.OVERSIZED, machine("t3.large"), used, market(*offers))

    assert verdict(mean=12).evidence["to_credits_p99_percent"] == pytest.approx(60)
    assert isinstance(verdict(mean=12.1), Withheld)


def test_a_burstable_type_of_unknown_baseline_is_not_offered():
    present = facts("t3.large", 2, 8, burstable=True, baseline_percent=30.0), "0.08"
    new = facts("t9.large", 2, 4, burstable=True), "0.04"
    found = downsized(Kind.OVERSIZED, machine("t3.large"), usage(1, 1), market(present, new))
    assert isinstance(found, Withheld)


def test_a_family_with_less_memory_will_do_where_memory_is_known_to_be_idle():
    compute = facts("c5.xlarge", 4, 8), "0.17"

    def verdict(memory):
        return downsized(Kind.FAMILY, machine(), usage(cpu=90, memory=memory), market(M5, compute))

    assert (verdict(memory=30).to_type, verdict(memory=30).monthly_usd) == ("c5.xlarge", Decimal("21.90"))
    assert isinstance(verdict(memory=31), Withheld)
    assert "Memory is not measured" in verdict(memory=None).reason


def test_a_newer_generation_with_nothing_less_needs_no_measurements():
    newer = facts("m6a.xlarge", manufacturer="AMD", hypervisor="nitro"), "0.18"
    found = generation(machine(), market(M5, newer))
    assert (found.to_type, found.monthly_usd) == ("m6a.xlarge", Decimal("14.60"))
    assert (found.coverage, found.confidence) == (1, 1)
    assert any("AMD" in note for note in found.notes)
    assert any("ENA" in note for note in found.notes)


@pytest.mark.parametrize(
    "newer",
    [facts("m6a.xlarge", ebs_mbps=900.0), facts("m6a.xlarge", network_mbps=None), facts("m5a.xlarge")],
)
def test_a_generation_that_has_less_or_may_have_less_or_is_as_old_is_not_called_newer(newer):
    assert isinstance(generation(machine(), market(M5, (newer, "0.18"))), Withheld)


def test_of_about_equal_savings_the_newest_generation_is_taken():
    old, new = (facts("m6a.xlarge"), "0.180"), (facts("m7a.xlarge"), "0.181")
    assert generation(machine(), market(M5, old, new)).to_type == "m7a.xlarge"
    dear = facts("m8a.xlarge"), "0.189"
    assert generation(machine(), market(M5, old, dear)).to_type == "m6a.xlarge"


@pytest.mark.parametrize(
    ("present", "kind", "to"),
    [
        ("m5.large", Kind.GENERATION, "m6a.large"),
        ("t2.large", Kind.GENERATION, "t3a.large"),
        ("m5.4xlarge", Kind.OVERSIZED, "m5.2xlarge"),
        ("r5.xlarge", Kind.FAMILY, "m6a.xlarge"),
    ],
)
def test_real_types_and_prices_lead_to_what_an_engineer_would_say(present, kind, to):
    verdicts = [
        generation(machine(present), REAL),
        downsized(Kind.OVERSIZED, machine(present), usage(10, 10), REAL),
        downsized(Kind.FAMILY, machine(present), usage(10, 10), REAL),
    ]
    assert [verdict.to_type for verdict in verdicts if verdict.kind is kind] == [to]


def holds(percent, present, to):
    return to >= present or (percent is not None and percent * present / to <= LIMIT)


@given(
    name=st.sampled_from(sorted(shipped("us-east-1").hourly)),
    cpu=st.floats(0, 100),
    memory=st.none() | st.floats(0, 100),
    kind=st.sampled_from([Kind.OVERSIZED, Kind.FAMILY]),
)
def test_whatever_is_recommended_costs_less_and_would_have_held(name, cpu, memory, kind):
    found = downsized(kind, machine(name), usage(cpu, memory), REAL)
    if isinstance(found, Recommendation):
        present, to = catalogue()[name], catalogue()[found.to_type]
        assert found.monthly_usd > 0
        assert holds(cpu, present.vcpus, to.vcpus)
        assert holds(memory, present.memory_mib, to.memory_mib)
        assert 0 < found.confidence <= 1
