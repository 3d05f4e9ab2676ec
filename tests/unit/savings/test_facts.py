"""What is known of instance types."""

import subprocess
import sys

import pytest

from analytics.savings.facts import catalogue
from collectors.aws.instance_types import InstanceFacts, from_api

RAW = {
    "InstanceType": "m7i-flex.large",
    "VCpuInfo": {"DefaultVCpus": 2},
    "MemoryInfo": {"SizeInMiB": 8192},
    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
}


def test_the_catalogue_tells_what_aws_publishes_of_a_type():
    assert catalogue()["m5.xlarge"] == InstanceFacts(
        name="m5.xlarge",
        vcpus=4,
        memory_mib=16384,
        architectures=("x86_64",),
        virtualizations=("hvm",),
        manufacturer="Intel",
        hypervisor="nitro",
        network_mbps=1250.0,
        ebs_mbps=1150,
    )


def test_what_an_answer_leaves_out_is_unknown_and_not_nothing():
    found = from_api(RAW)
    assert (found.network_mbps, found.ebs_mbps) == (None, None)
    assert (found.burstable, found.accelerated, found.instance_store) == (False, False, False)


def test_a_type_without_bandwidth_of_its_own_for_volumes_has_none():
    assert from_api({**RAW, "EbsInfo": {"EbsOptimizedSupport": "unsupported"}}).ebs_mbps == 0
    assert catalogue()["t2.large"].ebs_mbps == 0


def test_a_card_of_unknown_bandwidth_leaves_the_sum_unknown():
    cards = [{"BaselineBandwidthInGbps": 50.0}, {}]
    assert from_api({**RAW, "NetworkInfo": {"NetworkCards": cards}}).network_mbps is None


def test_the_bandwidths_of_several_cards_add_up():
    cards = [{"BaselineBandwidthInGbps": 50.0}, {"BaselineBandwidthInGbps": 25.0}]
    assert from_api({**RAW, "NetworkInfo": {"NetworkCards": cards}}).network_mbps == 75_000


def test_an_answer_without_the_essentials_is_refused():
    with pytest.raises(KeyError):
        from_api({"InstanceType": "m5.large"})


@pytest.mark.parametrize(
    ("name", "family", "group", "generation"),
    [
        ("m5.large", "m5", "m", 5),
        ("c6gn.xlarge", "c6gn", "c", 6),
        ("m7i-flex.large", "m7i-flex", "m-flex", 7),
        ("u-6tb1.112xlarge", "u-6tb1", "u", 0),
        ("t4g.nano", "t4g", "t", 4),
    ],
)
def test_a_name_tells_family_group_and_generation(name, family, group, generation):
    found = from_api({**RAW, "InstanceType": name})
    assert (found.family, found.group, found.generation) == (family, group, generation)


@pytest.mark.parametrize(
    ("name", "vcpus"),
    # A t3.large sustains 30 % on each of two, a t2.2xlarge 17 % on each of eight, an m5.large all of two.
    [("t3.large", 0.6), ("t2.2xlarge", 1.36), ("m5.large", 2.0)],
)
def test_burstable_types_sustain_a_part_of_their_processors(name, vcpus):
    assert catalogue()[name].credit_vcpus == pytest.approx(vcpus)


def test_what_a_burstable_family_sustains_is_unknown_where_nobody_said_it():
    new = {**RAW, "InstanceType": "t9x.large", "BurstablePerformanceSupported": True}
    assert from_api(new).credit_vcpus is None


def test_importing_reads_no_data():
    code = "import sys, analytics.savings.advice as a; print('moto' in sys.modules, a.sizing.LIMIT)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "80.0"]
