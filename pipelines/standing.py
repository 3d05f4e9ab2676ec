"""How things are: what ran last, what waits, who works, and how good and fresh the data are.

The number of queries does not depend on what is stored.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count

from pipelines import due, freshness, pending, quality, registry, workers
from pipelines.models import Run, Status, Step


def now_is(now: datetime) -> dict[str, Any]:
    """Return all that `GET /status` tells of this moment."""
    return {
        "pipelines": pipelines(now),
        "queue": _queue(now),
        "workers": workers.alive(now),
        "quality": quality.latest(),
        "freshness": freshness.current(now),
    }


def pipelines(now: datetime) -> list[dict[str, Any]]:
    """Return what is known of each pipeline: its last run, and when it is due next."""
    known, following = registry.every(), due.next_due(now)
    last = _last_runs([pipeline.name for pipeline in known])
    return [
        {
            "name": pipeline.name,
            "title": pipeline.title or pipeline.name,
            "last_run": last.get(pipeline.name),
            "next_due": following.get(pipeline.name),
        }
        for pipeline in known
    ]


def _last_runs(names: Sequence[str]) -> dict[str, Run]:
    """Return the last run of each pipeline, whatever its scope; a slot that was let pass is none."""
    return _latest(names, [status for status in Status.values if status != Status.SKIPPED])


def last_successes(names: Sequence[str]) -> dict[str, Run]:
    """Return the last run of each of these pipelines that succeeded, whatever its scope."""
    return _latest(names, [Status.SUCCEEDED.value])


def _latest(names: Sequence[str], statuses: Sequence[str]) -> dict[str, Run]:
    """Find each by the index of pipeline and key, in one statement: there may be very many runs."""
    table = Run._meta.db_table
    found = Run.objects.raw(
        f"SELECT last.* FROM unnest(%s) AS name, LATERAL (SELECT * FROM {table}"
        " WHERE pipeline = name AND status = ANY(%s) ORDER BY id DESC LIMIT 1) AS last",
        [list(names), list(statuses)],
    )
    return {run.pipeline: run for run in found}


def _queue(now: datetime) -> dict[str, Any]:
    """Count what a worker may take, and what workers have taken; a parent is neither."""
    waiting = pending.by_pipeline().values()
    taken = {"status": Status.RUNNING, "lease_until__isnull": False}
    counted = [work.objects.filter(**taken).aggregate(number=Count("pk")) for work in (Run, Step)]
    return {
        "queued": sum(each.number for each in waiting),
        "running": sum(each["number"] for each in counted),
        "oldest_age_s": max((each.age_s(now) for each in waiting), default=None),
    }
