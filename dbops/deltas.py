"""What was counted between two looks: pure arithmetic on counters that only grow, until they are reset."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dbops.catalogue import counters
from dbops.masking import is_upkeep
from dbops.readings import Counters, Queries, StatementFigures

SLOW_MS = 1_000
SLOWEST_SHOWN = 10
FIRST = "Nothing was stored before this look that it could be compared with."
RESET = "The counters were reset since the look before."
NO_TIME = "No time has passed since the look before."
LONG_AGO = "The look before was too long ago to tell what was lately."
LONGEST = timedelta(minutes=5)
"""What was counted for longer than this is no news of a minute: nobody looked for a while."""

CallsAndMs = Mapping[int, tuple[int, float]]
"""Calls and total milliseconds by query id."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the look before found: when, when the counters had been reset, and what they showed."""

    at: datetime
    since: datetime | None
    values: Mapping[str, int]


# --- Counters of the database ----------------------------------------------------------------
def counted(now: datetime, totals: counters.Totals, before: Before | None) -> Counters:
    """Return what was added since the look before; nulls with a reason where that cannot be told."""
    reason = _obstacle(now, totals, before)
    if reason or before is None:
        return unknown(reason, totals.since)
    grown = {name: value - before.values[name] for name, value in totals.values.items()}
    return _counters(grown, period_s=(now - before.at) / timedelta(seconds=1), since=totals.since)


def unknown(reason: str, since: datetime | None = None) -> Counters:
    """Return no figures, and why."""
    return _counters(dict.fromkeys(counters.NAMES), since=since, reason=reason)


def _counters(values: Mapping[str, Any], **others: Any) -> Counters:
    return Counters(**values, **{"period_s": None, **others})


def _obstacle(now: datetime, totals: counters.Totals, before: Before | None) -> str:
    if before is None or not totals.values.keys() <= before.values.keys():
        return FIRST
    if now <= before.at:
        return NO_TIME
    if now - before.at > LONGEST:
        return LONG_AGO
    # After a crash they begin anew without telling when.
    fell = any(value < before.values[name] for name, value in totals.values.items())
    return RESET if fell or totals.since != before.since else ""


def hit_share(counters: Counters) -> float | None:
    """Return the share of blocks that were found in memory; null where none were asked for, or unknown."""
    hit, read = counters.blocks_hit, counters.blocks_read
    if hit is None or read is None or hit + read == 0:
        return None
    return hit / (hit + read)


# --- Statements ------------------------------------------------------------------------------
def added(totals: CallsAndMs, before: CallsAndMs) -> dict[int, tuple[int, float]]:
    """Return the calls and milliseconds since the look before, of the statements that were called.

    One whose count fell was forgotten meanwhile, and counted from nothing again.
    """
    changes = {}
    for query_id, (calls, total_ms) in totals.items():
        calls_before, ms_before = before.get(query_id, (0, 0.0))
        if calls < calls_before:
            calls_before, ms_before = 0, 0.0
        if calls > calls_before:
            changes[query_id] = (calls - calls_before, max(0.0, total_ms - ms_before))
    return changes


def queries(changes: CallsAndMs, texts: Mapping[int, str], running_s: Iterable[float]) -> Queries:
    """Sum up what was called; what nobody waits for, such as maintenance, is no query that was slow."""
    running = list(running_s)
    calls = sum(calls for calls, _ in changes.values())
    total_ms = sum(ms for _, ms in changes.values())
    awaited = [_figures(query_id, change, texts.get(query_id, "")) for query_id, change in changes.items()]
    awaited = [each for each in awaited if not is_upkeep(each.query)]
    slow = sum(each.calls for each in awaited if each.mean_ms >= SLOW_MS)
    return Queries(
        calls=calls,
        mean_ms=total_ms / calls if calls else None,
        total_ms=total_ms,
        slow=slow + sum(seconds * 1000 >= SLOW_MS for seconds in running),
        response_s=max([*running, *(each.mean_ms / 1000 for each in awaited)], default=None),
        slowest=tuple(sorted(awaited, key=lambda each: -each.mean_ms)[:SLOWEST_SHOWN]),
    )


def _figures(query_id: int, change: tuple[int, float], text: str) -> StatementFigures:
    calls, total_ms = change
    return StatementFigures(str(query_id), text, calls, total_ms / calls, total_ms)


def unknown_queries(reason: str, running_s: Iterable[float]) -> Queries:
    """Return no figures of statements, and why; those that run were seen all the same."""
    return Queries(
        calls=None,
        mean_ms=None,
        total_ms=None,
        slow=None,
        # That nothing runs is known: nobody waits for an answer.
        response_s=max(running_s, default=0.0),
        reason=reason,
    )
