"""What becomes of a slot that nobody started in time: rules that are handed the time."""

from datetime import datetime, timedelta
from enum import StrEnum

# Beat asks at the slot's own moment and the repair every 15 seconds: what is later than this was missed.
ON_TIME = timedelta(minutes=1)


class Misfire(StrEnum):
    """Which of its missed slots a pipeline makes up for: none, the last one, or each."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


def reason_to_skip(
    slot: datetime, *, latest: datetime, policy: Misfire, grace: timedelta, now: datetime
) -> str:
    """Say why a due slot is let pass, when `latest` is the last one due; empty where it is to be started."""
    late = now - slot
    if policy is Misfire.SKIP and (slot < latest or late > ON_TIME):
        return f"Missed: {_seconds(late)} late, and the next slot is waited for."
    if policy is Misfire.LATEST and slot < latest and now - latest <= grace:
        return f"Missed; the slot of {latest:%Y-%m-%d %H:%M} UTC makes up for it."
    return f"Missed: found {_seconds(late)} late, and the grace is {grace}." if late > grace else ""


def _seconds(late: timedelta) -> timedelta:
    return late - late % timedelta(seconds=1)
