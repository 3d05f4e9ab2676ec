"""Which alerts incidents open, and when these are over."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from alerts import services as alerts
from alerts.models import Alert, Severity
from analytics.models import Anomaly, AnomalyKind

SOURCE = "anomalies"

CROWD = 10
"""Where more instances of an account's region are astray at once, one alert tells of all of them."""

SHORTEST = timedelta(hours=12)
"""An incident that was over when it was found has its alert for so long."""


def tell(now: datetime) -> None:
    """Open the alerts that are awaited, and resolve those whose incidents are over; for a transaction."""
    _open()
    _resolve(now)


def _open() -> None:
    fresh = Anomaly.objects.filter(awaits_alert=True, is_expected=False).select_related("account", "instance")
    told: dict[str, list[Anomaly]] = defaultdict(list)
    for anomaly in _named(list(fresh.order_by("pk"))):
        told[anomaly.alert_key].append(anomaly)
    # In one order, so that two runs cannot wait for each other.
    for key, anomalies in sorted(told.items()):
        title, body = _texts(key, anomalies)
        alerts.open(key, severity=Severity.WARNING, title=title, body=body, source=SOURCE)
    Anomaly.objects.bulk_update([each for group in told.values() for each in group], ["alert_key"])
    Anomaly.objects.filter(awaits_alert=True).update(awaits_alert=False)


def _resolve(now: datetime) -> None:
    held = Anomaly.objects.alerted(ended_after=now - SHORTEST).values("alert_key")
    over = Alert.objects.unresolved().filter(source=SOURCE).exclude(key__in=held)
    for key in over.order_by("key").values_list("key", flat=True):
        alerts.resolve(key, source=SOURCE)


# --- Keys ------------------------------------------------------------------------------------
def _named(fresh: Sequence[Anomaly]) -> Iterable[Anomaly]:
    """Give those an alert's key that have none: their own, or the crowd's."""
    crowded = _crowded(fresh)
    for anomaly in fresh:
        place = (anomaly.account_id, anomaly.region)
        if not anomaly.alert_key:
            is_one_of_many = anomaly.kind == AnomalyKind.METRIC and place in crowded
            anomaly.alert_key = _crowd_key(anomaly) if is_one_of_many else f"anomaly:{anomaly.pk}"
    return fresh


def _crowded(fresh: Sequence[Anomaly]) -> set[tuple[int, str]]:
    """Return the accounts' regions in which more metrics go astray than anybody would read of one by one."""
    fresh_ones = [each for each in fresh if each.kind == AnomalyKind.METRIC]
    accounts = {each.account_id for each in fresh_ones}
    going_on = Anomaly.objects.metrics().open().filter(account__in=accounts, is_expected=False)
    numbers: dict[tuple[int, str], int] = defaultdict(int)
    for place in going_on.values_list("account_id", "region"):
        numbers[place] += 1
    return {place for place, number in numbers.items() if number > CROWD}


def _crowd_key(anomaly: Anomaly) -> str:
    return f"anomalies:{anomaly.account.account_id}:{anomaly.region}"


# --- Texts -----------------------------------------------------------------------------------
def _texts(key: str, anomalies: Sequence[Anomaly]) -> tuple[str, str]:
    first = anomalies[0]
    if key.startswith("anomalies:"):
        title = f"Many instances in {first.region} of {first.account} are out of the ordinary"
        lines = [each.sentence for each in anomalies[:CROWD]]
        left = len(anomalies) - len(lines)
        return title, "\n".join([*lines, *([f"and {left} more"] if left else [])])
    if first.kind == AnomalyKind.METRIC:
        return f"Unusual load: {first.sentence}", f"Instance of account {first.account}, {first.region}."
    days = f"{first.first_at:%Y-%m-%d}" + (f" to {first.last_at:%Y-%m-%d}" if first.days > 1 else "")
    return f"Unusual cost: {first.sentence}", f"Account {first.account}, {days}."
