"""Collects the days of the past that somebody asks for."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.conf import settings

from accounts.models import User
from collectors.services import budget, history
from core.errors import InvalidInputError
from pipelines import ledger
from pipelines.errors import RunConflictError
from pipelines.models import Run

PIPELINE = "backfill"


def usual_sources() -> list[str]:
    """Return what is read where nobody says otherwise: what has a past, from where there is something."""
    return ["cost", "cpu", *(["billing"] if settings.BILLING_EXPORTS else [])]


def start(first: date, end: date, sources: Sequence[str], *, by: User) -> Run:
    """Start reading the days in the half-open range [first, end), or return the run that does already.

    Raises: InvalidInputError for days that nobody can read; RunConflictError where the run that reads these
    days leaves out one of the sources, which would never be read.
    """
    check(first, end, sources, today=budget.today())
    days = {"start": first.isoformat(), "end": end.isoformat()}
    scope = f"{first}..{end}"
    wanted = {**days, "sources": list(sources)}
    run = ledger.start(PIPELINE, scope=scope, requested_by=by, params=wanted)
    if left_out := [source for source in sources if source not in run.params["sources"]]:
        raise RunConflictError(run, f"is reading these days already, without {', '.join(left_out)}.")
    return run


def check(first: date, end: date, sources: Sequence[str], *, today: date) -> None:
    """Accept days of the past that one of the sources still knows, today included.

    Raises: InvalidInputError naming what is wrong.
    """
    if first >= end:
        raise InvalidInputError(f"start ({first}) must be before end ({end}), which is exclusive.")
    if end > today + timedelta(days=1):
        raise InvalidInputError(
            f"end ({end}) is exclusive and may be {today + timedelta(days=1)} at the latest."
        )
    kept = {source: history.KEPT.get(source) for source in sources}
    if all(span is not None and first < today - span for span in kept.values()):
        told = ", ".join(f"{source} {today - history.KEPT[source]}" for source in sources)
        raise InvalidInputError(f"start ({first}) lies before what is kept; the first days are: {told}.")
