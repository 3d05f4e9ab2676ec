"""Prices that CloudIntel ships: what AWS asks in public for Linux on demand, and for EBS storage.

Source: https://aws.amazon.com/ec2/pricing/on-demand/ and https://aws.amazon.com/ebs/pricing/, US dollars
without tax. Within a family the price grows in proportion to the size, so that each family's `large` tells
the others; `odd` are those that do not follow. What is not here has no price.
"""

from dataclasses import dataclass
from datetime import date

SOURCE = "shipped with CloudIntel, from AWS's public on-demand prices (Linux, shared tenancy)"


@dataclass(frozen=True, slots=True)
class Prices:
    """One region's: USD an hour of each family's large and of odd sizes, USD a GB-month of volumes.

    `unchecked` says which of them were not compared with a dated copy.
    """

    date: date
    large: str
    odd: str
    ebs: str
    unchecked: str = ""

    @property
    def source(self) -> str:
        """Where they are from, in a sentence."""
        return f"{SOURCE}; not compared with a dated list: {self.unchecked}" if self.unchecked else SOURCE


_STORAGE = "storage"
_ALL_BUT_BURSTABLE = "storage, and instance types other than t3 and t4g"


# AWS asks the same in Virginia, Ohio and Oregon.
_UNITED_STATES = Prices(
    date(2026, 7, 20),
    large="""
        t2 0.0928, t3 0.0832, t3a 0.0752, t4g 0.0672,
        m4 0.1, m5 0.096, m5a 0.086, m5n 0.119, m6i 0.096, m6a 0.0864, m6g 0.077,
        m7i 0.1008, m7a 0.11592, m7g 0.0816,
        c4 0.1, c5 0.085, c5a 0.077, c5n 0.108, c6i 0.085, c6a 0.0765, c6g 0.068,
        c7i 0.08925, c7a 0.10264, c7g 0.0725,
        r4 0.133, r5 0.126, r5a 0.113, r5n 0.149, r6i 0.126, r6a 0.1134, r6g 0.1008,
        r7i 0.1323, r7a 0.15215, r7g 0.1071""",
    odd="t2.small 0.023, c4.xlarge 0.199, c4.2xlarge 0.398, c4.4xlarge 0.796, c4.8xlarge 1.591",
    ebs="gp2 0.1, gp3 0.08, io1 0.125, io2 0.125, st1 0.045, sc1 0.015, standard 0.05",
    unchecked=_STORAGE,
)
_IRELAND = Prices(
    date(2023, 1, 6),
    large="""
        t2 0.1008, t3 0.0912, t3a 0.0816, t4g 0.0736,
        m4 0.111, m5 0.107, m5a 0.096, m6i 0.107, m6a 0.0963,
        c5 0.096, c6i 0.0912, c6a 0.08208,
        r4 0.148, r5 0.141, r6i 0.141, r6a 0.1269""",
    odd="t2.small 0.025, t2.medium 0.05",
    ebs="gp2 0.11, gp3 0.088, io1 0.138, io2 0.138, st1 0.05, sc1 0.0168, standard 0.055",
    unchecked=_ALL_BUT_BURSTABLE,
)
_FRANKFURT = Prices(
    date(2023, 1, 6),
    large="""
        t2 0.1072, t3 0.096, t3a 0.0864, t4g 0.0768,
        m4 0.12, m5 0.115, m6i 0.115, m6a 0.1035,
        c5 0.097, c6i 0.097,
        r5 0.152, r6i 0.152, r6a 0.1368""",
    odd="",
    ebs="gp2 0.119, gp3 0.0952, io1 0.149, io2 0.149, st1 0.054, sc1 0.018, standard 0.059",
    unchecked=_ALL_BUT_BURSTABLE,
)
_STOCKHOLM = Prices(
    date(2023, 1, 6), large="t3 0.0864, t4g 0.0688, m6g 0.082", odd="", ebs="", unchecked="m6g"
)

REGIONS = {
    "us-east-1": _UNITED_STATES,
    "us-east-2": _UNITED_STATES,
    "us-west-2": _UNITED_STATES,
    "eu-west-1": _IRELAND,
    "eu-central-1": _FRANKFURT,
    "eu-north-1": _STOCKHOLM,
}
