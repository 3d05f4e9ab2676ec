"""Who is connected, what they do, and who waits for whom."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbops import direct
from dbops.catalogue.glance import Glance
from dbops.masking import is_upkeep, masked
from dbops.readings import Blocked, Connections, Session

SHOWN = 20
"""So many sessions of each kind are told of, the longest first."""

_CLIENTS = "(backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL)"
"""Of other roles' sessions only pg_read_all_stats sees the type; autovacuum and its like have no role."""

_SESSIONS = f"""
    SELECT pid, {_CLIENTS} AS is_client, datname = current_database() AS is_here,
        coalesce(application_name, '') AS application, coalesce(state, 'unknown') AS state,
        wait_event_type = 'Lock' AS waits,
        extract(epoch FROM clock_timestamp() - xact_start)::float8 AS transaction_s,
        extract(epoch FROM clock_timestamp() - query_start)::float8 AS query_s,
        extract(epoch FROM clock_timestamp() - state_change)::float8 AS state_s,
        CASE WHEN datname = current_database() AND state <> 'idle' THEN query END AS query
    FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND ({_CLIENTS} OR wait_event_type = 'Lock')"""

_WAITING = """
    WITH waits AS MATERIALIZED (
        SELECT pid, min(waitstart) AS since FROM pg_locks WHERE NOT granted AND pid = ANY(%s) GROUP BY pid
    )
    SELECT pid, pg_blocking_pids(pid) AS blocked_by,
        extract(epoch FROM clock_timestamp() - since)::float8 AS seconds
    FROM waits"""

_LIMIT = "SELECT current_setting('max_connections')::int AS value"


@dataclass(frozen=True, slots=True)
class Activity:
    """What goes on: sessions of the whole server, chains of waiting, the longest answer awaited here."""

    connections: Connections
    blocking: tuple[Blocked, ...]
    running_s: tuple[float, ...]
    running: Session | None
    """The one that has been awaited longest."""


def read(glance: Glance) -> Activity:
    """Look at the sessions, but for that which looks."""
    sessions = glance.rows(_SESSIONS)
    (limit,) = glance.rows(_LIMIT)
    clients = [each for each in sessions if each.is_client]
    awaited = sorted((each for each in clients if _is_awaited(each)), key=_query_s, reverse=True)
    return Activity(
        connections=_connections(clients, limit.value),
        blocking=_blocking(glance, sessions),
        running_s=tuple(map(_query_s, awaited)),
        running=_session(awaited[0], _query_s(awaited[0])) if awaited else None,
    )


def _connections(clients: Sequence[Any], limit: int) -> Connections:
    # A dump keeps its snapshot in a transaction that is idle for as long as the dump is written.
    others = [each for each in clients if each.application != direct.NAME]
    idle = [each for each in others if each.is_here and each.state.startswith("idle in transaction")]
    return Connections(
        by_state=dict(Counter(each.state for each in clients)),
        total=len(clients),
        limit=limit,
        longest_transaction_s=_longest(each.transaction_s for each in others),
        longest_query_s=_longest(each.query_s for each in others if each.state == "active"),
        idle_in_transaction=tuple(
            _session(each, _idle_s(each)) for each in sorted(idle, key=_idle_s, reverse=True)[:SHOWN]
        ),
    )


def _longest(seconds: Iterable[float | None]) -> float | None:
    return max((each for each in seconds if each is not None), default=None)


def _idle_s(session: Any) -> float:
    return float(session.state_s or 0)


def _query_s(session: Any) -> float:
    return float(session.query_s or 0)


def _session(session: Any, seconds: float) -> Session:
    return Session(
        pid=session.pid,
        application=session.application,
        state=session.state,
        seconds=seconds,
        query=masked(session.query or ""),
    )


def _is_awaited(session: Any) -> bool:
    """Tell whether somebody waits for the answer to what this session runs."""
    runs = session.is_here and session.state == "active" and session.query_s is not None
    return runs and session.application != direct.NAME and not is_upkeep(masked(session.query or ""))


# --- Blocking --------------------------------------------------------------------------------
def _blocking(glance: Glance, sessions: Sequence[Any]) -> tuple[Blocked, ...]:
    """Ask who blocks those that wait for a lock; not of the others, since it halts the lock manager."""
    by_pid = {each.pid: each for each in sessions}
    waiting = [each.pid for each in sessions if each.waits and each.is_here]
    if not waiting:
        return ()
    found = [each for each in glance.rows(_WAITING, [waiting]) if each.blocked_by]
    ends = roots({each.pid: each.blocked_by for each in found})
    chains = [_blocked(each, by_pid, ends[each.pid]) for each in found]
    return tuple(sorted(chains, key=lambda each: each.seconds, reverse=True)[:SHOWN])


def _blocked(wait: Any, by_pid: Mapping[int, Any], root: int) -> Blocked:
    end = by_pid.get(root)
    return Blocked(
        pid=wait.pid,
        seconds=wait.seconds if wait.seconds is not None else by_pid[wait.pid].query_s or 0.0,
        query=masked(by_pid[wait.pid].query or ""),
        blocked_by=tuple(sorted(set(wait.blocked_by))),
        root=root,
        root_application=end.application if end else "",
        root_state=end.state if end else "prepared transaction" if root == 0 else "unknown",
        root_query=masked(end.query or "") if end else "",
    )


def roots(blocked_by: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Return the pid at the end of each chain; where it is a circle, the lowest pid of that."""
    return {pid: _root(pid, blocked_by) for pid in blocked_by}


def _root(pid: int, blocked_by: Mapping[int, Sequence[int]]) -> int:
    passed: list[int] = []
    while pid in blocked_by and pid not in passed:
        passed.append(pid)
        # Of several, one that waits for nobody: others may only stand before it in the queue.
        pid = min(blocked_by[pid], key=lambda each: (each in blocked_by, each))
    return min(passed[passed.index(pid) :]) if pid in passed else pid
