"""Recommendations about statements, sessions, the pool, the server and the backups."""

import math
from collections.abc import Iterator
from datetime import timedelta

from dbops.advice import CRITICAL, INFO, WARNING, Known, Recommendation, Unknown, identifier
from dbops.wording import many, shortened, size

SLOW_MS = 1000
IDLE_S = 60
"""A transaction that idles for so long holds its locks for nothing."""
LOW_CACHE_HIT = 0.90
FEWEST_BLOCKS_READ = 100_000
"""Of fewer, most were read for the first time: 800 MB."""
OLD_TRANSACTION_IDS = 0.5
VERY_OLD_TRANSACTION_IDS = 0.8
MOST_CONNECTIONS = 0.8
FEWEST_OBSERVATIONS = 720
"""Half of a day's: of fewer minutes nothing is said about the pool's limits."""
SATURATED_MINUTES = 5
LOW_UTILIZATION = 0.3
VERIFIED_EVERY = timedelta(hours=26)
"""A day, and two hours for the run itself."""
_GENERIC_PLAN = 160000
"""The version from which on EXPLAIN takes a statement without the values of its parameters."""


# --- Statements -----------------------------------------------------------------------------------
def slow_statements(known: Known) -> Iterator[Recommendation | Unknown]:
    """Point at statements that took a second and more on average in the last day, or far more than before."""
    queries = known.reading.queries
    if queries.calls is None:
        yield Unknown("statements", queries.reason or "There is no count of statements yet.")
    for each in known.statements:
        if each.mean_ms >= SLOW_MS and is_planned(each.query):  # nobody waits for a VACUUM, or a dump
            yield Recommendation(
                title=f"Make statement {each.query_id} faster",
                severity=WARNING,
                evidence=(
                    f"{many(each.calls, 'call')} in the last day took {each.mean_ms:.0f} ms on average: "
                    f"{shortened(each.query)}"
                ),
                sql=explained(each.query, known.server.version),
                effect="Its plan tells what it waits for; an index or fresh statistics may spare it.",
            )
    for regression in queries.regressions:
        yield Recommendation(
            title=f"Find out why statement {regression.query_id} became slower",
            severity=WARNING,
            evidence=(
                f"{regression.mean_ms:.0f} ms on average in {regression.calls} calls, after "
                f"{regression.mean_before_ms:.0f} ms in {regression.calls_before} calls of the week before: "
                f"{shortened(regression.query)}"
            ),
            sql=explained(regression.query, known.server.version),
            effect="Its plan may have changed, or what it reads has grown.",
        )


def explained(query: str, version: int) -> str | None:
    """Return how to see the statement's plan; null where it is not one statement that is known as a whole."""
    bare = query.strip().rstrip(";")
    is_whole = not any(mark in bare for mark in (";", "?", "…"))
    if version < _GENERIC_PLAN or not is_whole or not is_planned(bare):
        return None
    return f"EXPLAIN (GENERIC_PLAN) {bare};"


