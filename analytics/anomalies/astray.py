"""Incidents of metrics: alarms on an instance that follow close upon each other, and what is said of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.anomalies.quiet import is_quiet
from analytics.models import Anomaly, AnomalyKind
from collectors.models import Instance

_TITLES = {
    "cpu": "CPU",
    "memory": "Memory",
    "network_in": "Network in",
    "network_out": "Network out",
}
_PREFIXES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_NINES = 8.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a detector found: the value, what the metric usually had in the day before, and how odd it is.

    Percent or bytes; `usual` is the median, None where nothing was measured. `kind` says in which way.
    """

    metric: str
    at: datetime
    value: float
    usual: float | None
    score: float
    kind: str

    @property
    def direction(self) -> int:
        """1 for more than usual, -1 for less."""
        return -1 if self.usual is not None and self.value < self.usual else 1

    @property
    def moved(self) -> float:
        """Return how far it is from what is usual."""
        return abs(self.value - (self.usual or 0.0))

    @property
    def once_in(self) -> int:
        """Return in how many points so rare a deviation comes once, by what was seen."""
        return int(round(10 ** (_NINES * self.score), -3))

    def as_json(self) -> dict[str, Any]:
        """Return it as an incident's part."""
        shown = {name: getattr(self, name) for name in ("metric", "value", "usual", "score", "kind")}
        return {**shown, "at": self.at.isoformat().replace("+00:00", "Z")}


def sentence(instance: Instance, alarm: Alarm) -> str:
    """Say what the alarm was about, and how rare that is."""
    name = f"{instance.name} ({instance.instance_id})" if instance.name else instance.instance_id
    usual = "unknown" if alarm.usual is None else _amount(alarm.metric, alarm.usual)
    return (
        f"{_TITLES[alarm.metric]} of {name} at {_amount(alarm.metric, alarm.value)}, usually {usual}: "
        f"unusual {alarm.kind}, once in {alarm.once_in:,} points"
    )


def cause_of(instance: Instance, alarm: Alarm) -> str:
    """Write what feedback is about: a metric of an instance, and whether it was more or less."""
    return f"metric|{instance.pk}|{alarm.metric}|{alarm.direction}"


def keep(
    instance: Instance, alarm: Alarm, *, rest: timedelta, now: datetime, said: Mapping[str, float]
) -> None:
    """Add an alarm to the incident of its instance that goes on, or begin one; for a transaction.

    `said` is how much each cause had moved that people expect; an incident is expected while all its alarms
    are.
    """
    is_expected = is_quiet(alarm.moved, said.get(cause_of(instance, alarm)))
    recent = Anomaly.objects.metrics().open().filter(instance=instance, last_at__gt=alarm.at - rest)
    anomaly = recent.order_by("-last_at").first() or _begun(instance, alarm, is_expected, now)
    if anomaly.is_expected and not is_expected:
        anomaly.is_expected, anomaly.awaits_alert = False, True
    anomaly.parts.append(alarm.as_json())
    anomaly.last_at = max(anomaly.last_at, alarm.at)
    anomaly.days = (anomaly.last_at.date() - anomaly.first_at.date()).days + 1
    anomaly.save()


def _begun(instance: Instance, alarm: Alarm, is_expected: bool, now: datetime) -> Anomaly:  # noqa: FBT001
    return Anomaly(
        key=f"metric|{instance.pk}|{alarm.at.isoformat()}",
        cause=cause_of(instance, alarm),
        kind=AnomalyKind.METRIC,
        account=instance.account,
        region=instance.region,
        instance=instance,
        metric=alarm.metric,
        direction=alarm.direction,
        first_at=alarm.at,
        last_at=alarm.at,
        days=1,
        moved=alarm.moved,
        sentence=sentence(instance, alarm)[:500],
        is_expected=is_expected,
        awaits_alert=not is_expected,
        found_at=now,
    )


def _amount(metric: str, value: float) -> str:
    if metric in ("cpu", "memory"):
        return f"{value:.1f} %"
    size, unit = next(((size, unit) for size, unit in _PREFIXES if abs(value) >= size), (1.0, "bytes"))
    return f"{value / size:.1f} {unit}"
