"""What the overview tells at a glance: where the fleet is, and how fresh each source is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from analytics.models import Computation, Subject
from collectors.models import Instance
from collectors.quality.slots import SOURCES
from pipelines import standing
from pipelines.models import Run
from scaling.models import ManagedInstance

MOST_PLACES = 5
_RUNNING, _STOPPED = "running", "stopped"
_BILLING = "billing"
_TITLES = {
    "inventory": "Instances and volumes",
    "costs": "Costs",
    "cpu": "CPU by day",
    "samples": "Metric samples",
    _BILLING: "Billing files",
}
_COMPUTED = {
    Subject.FORECAST: "Forecasts of costs",
    Subject.LOAD_FORECAST: "Forecasts of load",
    Subject.ANOMALIES: "Anomalies",
    Subject.SAVINGS: "Savings",
    Subject.CARBON: "Carbon",
    Subject.SUSTAINABILITY: "Sustainability",
    Subject.BUDGETS: "Budgets",
}


# --- The fleet -------------------------------------------------------------------------------
@dataclass(slots=True)
class Count:
    """How many instances there are somewhere, and in which state."""

    name: str = ""
    running: int = 0
    stopped: int = 0
    others: int = 0

    def add(self, state: str, number: int) -> None:
        """Count so many in that state."""
        name = state if state in (_RUNNING, _STOPPED) else "others"
        setattr(self, name, getattr(self, name) + number)

    @property
    def total(self) -> int:
        return self.running + self.stopped + self.others


@dataclass(slots=True)
class Fleet:
    """The instances that the last scans found, and how many the autoscaler has."""

    all: Count = field(default_factory=Count)
    regions: dict[str, Count] = field(default_factory=dict)
    accounts: dict[str, Count] = field(default_factory=dict)
    managed: int = 0
    monitored: int = 0

    @property
    def largest_regions(self) -> list[Count]:
        return _largest(self.regions)

    @property
    def largest_accounts(self) -> list[Count]:
        return _largest(self.accounts)


def _largest(places: Mapping[str, Count]) -> list[Count]:
    return sorted(places.values(), key=lambda each: (-each.total, each.name))[:MOST_PLACES]


def fleet() -> Fleet:
    """Count the fleet, in two statements."""
    found = Fleet()
    for account, region, state, number in Instance.objects.present().counted():
        found.all.add(state, number)
        found.regions.setdefault(region, Count(region)).add(state, number)
        found.accounts.setdefault(account, Count(account)).add(state, number)
    managed = ManagedInstance.objects.counted()
    found.managed, found.monitored = managed["all"], managed["monitored"]
    return found


# --- Freshness -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Source:
    """When something was last there, how the last attempt went, and why there is nothing yet, or newer."""

    title: str
    at: datetime | None
    status: str
    reason: str


def sources(last: Mapping[str, Run | None]) -> list[Source]:
    """Tell of each source that is collected when it last was; `last` are the last runs by pipeline."""
    pipelines = {**SOURCES, _BILLING: _BILLING}
    succeeded = standing.last_successes(list(pipelines.values()))
    return [
        _collected(title, last.get(pipelines[name]), succeeded.get(pipelines[name]))
        for name, title in _TITLES.items()
    ]


def _collected(title: str, last: Run | None, success: Run | None) -> Source:
    at = success.finished_at if success else None
    return Source(title, at, last.status if last else "", "" if success else "it never was collected")


def computed() -> list[Source]:
    """Tell of all that is computed each night when it last was, or why not."""
    found = Computation.objects.all_standing()
    return [
        Source(title, told["computed_at"], "withheld" if told["reason"] else "ok", told["reason"] or "")
        for title, told in ((title, found[subject.value]) for subject, title in _COMPUTED.items())
    ]
