"""Starting, stopping and looking at the automation; whether it runs is in beat's table."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from dbops import schedule
from dbops.models import PoolEvent
from dbops.pool import choice
from dbops.pool.base import PoolError
from dbops.services import learning, maintaining
from pipelines.models import Run, Tick


@dataclass(frozen=True, slots=True)
class Switched:
    """Whether the automation runs now, and whether the call made a difference."""

    running: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Rhythm:
    """One schedule: when it last began, and when it is due next; None where it never is."""

    name: str
    enabled: bool
    last_run: datetime | None
    next_run: datetime | None


def switch(*, on: bool) -> Switched:
    """Enable all of the automation's schedules, or disable them; those that are missing are created."""
    schedule.ensure()
    with transaction.atomic():
        others = [row for row in schedule.rows(lock=True) if row.enabled != on]
        for row in others:
            row.enabled = on
            # Not a bare UPDATE: beat, the ledger and the audit log listen to what is saved.
            row.save()
    return Switched(running=on, changed=bool(others))


def status() -> dict[str, Any]:
    """Return what is shown of the automation: its schedules, the pool as it is now, and its last decision."""
    rows = schedule.rows()
    return {
        "running": bool(rows) and all(row.enabled for row in rows),
        "schedules": _rhythms(rows),
        "pool": _pool(),
        "thresholds": learning.thresholds(),
        "last_event": PoolEvent.objects.first(),
    }


def _rhythms(rows: Iterable[PeriodicTask]) -> list[Rhythm]:
    now = timezone.now()
    return [Rhythm(row.name, row.enabled, _last_run(row), _next_run(row, now)) for row in rows]


def _last_run(row: PeriodicTask) -> datetime | None:
    """Return when it last began; beat forgets that when a schedule is disabled."""
    if row.task in schedule.PERIODS:
        tick = Tick.objects.filter(name=row.task).first()
        return tick.claimed_at if tick else None
    real = Run.objects.filter(pipeline=schedule.MAINTENANCE).exclude(scope=maintaining.DRY_RUN)
    begun = real.filter(started_at__isnull=False)
    last = begun.order_by("-started_at").first()
    return last.started_at if last else None


def _next_run(row: PeriodicTask, now: datetime) -> datetime | None:
    if not row.enabled:
        return None
    due: datetime = now + row.schedule.remaining_estimate(row.last_run_at or row.start_time or now)
    # The estimate is made of a clock that went on meanwhile.
    return (due + timedelta(seconds=0.5)).replace(microsecond=0)


def _pool() -> dict[str, Any]:
    """Look at the pool; where it does not answer, say why in place of figures."""
    pool = choice.chosen()
    try:
        found, fixed = pool.read(), pool.why_fixed()
    except PoolError as error:
        unknown = {"size": None, "utilization": None, "waiting": None}
        return {"backend": pool.backend, **unknown, "reason": str(error)}
    known = {name: getattr(found, name) for name in ("backend", "size", "utilization", "waiting")}
    return {**known, **({"reason": fixed} if fixed else {})}
