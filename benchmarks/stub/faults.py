"""What goes wrong on demand, and in whose words: by a seeded share of calls, or at given calls or pages.

A fault is written KIND[@TARGET]=WHEN: `throttle=0.3` (of all calls), `torn@DescribeInstances=#2,#5` (the
second and fifth call of that action), `unavailable@DescribeVolumes=page3` (every call for the third page of
a region), `denied@eu-north-1=1` (every call of that region).
"""

import random
from dataclasses import dataclass

from benchmarks.stub.protocol import Call
from democloud.protocol import AwsError

_SERVICES = ("ec2", "monitoring", "sts", "ce", "autoscaling")
# The status and the code with which each of these services, in that order, refuses.
_REFUSALS = {
    "throttle": (
        (503, "RequestLimitExceeded"),
        (400, "Throttling"),
        (400, "Throttling"),
        (400, "LimitExceededException"),
        (400, "Throttling"),
    ),
    "unavailable": (
        (503, "Unavailable"),
        (500, "InternalServiceFault"),
        (503, "ServiceUnavailable"),
        (500, "InternalFailure"),
        (503, "ServiceUnavailable"),
    ),
    "expired": (
        (400, "RequestExpired"),
        (403, "ExpiredToken"),
        (403, "ExpiredToken"),
        (400, "ExpiredTokenException"),
        (403, "ExpiredToken"),
    ),
    "denied": (
        (403, "UnauthorizedOperation"),
        (403, "AccessDenied"),
        (403, "AccessDenied"),
        (400, "AccessDeniedException"),
        (403, "AccessDenied"),
    ),
}
TIMEOUT, TORN, PARTIAL = "timeout", "torn", "partial"
KINDS = (*_REFUSALS, TIMEOUT, TORN, PARTIAL)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault; `calls` are numbers of calls of one action since the last reset, from 1 on.

    `page` is that of a list of EC2's, from 1 on, whoever asks for it; 0 is none.
    """

    kind: str
    target: str = ""
    share: float = 0.0
    calls: frozenset[int] = frozenset()
    page: int = 0

    @classmethod
    def parse(cls, written: str) -> "Fault":
        """Read KIND[@TARGET]=WHEN. Raises: ValueError."""
        what, _, when = written.partition("=")
        kind, _, target = what.partition("@")
        if kind not in KINDS or not when:
            raise ValueError(f"{written!r} is no fault: KIND[@TARGET]=WHEN, KIND one of {', '.join(KINDS)}.")
        if when.startswith("#"):
            return cls(kind, target, calls=frozenset(int(number.lstrip("#")) for number in when.split(",")))
        if when.startswith("page"):
            return cls(kind, target, page=int(when.removeprefix("page")))
        return cls(kind, target, share=float(when))

    def strikes(self, call: Call, number: int, seed: int) -> bool:
        """Say whether it strikes the action's call of that number; the same for the same seed."""
        if self.target not in ("", call.action, call.region):
            return False
        if self.page:
            return self.page == _page(call)
        chance = random.Random(f"{seed}/{self.kind}/{call.action}/{number}")  # noqa: S311  # not for secrets
        return number in self.calls or chance.random() < self.share


def _page(call: Call) -> int:
    """Return which page of a list of EC2's is asked for, 0 for another question."""
    size = int(call.parameters.get("MaxResults") or 0)
    return int(call.parameters.get("NextToken") or 0) // size + 1 if size else 0


def refusal(kind: str, service: str) -> AwsError | None:
    """Return a refusal in the words of the service; None for faults that are no refusals."""
    if kind not in _REFUSALS or service not in _SERVICES:
        return None
    status, code = _REFUSALS[kind][_SERVICES.index(service)]
    return AwsError(code, f"The stub was told to answer {kind}.", status=status)
