"""What is deleted when its time is over; apps register theirs when Django starts.

Deleting is resumable by nature: whoever goes on looks for what is old, and what was deleted is not there.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection
from django.db.models import CompositePrimaryKey, QuerySet
from django.db.models.expressions import RawSQL

from core.sessions import AUTOMATION
from pipelines.claims import Claim
from pipelines.registry import Counts

logger = logging.getLogger(__name__)

MOST_ROWS = 5000
LOCK_TIMEOUT = "2s"
STATEMENT_TIMEOUT = "60s"
_REASONS = {
    "55P03": f"Somebody kept it locked for {LOCK_TIMEOUT}; the next run goes on.",
    "57014": f"A batch took more than {STATEMENT_TIMEOUT}; the next run goes on.",
}
"""What is said of PostgreSQL's error codes for a lock timeout and a statement timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How something is kept short.

    `count` says how much is over at a moment. `batches` deletes one batch each time it is asked for the
    next, in the transaction of whoever asks, and tells what it deleted.
    """

    name: str
    title: str
    count: Callable[[datetime], int]
    batches: Callable[[datetime], Iterator[Counts]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was deleted, by earlier tries too, and why not all of it, where something was in the way."""

    counts: Counts
    reason: str = ""


_retentions: dict[str, Retention] = {}


def register(retention: Retention) -> None:
    """Make a retention known under its name."""
    _retentions[retention.name] = retention


def every() -> dict[str, Retention]:
    """Return all of them by name."""
    return dict(_retentions)


def register_rows(name: str, title: str, old: Callable[[datetime], QuerySet[Any]]) -> None:
    """Have the rows deleted that `old` returns for a moment, the first of them first."""
    register(
        Retention(
            name=name,
            title=title,
            count=lambda now: old(now).count(),
            batches=lambda now: _delete_rows(old(now), f"{name.replace('-', '_')}_deleted"),
        )
    )


def _delete_rows(old: QuerySet[Any], what: str) -> Iterator[Counts]:
    is_composite = isinstance(old.model._meta.pk, CompositePrimaryKey)
    delete = _delete_by_place if is_composite else _delete_by_key
    while number := delete(old):
        yield Counts({what: number})


def _delete_by_key(old: QuerySet[Any]) -> int:
    keys = list(old.values_list("pk", flat=True)[:MOST_ROWS])
    old.filter(pk__in=keys).delete()
    return len(keys)


def _delete_by_place(old: QuerySet[Any]) -> int:
    """Delete rows by where they lie: PostgreSQL takes seconds to plan a long list of composite keys.

    No foreign key refers to such rows.
    """
    table = connection.ops.quote_name(old.model._meta.db_table)
    place = RawSQL(f"{table}.ctid", ())  # noqa: S611 - the model's own table
    places, values = old.values_list(place)[:MOST_ROWS].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({places}))", values)
        number: int = cursor.rowcount
    return number


def clean(claim: Claim, retention: Retention, now: datetime) -> Cleaned:
    """Delete what is over at `now` in batches, each in a transaction that only the claim's holder commits.

    The claim's work counts what was deleted, with each batch. Raises: LeaseLostError.
    """
    batches = retention.batches(now)
    try:
        while _next(claim, batches):
            pass
    except OperationalError as error:
        if (reason := _REASONS.get(getattr(error.__cause__, "pgcode", ""))) is None:
            raise
        logger.warning("%s is not all deleted: %s", retention.name, reason)
        return Cleaned(Counts(claim.work.counts), reason)
    return Cleaned(Counts(claim.work.counts))


def _next(claim: Claim, batches: Iterator[Counts]) -> bool:
    """Delete a batch and count it; tell whether there was one."""
    with claim.writing(), connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}';"
            f" SET LOCAL application_name = '{AUTOMATION}'"
        )
        batch = next(batches, None)
        if batch is not None:
            claim.remember(claim.step.payload, batch)
    return batch is not None
