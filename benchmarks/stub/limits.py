"""How often AWS answers: a token bucket to each account, region and action."""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.stub.protocol import Call


class Rate(NamedTuple):
    """Calls a second, and how many may come at once."""

    per_s: float
    burst: float


# Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html,
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html. Cost Explorer's
# is not published; a few calls a second were seen.
PUBLISHED = {
    "DescribeInstances": Rate(20, 100),
    "DescribeVolumes": Rate(20, 100),
    "DescribeRegions": Rate(20, 100),
    "GetMetricData": Rate(50, 50),
    "GetMetricStatistics": Rate(400, 400),
    "ListMetrics": Rate(25, 25),
    "GetCallerIdentity": Rate(600, 600),
    "AssumeRole": Rate(600, 600),
    "GetCostAndUsage": Rate(5, 5),
}


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


@dataclass(slots=True)
class Limits:
    """The buckets of all who call; `rates` by action."""

    rates: dict[str, Rate]
    _buckets: dict[tuple[str, str, str], _Bucket] = field(default_factory=dict)

    def allows(self, call: Call) -> bool:
        """Take a token for the call, if there is one."""
        rate = self.rates.get(call.action)
        if rate is None:
            return True
        now = time.monotonic()
        bucket = self._buckets.setdefault((call.account, call.region, call.action), _Bucket(rate.burst, now))
        bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.filled_at) * rate.per_s)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