def is_planned(query: str) -> bool:
    """Tell whether the statement is one that has a plan: no maintenance, change of the schema or copy."""
    words = query.lstrip("( \n").split(None, 1)
    return bool(words) and words[0].upper() in {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH"}


# --- Sessions -------------------------------------------------------------------------------------
def idle_in_transaction(known: Known) -> Iterator[Recommendation]:
    """Propose a limit for the role whose sessions idle in transactions."""
    for session in known.reading.connections.idle_in_transaction:
        if session.seconds < IDLE_S:
            continue
        role = known.roles.get(session.pid)
        limit = (
            f"ALTER ROLE {identifier(role)} SET idle_in_transaction_session_timeout = '{IDLE_S}s';"
            if role
            else None
        )
        yield Recommendation(
            title=f"End transactions that idle ({session.application or 'unnamed'}, pid {session.pid})",
            severity=WARNING,
            evidence=(
                f"It has idled in a transaction for {session.seconds:.0f} s"
                + (f" as role {role}" if role else "; its role is not known")
                + f"; before that: {shortened(session.query) or 'nothing'}"
            ),
            sql=limit,
            effect=(
                "New sessions of that role lose a transaction that idles for so long, with the locks and the "
                f"old rows that it keeps. SELECT pg_terminate_backend({session.pid}) ends this one."
            ),
        )


def max_connections(known: Known) -> Iterator[Recommendation]:
    """Propose more connections where they run out, or where the pool's maximum needs more than there are."""
    seen, allowed, pool = known.reading.connections, known.server.max_connections, known.reading.pool
    others = max(0, seen.total - round(pool.active + pool.idle)) if pool else seen.total
    needed = known.limits.maximum + others
    if seen.limit and seen.total > MOST_CONNECTIONS * seen.limit:
        wanted, why = seen.total / MOST_CONNECTIONS, f"{seen.total} of {seen.limit} connections are taken."
    elif pool and pool.backend == "pgbouncer" and needed > allowed:
        wanted = needed
        why = f"The pool may grow to {known.limits.maximum} beside {others} others; {allowed} are allowed."
    else:
        return
    number = 10 * math.ceil(wanted / 10) + 10
    yield Recommendation(
        title="Allow more connections, or share them",
        severity=WARNING,
        evidence=why,
        sql=f"ALTER SYSTEM SET max_connections = {number};",
        effect="Takes a restart of PostgreSQL, and some memory. With a pooler, fewer are needed.",
    )


# --- The pool -------------------------------------------------------------------------------------
def pool_limits(known: Known) -> Iterator[Recommendation | Unknown]:
    """Propose other limits where the pool was used up at its maximum, or idle at its minimum."""
    lately, limits = known.lately, known.limits
    if lately.observations < FEWEST_OBSERVATIONS or lately.p95_utilization is None:
        yield Unknown(
            "pool limits",
            f"{lately.observations} minutes of the last day were observed; it takes {FEWEST_OBSERVATIONS}.",
        )
        return
    told = f"In {lately.observations} observed minutes of the last day"
    if lately.saturated_at_maximum >= SATURATED_MINUTES:
        yield Recommendation(
            title="Raise the pool's maximum",
            severity=WARNING,
            evidence=f"{told}, a pool of {limits.maximum} was used up in {lately.saturated_at_maximum}.",
            sql=None,
            effect="POOL_MAX_SIZE lets it grow further; max_connections has to allow that.",
        )
    is_idle = lately.p95_utilization < LOW_UTILIZATION and lately.at_minimum == lately.observations
    if is_idle and limits.minimum > 1:
        yield Recommendation(
            title="Lower the pool's minimum",
            severity=INFO,
            evidence=(
                f"{told}, the pool had its minimum of {limits.minimum}, and used less than "
                f"{lately.p95_utilization:.0%} of it in 95 %."
            ),
            sql=None,
            effect="POOL_MIN_SIZE lets it shrink further, which frees connections of the server.",
        )


# --- The server -----------------------------------------------------------------------------------
def cache_hit(known: Known) -> Iterator[Recommendation | Unknown]:
    """Propose larger shared buffers, where much was read that they had no room for."""
    hit, read = known.lately.blocks_hit, known.lately.blocks_read
    if hit is None or read is None:
        yield Unknown("cache hit", "The blocks that were read in the last day were not counted.")
        return
    share = hit / (hit + read) if hit + read else 1.0
    buffers, whole = known.server.shared_buffers_bytes, known.reading.size.database_bytes
    if read < FEWEST_BLOCKS_READ or share >= LOW_CACHE_HIT or buffers >= whole:
        return
    yield Recommendation(
        title="Give PostgreSQL more shared buffers",
        severity=WARNING,
        evidence=(
            f"{share:.1%} of {hit + read:,} blocks of the last day were found in memory; shared_buffers is "
            f"{size(buffers)}, the database is {size(whole)}."
        ),
        sql=None,
        effect=(
            "Fewer reads from disk. A quarter of the machine's memory is usual; how much that is is unknown "
            "here: ALTER SYSTEM SET shared_buffers, then restart PostgreSQL."
        ),
    )


def transaction_ids(known: Known) -> Iterator[Recommendation]:
    """Propose to freeze old rows before transaction ids run out."""
    seen = known.reading.size
    share = seen.xid_age / seen.xid_limit if seen.xid_limit else 0
    if share > OLD_TRANSACTION_IDS:
        yield Recommendation(
            title="Freeze old rows",
            severity=CRITICAL if share > VERY_OLD_TRANSACTION_IDS else WARNING,
            evidence=f"The oldest transaction id is {seen.xid_age:,} old, of {seen.xid_limit:,}.",
            sql="VACUUM (FREEZE);",
            effect="Makes old transaction ids usable again. PostgreSQL refuses to write when they run out.",
        )


# --- Backups --------------------------------------------------------------------------------------
def backups(known: Known) -> Iterator[Recommendation]:
    """Ask for a check where none was passed for more than a day."""
    checks = known.checks
    if checks.verified_at is not None and known.now - checks.verified_at <= VERIFIED_EVERY:
        return
    if checks.verified_at is None:
        told = "No backup was ever restored and found equal."
    else:
        hours = (known.now - checks.verified_at) / timedelta(hours=1)
        told = f"The last backup that was restored and found equal is {hours:.0f} hours old."
    failed = f" The latest check failed: {checks.latest_error}" if checks.latest_error else ""
    yield Recommendation(
        title="Have a backup verified",
        severity=CRITICAL if checks.latest_error else WARNING,
        evidence=told + failed,
        sql=None,
        effect="POST /api/v1/database/automation/maintenance/run dumps, restores and compares.",
    )


RULES = (
    slow_statements,
    idle_in_transaction,
    max_connections,
    pool_limits,
    cache_hit,
    transaction_ids,
    backups,
)
