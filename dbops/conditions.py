"""When an alert on the database opens, rises, falls and ends; nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from dbops.readings import Reading

GB = 1024**3
"""As PostgreSQL counts it."""


class Level(IntEnum):
    """How bad it is; a higher number is worse."""

    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Above what a condition holds, and what its end takes.

    Source: the thresholds of the automation's description; those of locks and transaction ids are ours.
    """

    pool_warning: float = 0.80
    pool_critical: float = 0.95
    response_warning_s: float = 2
    response_critical_s: float = 5
    size_warning_bytes: float = 10 * GB
    size_critical_bytes: float = 50 * GB
    slow_queries_warning: float = 10
    blocking_warning_s: float = 30
    # Shares of the age at which PostgreSQL refuses to write.
    transaction_ids_warning: float = 0.5
    transaction_ids_critical: float = 0.8
    clear_share: float = 0.9
    """What counts as clear: below this share of the limit."""
    clear_looks: int = 3
    """So many looks in a row have to be clear."""


DEFAULT = Limits()


@dataclass(frozen=True, slots=True)
class Condition:
    """Something of which an alert is opened; `key` also names its figure."""

    key: str
    warning: float | None
    critical: float | None

    @property
    def lowest(self) -> float:
        """The limit from which on there is an alert."""
        limits = [limit for limit in (self.warning, self.critical) if limit is not None]
        return min(limits)


Figures = Mapping[str, float | None]
"""What one look found, by the key of the condition; null is unknown."""


def conditions(limits: Limits = DEFAULT) -> tuple[Condition, ...]:
    """Return all that is judged by a figure."""
    return (
        Condition("pool", limits.pool_warning, limits.pool_critical),
        Condition("response_time", limits.response_warning_s, limits.response_critical_s),
        Condition("size", limits.size_warning_bytes, limits.size_critical_bytes),
        Condition("slow_queries", limits.slow_queries_warning, None),
        Condition("blocking", limits.blocking_warning_s, None),
        Condition("transaction_ids", limits.transaction_ids_warning, limits.transaction_ids_critical),
    )


def figures(reading: Reading) -> Figures:
    """Return the figures of a reading. Clients that wait are in the pool's utilisation already."""
    size = reading.size
    return {
        "pool": None if reading.pool is None else reading.pool.utilization,
        "response_time": reading.queries.response_s,
        "size": size.database_bytes,
        "slow_queries": reading.queries.slow,
        "blocking": max((each.seconds for each in reading.blocking), default=0.0),
        "transaction_ids": size.xid_age / size.xid_limit if size.xid_limit else None,
    }


def level(condition: Condition, value: float | None) -> Level | None:
    """Return how bad a figure is by itself; what is unknown is not bad."""
    if value is None:
        return None
    if condition.critical is not None and value > condition.critical:
        return Level.CRITICAL
    if condition.warning is not None and value > condition.warning:
        return Level.WARNING
    return None


def judge(
    condition: Condition, window: Sequence[float | None], held: Level | None, limits: Limits = DEFAULT
) -> Level | None:
    """Return the level from now on; `window` ends with this look's figure, `held` is the level until now.

    It rises at once. It falls and ends when the latest `clear_looks` figures are all known and clear of the
    limit: a figure that swings around it changes nothing, and neither does one that is not known.
    """
    now = level(condition, window[-1]) if window else None
    if held is None or (now is not None and now >= held):
        return now
    if _is_clear(window, condition.lowest, limits):
        return None
    if held is Level.CRITICAL and condition.warning is not None and condition.critical is not None:
        return Level.WARNING if _is_clear(window, condition.critical, limits) else held
    return held


def _is_clear(window: Sequence[float | None], limit: float, limits: Limits) -> bool:
    latest = window[-limits.clear_looks :]
    below = [value is not None and value < limits.clear_share * limit for value in latest]
    return len(below) == limits.clear_looks and all(below)


def worst(levels: Sequence[Level | None]) -> Level | None:
    """Return the worst of them."""
    return max((each for each in levels if each is not None), default=None)
