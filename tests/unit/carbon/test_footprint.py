"""The energy and emissions of instances and volumes, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.carbon.coefficients import COEFFICIENTS
from analytics.carbon.footprint import Machine, Usage, of_instance, of_volume
from analytics.carbon.ranges import Range

from .builders import POINTS

MONTH = 730
M6I = Machine("m6i.large", 2, 8)
M5 = Machine("m5.large", 2, 8)
AT_40 = Usage(MONTH, 40.0, network_out_gb=0)


def matches(found, low, high=None):
    assert found.low == pytest.approx(low, rel=1e-5)
    assert found.high == pytest.approx(low if high is None else high, rel=1e-5)


# --- Worked examples -------------------------------------------------------------------------
def test_a_month_of_an_m6i_large_at_40_percent_in_virginia_by_the_method():
    found = of_instance(M6I, AT_40, region="us-east-1", coefficients=POINTS)
    # Ice Lake, a vCPU: 0.766797 + 0.4 x (3.758203 - 0.766797) = 1.963359 W; two: 3.926719 W.
    # Memory: SPECpower's server has 136 GiB a chip, so 136 x 2 chips x 2 / 128 vCPUs = 4.25 GiB are included;
    # (8 - 4.25) x 0.392 = 1.47 W. Together 5.396719 W x 730 h = 3.939605 kWh; x 1.135 at the meter.
    matches(found.energy_kwh, 4.471451)
    # x 0.415755 kg/kWh.
    matches(found.operational_kg, 1.859028)
    # 1,000 kg and 100 for the second chip, x 2/128 = 17.1875; 8 GiB less 16 x 2/128 are 7.75, x 533/384 =
    # 10.757161; together 27.944661 kg, x 730 / 35,040 hours.
    matches(found.embodied_kg, 0.582180)
    assert (found.assumptions, found.reasons) == ((), ())


def test_the_same_month_with_what_is_uncertain_about_the_method():
    found = of_instance(M6I, AT_40, region="us-east-1")
    # Memory at 0.375 to 0.4083 W: 5.332969 to 5.457844 W; at the most three times that: 16.373531 W.
    # x 0.73 = 3.893067 and 11.952678 kWh; x PUE 1.04 and 1.25.
    matches(found.energy_kwh, 4.048790, 14.940847)
    # x 0.415755 less and more 20 %: 0.332604 and 0.498906.
    matches(found.operational_kg, 1.346644, 7.454078)
    # 27.944661 kg over six years and over four.
    matches(found.embodied_kg, 27.944661 * MONTH / 52560, 27.944661 * MONTH / 35040)


def test_a_family_on_either_of_two_processors_is_between_the_two():
    found = of_instance(M5, AT_40, region="us-east-1", coefficients=POINTS)
    # Skylake: 2 x (0.612989 + 0.4 x 3.491181) = 4.018923 W, (8 - 75.09996 x 4/96) x 0.392 = 1.909367 W.
    # Cascade Lake: 2 x (0.690298 + 0.4 x 3.372896) = 4.078912 W, (8 - 105.97205 x 4/96) x 0.392 = 1.405123 W.
    # Each x 0.73 x 1.135.
    matches(found.energy_kwh, 5.484035 * 0.82855, 5.928290 * 0.82855)


def test_the_share_of_a_server_is_what_the_published_figure_says():
    # Cloud Carbon Footprint: 1,610.79 kg for the m5's server, of whose 96 vCPUs it has 2; a whole life of it.
    whole_life = Usage(35040, 0.0)
    found = of_instance(M5, whole_life, region="us-east-1", coefficients=POINTS)
    assert found.embodied_kg.high == pytest.approx(1610.79 * 2 / 96, rel=1e-5)


def test_a_volume_of_100_gib_in_ireland():
    found = of_volume("gp3", 100, MONTH, region="eu-west-1", coefficients=POINTS)
    # 100 GiB are 0.107374 TB; x 1.2 W x 2 copies = 0.257698 W; x 0.73 x 1.135 = 0.213516 kWh; x 0.316.
    matches(found.energy_kwh, 0.213516)
    matches(found.operational_kg, 0.067471)


def test_hard_disks_draw_about_half():
    ssd, hdd, unknown = (
        of_volume(kind, 100, MONTH, region="eu-west-1", coefficients=POINTS) for kind in ("gp2", "st1", "")
    )
    assert hdd.energy_kwh.high / ssd.energy_kwh.high == pytest.approx(0.65 / 1.2)
    assert (unknown.energy_kwh.low, unknown.energy_kwh.high) == (hdd.energy_kwh.low, ssd.energy_kwh.high)
    assert unknown.assumptions == ("Volume type unknown: solid state or hard disk.",)


def test_making_a_volume_is_unknown_and_not_nothing():
    found = of_volume("gp3", 100, MONTH, region="eu-west-1")
    assert found.embodied_kg is None
    assert found.reasons == ("The method has no figure for making volumes.",)


def test_what_was_sent_may_have_stayed_or_left():
    quiet, busy = (
        of_instance(M6I, Usage(MONTH, 40.0, network_out_gb=gb), region="us-east-1") for gb in (0, 1000)
    )
    # 1,000 GB x 0.001 kWh x PUE 1.25, all of it between data centres; or none.
    assert busy.energy_kwh.high - quiet.energy_kwh.high == pytest.approx(1.25)
    assert busy.energy_kwh.low == quiet.energy_kwh.low


def test_an_instances_own_disks_count():
    plain = of_instance(M5, AT_40, region="us-east-1", coefficients=POINTS)
    disks = of_instance(Machine("m5d.large", 2, 8, 75), AT_40, region="us-east-1", coefficients=POINTS)
    # 0.075 TB at 1.2 W x 0.73 x 1.135; making them 0.075 x 111.1 kg at most, as Teads says (400 kg x 2/96).
    assert disks.energy_kwh.high - plain.energy_kwh.high == pytest.approx(0.075 * 1.2 * 0.82855)
    assert disks.energy_kwh.low == plain.energy_kwh.low
    assert disks.embodied_kg.high - plain.embodied_kg.high == pytest.approx(400 * 2 / 96 * MONTH / 35040)


def test_hard_disks_of_its_own_are_made_with_less():
    ssd = of_instance(Machine("i3en.xlarge", 4, 32, 2500), AT_40, region="us-east-1")
    hdd = of_instance(Machine("d3en.xlarge", 4, 32, 2500), AT_40, region="us-east-1")
    assert hdd.embodied_kg.high < ssd.embodied_kg.high


# --- What is not known -----------------------------------------------------------------------
@pytest.mark.parametrize("percent", [None, math.nan, -1.0, 100.5])
def test_without_a_measured_load_the_range_spans_what_is_plausible_and_says_so(percent):
    found = of_instance(M6I, Usage(MONTH, percent, network_out_gb=0), region="us-east-1", coefficients=POINTS)
    idle, half = (
        of_instance(M6I, Usage(MONTH, each), region="us-east-1", coefficients=POINTS) for each in (0.0, 50.0)
    )
    assert (found.operational_kg.low, found.operational_kg.high) == (
        idle.operational_kg.low,
        half.operational_kg.high,
    )
    assert found.assumptions == ("CPU not measured in 100% of the hours: 0% to 50% there.",)


def test_hours_that_were_not_measured_are_not_taken_for_those_that_were():
    usage = Usage(MONTH, 80.0, measured_share=0.75, network_out_gb=0)
    found = of_instance(M6I, usage, region="us-east-1", coefficients=POINTS)
    # 0.75 x 80 % = 60 %, and a quarter of 0 to 50 %: 60 to 72.5 %.
    low, high = (
        of_instance(M6I, Usage(MONTH, each), region="us-east-1", coefficients=POINTS) for each in (60.0, 72.5)
    )
    assert found.operational_kg.low == pytest.approx(low.operational_kg.low)
    assert found.operational_kg.high == pytest.approx(high.operational_kg.high)
    assert found.assumptions == ("CPU not measured in 25% of the hours: 0% to 50% there.",)


def test_a_network_that_was_not_measured_is_said_to_be_left_out():
    found = of_instance(M6I, Usage(MONTH, 40.0), region="us-east-1")
    assert found.assumptions == ("Network not measured: left out.",)


def test_a_stopped_instance_emits_nothing_and_that_is_known():
    found = of_instance(M6I, Usage(0, None), region="us-east-1")
    assert (found.operational_kg, found.embodied_kg) == (Range(0, 0), Range(0, 0))
    assert found.assumptions == ()


@pytest.mark.parametrize("hours", [None, math.nan, -1.0])
def test_unknown_hours_are_refused(hours):
    found = of_instance(M6I, Usage(hours, 40.0), region="us-east-1")
    assert (found.operational_kg, found.embodied_kg) == (None, None)
    assert found.reasons == ("How long it ran is unknown.",)
    assert of_volume("gp3", 100, hours, region="us-east-1").operational_kg is None


@pytest.mark.parametrize(
    "machine",
    [
        Machine("m6i.large", None, 8),
        Machine("m6i.large", 0, 8),
        Machine("m6i.large", 2, None),
        Machine("m6i.large", 2, math.nan),
    ],
)
def test_a_machine_of_unknown_size_is_refused(machine):
    found = of_instance(machine, AT_40, region="us-east-1")
    assert (found.operational_kg, found.embodied_kg) == (None, None)
    assert found.reasons == ("The size of m6i.large is unknown.",)


def test_in_a_region_without_a_known_grid_energy_and_making_are_known_all_the_same():
    found = of_instance(M6I, AT_40, region="il-central-1")
    assert found.operational_kg is None
    assert found.energy_kwh.low > 0
    assert found.embodied_kg.low > 0
    assert found.reasons == ("What a kWh causes in il-central-1 is unknown.",)


def test_a_family_that_is_not_listed_is_estimated_wide_and_says_so():
    new = of_instance(Machine("m99x.large", 2, 8), AT_40, region="us-east-1")
    listed = of_instance(M6I, AT_40, region="us-east-1")
    assert new.operational_kg.low < listed.operational_kg.low
    assert new.operational_kg.high > listed.operational_kg.high
    assert new.embodied_kg.low < listed.embodied_kg.low < new.embodied_kg.high
    assert new.assumptions == ("m99x is not listed: any processor since 2017.",)


@pytest.mark.parametrize(
    "instance_type", ["p5.48xlarge", "g6.xlarge", "inf2.xlarge", "trn1.2xlarge", "f2.6xlarge"]
)
def test_accelerators_are_refused_rather_than_left_out(instance_type):
    found = of_instance(Machine(instance_type, 8, 32), AT_40, region="us-east-1")
    assert found.operational_kg is None
    assert "accelerators" in found.reasons[0]


def test_apples_processors_are_refused():
    assert "Apple" in of_instance(Machine("mac2.metal", 8, 16), AT_40, region="us-east-1").reasons[0]
    assert of_instance(Machine("mac1.metal", 12, 32), AT_40, region="us-east-1").operational_kg is not None


# --- What always holds -----------------------------------------------------------------------
MACHINES = st.builds(
    Machine,
    st.sampled_from(["m5.large", "m8a.large", "t3.nano", "new.large"]),
    st.integers(1, 96),
    st.floats(0.5, 768),
)


@given(MACHINES, st.floats(0, 100), st.floats(0, 8784), st.sampled_from(sorted(COEFFICIENTS.grids)))
def test_the_method_of_single_figures_is_always_within_the_range(machine, percent, hours, region):
    usage = Usage(hours, percent, network_out_gb=1.0)
    wide, points = (
        of_instance(machine, usage, region=region),
        of_instance(machine, usage, region=region, coefficients=POINTS),
    )
    for outer, inner in (
        (wide.energy_kwh, points.energy_kwh),
        (wide.operational_kg, points.operational_kg),
        (wide.embodied_kg, points.embodied_kg),
    ):
        assert 0 <= outer.low <= inner.low * (1 + 1e-9)
        assert inner.high <= outer.high * (1 + 1e-9)


@given(MACHINES, st.floats(0, 99), st.floats(0, 1))
def test_more_load_never_emits_less(machine, percent, more):
    idler, busier = (
        of_instance(machine, Usage(100, each), region="eu-west-1").operational_kg
        for each in (percent, percent + more)
    )
    assert busier.low >= idler.low
    assert busier.high >= idler.high
