"""What the rules are given and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from analytics.savings.reasons import Reason

Figure = float | int | str | None
Evidence = Mapping[str, Figure]


class Kind(StrEnum):
    """What is to be done about a resource."""

    IDLE = "idle"
    STOPPED = "stopped"
    UNATTACHED = "unattached"
    OVERSIZED = "oversized"
    FAMILY = "family"
    GENERATION = "generation"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance of the inventory. `since` is when it was first found in its state, None if nobody saw that.

    `lifecycle` is empty for on-demand, `scaling_group` (the tag aws:autoscaling:groupName) for one that is in
    none.
    """

    resource: str
    region: str
    instance_type: str
    state: str = "running"
    platform: str = ""
    lifecycle: str = ""
    scaling_group: str = ""
    since: datetime | None = None

    @property
    def hindrance(self) -> str:
        """Say why it is not changed by itself, whatever it does; empty where it can be."""
        if self.state != "running":
            return f"It is {self.state}."
        if self.scaling_group:
            return Reason(
                f"It is in the Auto Scaling group {self.scaling_group}, which decides about its instances.",
                "It is in an Auto Scaling group, which decides about its instances.",
            )
        return f"It is a {self.lifecycle} instance, whose price is another." if self.lifecycle else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A volume of the inventory. `since` is when it was first found in its state, None if nobody saw that."""

    resource: str
    region: str
    volume_type: str
    size_gib: int
    state: str = "in-use"
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """A saving. `to_type` is empty where nothing is to replace the resource, or to change its type.

    `coverage` is the share of the samples expected that there were, `confidence` as
    analytics.savings.confidence defines it; both 0 to 1. `monthly_usd` is None, with the reason among the
    notes, where a price is not known.
    """

    kind: Kind
    resource: str
    region: str
    from_type: str
    to_type: str = ""
    evidence: Evidence = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    coverage: float
    confidence: float
    monthly_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing is recommended, and why."""

    kind: Kind
    resource: str
    reason: str


Verdict = Recommendation | Withheld
