"""The attempts at a piece of work: those that ended otherwise than well are kept in its row.

They are added by the statement that ends them, by the database's clock: what ends well costs nothing, and no
attempt ends without its entry.
"""

from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any

from django.db.models import Case, DateTimeField, F, Func, IntegerField, JSONField, TextField, Value, When
from django.db.models.functions import Cast, JSONObject, Now
from django.db.models.lookups import GreaterThanOrEqual

from pipelines.models import Status, Work

MAX_LOST_WORKERS = 4
"""Work that loses so many is given up: it may be what kills them."""

MOST_KEPT, MOST_TEXT = 20, 1000
_ENDED_WELL = (Status.RUNNING, Status.SUCCEEDED)


class Ending(StrEnum):
    """How an attempt ended after which the work waits for another one."""

    RETRIED = "retried"
    INTERRUPTED = "interrupted"
    LOST = "lost"
    GIVEN_BACK = "given back"


def ended(outcome: str, *, error: str = "", not_before: datetime | None = None) -> Case:
    """Return the history with the present attempt in it, for the UPDATE that ends it.

    What no worker has at the moment is not being attempted, and its history stays as it is.
    """
    entry = JSONObject(
        attempt=F("attempt"),
        started_at=F("claimed_at"),
        ended_at=Now(),
        worker=F("worker"),
        outcome=_text(outcome),
        error=_text(error[:MOST_TEXT]),
        not_before=Cast(Value(not_before), DateTimeField()),
    )
    longer = _json(_room(), entry, template="(%(expressions)s)", arg_joiner=" || ")
    return Case(When(status=Status.RUNNING, then=longer), default=F("history"))


def _room() -> Case:
    """Return the history without its first entry where it is full."""
    length = Func(F("history"), function="jsonb_array_length", output_field=IntegerField())
    without_first = _json(F("history"), template="(%(expressions)s - 0)")
    return Case(When(GreaterThanOrEqual(length, MOST_KEPT), then=without_first), default=F("history"))


def _json(*parts: Any, **form: str) -> Func:
    return Func(*parts, output_field=JSONField(), **form)


def _text(value: str) -> Cast:
    return Cast(Value(str(value)), TextField())


def first_began(work: Work, since: datetime) -> datetime:
    """Return when the first of the present attempts began, which are one after the other since the last end.

    `since` is when the attempt that is going on began.
    """
    again = set(Ending)
    in_a_row = takewhile(lambda entry: entry["outcome"] in again, reversed(work.history))
    began = [datetime.fromisoformat(entry["started_at"]) for entry in in_a_row if entry["started_at"]]
    return min(began, default=since)


def attempts(work: Work) -> list[dict[str, Any]]:
    """Return the attempts that are kept, the oldest first, with the one that is going on or ended well."""
    kept = [{**entry, **_moments(entry)} for entry in work.history]
    told = bool(kept) and kept[-1]["attempt"] >= work.attempt
    return kept if told or not work.attempt or work.status == Status.QUEUED else [*kept, _last(work)]


def _moments(entry: dict[str, Any]) -> dict[str, datetime | None]:
    read = {name: entry[name] for name in ("started_at", "ended_at", "not_before")}
    return {name: datetime.fromisoformat(text) if text else None for name, text in read.items()}


def _last(work: Work) -> dict[str, Any]:
    """Return the attempt that the row itself tells of."""
    return {
        "attempt": work.attempt,
        "started_at": work.claimed_at,
        "ended_at": work.finished_at,
        "worker": work.worker,
        "outcome": work.status,
        "error": "" if work.status in _ENDED_WELL else work.error,
        "not_before": None,
    }
