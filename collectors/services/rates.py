"""How often AWS may be asked, by all workers together: token buckets in Valkey, one script for all of them.

A bucket belongs to an account, a region and an action. Whoever finds too few tokens is told how long to
wait and gets a ticket for them: the tokens are taken beforehand, so that those who wait keep their turns
and nobody asks twice. A ticket says what was taken: who comes back for more pays the difference, and who
comes back for less is given it. Without Valkey nobody waits; AWS refuses by itself, and its refusals are
retried.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import redis
from django.conf import settings

from core import valkey
from core.errors import InvalidInputError, NotYetError

logger = logging.getLogger(__name__)


class Rate(NamedTuple):
    """Tokens a second, and how many there are at once."""

    per_s: float
    burst: float


# Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html (paged and
# non-mutating), https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html (calls,
# and points where the window is three hours at most; half as many where it is longer). Cost Explorer's is not
# published; a few calls a second were seen.
PUBLISHED = {
    "DescribeInstances": Rate(20, 100),
    "DescribeVolumes": Rate(20, 100),
    "GetMetricData": Rate(50, 50),
    "GetMetricData/points": Rate(180_000, 180_000),
    "ListMetrics": Rate(25, 25),
    "GetCostAndUsage": Rate(5, 5),
}

FULL_RATE = timedelta(hours=3)
_TICKET_KEPT_S = 3600
# KEYS: the ticket, then a bucket each; ARGV: seconds that a ticket is kept, then tokens wanted, rate and
# burst of each bucket. Returns milliseconds to wait.
_SCRIPT = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local left = tonumber(redis.call('HGET', KEYS[1], 'at') or now) - now
if left > 0 then return math.ceil(left * 1000) end
local wait = 0
for i = 2, #KEYS do
    local wanted, rate = tonumber(ARGV[3 * i - 4]), tonumber(ARGV[3 * i - 3])
    local burst = tonumber(ARGV[3 * i - 2])
    local due = wanted - tonumber(redis.call('HGET', KEYS[1], KEYS[i]) or 0)
    local bucket = redis.call('HMGET', KEYS[i], 'tokens', 'at')
    local tokens, at = tonumber(bucket[1] or burst), tonumber(bucket[2] or now)
    tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
    tokens = math.min(burst, tokens - due)
    redis.call('HSET', KEYS[i], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
    redis.call('EXPIRE', KEYS[i], math.ceil((burst - tokens) / rate) + 1)
    if due > 0 then wait = math.max(wait, -tokens / rate) end
end
redis.call('DEL', KEYS[1])
if wait > 0 then
    redis.call('HSET', KEYS[1], 'at', string.format('%.6f', now + wait))
    for i = 2, #KEYS do redis.call('HSET', KEYS[1], KEYS[i], ARGV[3 * i - 4]) end
    redis.call('EXPIRE', KEYS[1], ARGV[1] + math.ceil(wait))
end
return math.ceil(wait * 1000)
"""


def parse(written: str) -> dict[str, Rate]:
    """Read `DescribeInstances=10,GetMetricData=20/40`. Raises: InvalidInputError."""
    found = {}
    for part in filter(None, (part.strip() for part in written.split(","))):
        action, _, rate = part.partition("=")
        per_s, _, burst = rate.partition("/")
        try:
            found[action] = Rate(float(per_s), float(burst or per_s))
        except ValueError:
            found[action] = Rate(0, 0)
        if action not in PUBLISHED or not (found[action].per_s > 0 and found[action].burst >= 1):
            raise InvalidInputError(
                f"{part!r} is no rate: write ACTION=PER_SECOND or ACTION=PER_SECOND/AT_ONCE, "
                f"the action one of {', '.join(PUBLISHED)}."
            )
    return found


@cache
def limits() -> dict[str, Rate]:
    """Return the rates in force by action."""
    return PUBLISHED | parse(settings.AWS_RATE_LIMITS)


def points(number: int, age: timedelta) -> int:
    """Return how many tokens so many points take, of a window that begins so long ago."""
    return number if age <= FULL_RATE else 2 * number


@dataclass(frozen=True, slots=True)
class Place:
    """Whom AWS counts calls of: an account in a region."""

    account_id: str
    region: str


def admit(place: Place, ticket: str, **wanted: int) -> None:
    """Take tokens for so many calls of each action; `points` are GetMetricData's.

    `ticket` names who asks: after a wait, the same one is let in by what was taken before.
    Raises: NotYetError where they are to wait.
    """
    actions = {"GetMetricData/points" if name == "points" else name: count for name, count in wanted.items()}
    wait_s = _reserve(place, ticket, actions)
    if wait_s > 0:
        raise NotYetError(wait_s, f"{', '.join(actions)} of {place.account_id} in {place.region} are spent")


def _reserve(place: Place, ticket: str, actions: dict[str, int]) -> float:
    keys = [f"rates:granted:{ticket}"]
    numbers: list[Any] = [_TICKET_KEPT_S]
    for action, count in actions.items():
        keys.append(f"rates:{place.account_id}:{place.region}:{action}")
        numbers += [count, *limits()[action]]
    try:
        return float(valkey.client().register_script(_SCRIPT)(keys=keys, args=numbers)) / 1000
    except redis.RedisError as error:
        logger.warning("calls of AWS are not counted, Valkey cannot be reached: %s", error)
        return 0.0
