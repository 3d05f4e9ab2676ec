"""Types, prices, instances and usage to try the rules on."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from analytics.savings.market import Market
from analytics.savings.prices import PriceTable
from analytics.savings.records import Disk, Machine
from analytics.savings.usage import Load, Usage
from collectors.aws.instance_types import InstanceFacts

NOW = datetime(2026, 11, 30, tzinfo=UTC)
REGION = "eu-west-1"


def days_ago(days):
    return NOW - timedelta(days=days)


def facts(name, vcpus=4, gib=16, **other):
    given = {"architectures": ("x86_64",), "network_mbps": 1000.0, "ebs_mbps": 1000.0, **other}
    return InstanceFacts(name=name, vcpus=vcpus, memory_mib=gib * 1024, **given)


def market(*offers):
    """Types, each with its price in dollars an hour."""
    table = PriceTable(
        REGION,
        "a test",
        date(2026, 11, 1),
        {type_.name: Decimal(usd) for type_, usd in offers},
        {"gp3": Decimal("0.08"), "gp2": Decimal("0.10")},
    )
    return Market({type_.name: type_ for type_, _ in offers}, table)


def machine(instance_type="m5.xlarge", **other):
    return Machine(**{"resource": "i-1", "region": REGION, "instance_type": instance_type, **other})


def disk(resource="vol-1", **other):
    return Disk(**{"resource": resource, "region": REGION, "volume_type": "gp3", "size_gib": 100, **other})


def load(*daily, mean=None):
    """A load of these daily percentiles; a single one is that of fourteen days."""
    days = np.array(daily * 14 if len(daily) == 1 else daily, float)
    means = days / 2 if mean is None else np.full(len(days), float(mean))
    return Load(float(np.nanmax(days)), days, means)


def usage(cpu=10.0, memory=None, network=None, ebs=None, coverage=1.0):
    loads = [
        value if isinstance(value, Load | None) else load(value) for value in (cpu, memory, network, ebs)
    ]
    return Usage(coverage, *loads)
