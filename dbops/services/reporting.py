"""What became of the database in a period; what no row tells is null, with the reason."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Max, Min, Q, Sum

from alerts.models import Alert
from dbops.models import BackupCheck, Maintenance, Observation, Optimization, PoolEvent
from dbops.models.observations import ObservationQuerySet
from dbops.percentile import Percentile
from dbops.services.alarming import SOURCE
from dbops.services.maintenance_report import FAILED, SKIPPED
from dbops.services.recommending import costliest, counted

EVERY = timedelta(minutes=1)
STATEMENTS = 10
_DAY = timedelta(days=1)
_UNOBSERVED = "Nothing was observed in this period."
Section = dict[str, Any]


def report(start: datetime, end: datetime) -> dict[str, Section]:
    """Return the figures of the half-open period [start, end)."""
    seen = Observation.objects.between(start, end)
    sums = _sums(seen)
    return {
        "period": {"start": start, "end": end, "hours": (end - start) / timedelta(hours=1)},
        "coverage": _coverage(sums, start, end),
        "pool": _pool(sums),
        "health": _health(seen, sums),
        "statements": _statements(start, end),
        "cache": _cache(sums),
        "size": _size(seen),
        "scaling": _scaling(start, end),
        "alerts": _alerts(start, end),
        "backups": _backups(start, end),
        "maintenance": _maintenance(start, end),
    }


def _sums(seen: ObservationQuerySet) -> Section:
    return seen.order_by().aggregate(
        observations=Count("at"),
        first=Min("at"),
        last=Max("at"),
        average=Avg("utilization"),
        p95=Percentile("utilization", share=0.95),
        maximum=Max("utilization"),
        waiting=Count("at", filter=Q(waiting__gt=0)),
        smallest=Min("pool_size"),
        largest=Max("pool_size"),
        judged=Count("health"),
        health_average=Avg("health"),
        health_minimum=Min("health"),
        blocks_hit=counted("blocks_hit"),
        blocks_read=counted("blocks_read"),
        counted_s=Sum("period_s"),
    )


def _coverage(sums: Section, start: datetime, end: datetime) -> Section:
    """Tell how many of the minutes were observed."""
    expected = max(1, (end - start) // EVERY)
    seen = sums["observations"]
    missing = max(0, expected - seen)
    return {
        "observations": seen,
        "expected": expected,
        "share": min(1.0, seen / expected),
        "reason": f"{missing} of {expected} minutes were not observed." if missing else "",
    }


def _pool(sums: Section) -> Section:
    """Tell how much of the pool was used; a minute of waiting is one in whose observation clients waited."""
    is_known = sums["observations"] > 0
    return {
        "utilization": {name: sums[name] for name in ("average", "p95", "maximum")},
        "waiting_minutes": sums["waiting"] if is_known else None,
        "smallest_size": sums["smallest"],
        "largest_size": sums["largest"],
        "reason": "" if is_known else _UNOBSERVED,
    }


def _health(seen: ObservationQuerySet, sums: Section) -> Section:
    worst = seen.filter(health__isnull=False).order_by("health", "at").values_list("at", flat=True).first()
    reason = "" if sums["judged"] else "No observation in this period has a score."
    return {
        "average": sums["health_average"],
        "minimum": sums["health_minimum"],
        "minimum_at": worst,
        "reason": reason if sums["observations"] else _UNOBSERVED,
    }


def _statements(start: datetime, end: datetime) -> Section:
    """Tell which statements took most time; they are counted by whole hours."""
    slowest = [
        {
            "query_id": each.query_id,
            "query": each.query,
            "calls": each.calls,
            "mean_ms": each.mean_ms,
            "total_ms": each.total_ms,
        }
        for each in costliest(start, end, STATEMENTS)
    ]
    if slowest:
        return {"slowest": slowest, "reason": ""}
    return {"slowest": None, "reason": _why_no_statements(start, end)}


def _why_no_statements(start: datetime, end: datetime) -> str:
    latest = Observation.objects.between(start, end).only("queries").first()
    told = latest.queries.get("reason") if latest is not None else _UNOBSERVED
    return str(told or "No statement was counted in this period.")


def _cache(sums: Section) -> Section:
    """Tell the share of blocks that were found in memory, over all that was counted."""
    hit, read = sums["blocks_hit"], sums["blocks_read"]
    if hit is None or read is None or hit + read == 0:
        return {"hit": None, "blocks": None, "reason": "No block was counted in this period."}
    return {"hit": hit / (hit + read), "blocks": hit + read, "reason": ""}


def _size(seen: ObservationQuerySet) -> Section:
    """Tell how the database grew between the first observation and the last that know its size."""
    known = seen.filter(size__database_bytes__isnull=False).order_by("at").only("at", "size")
    first, last = known.first(), known.last()
    if first is None or last is None:
        return {"bytes": None, "growth_bytes": None, "growth_bytes_a_day": None, "reason": _UNOBSERVED}
    grown = last.size["database_bytes"] - first.size["database_bytes"]
    apart = last.at - first.at
    is_enough = apart >= timedelta(hours=1)
    return {
        "bytes": last.size["database_bytes"],
        "growth_bytes": grown if apart else None,
        "growth_bytes_a_day": grown / (apart / _DAY) if is_enough else None,
        "reason": "" if is_enough else "The observations are less than an hour apart: too little for a rate.",
    }


# --- What was done --------------------------------------------------------------------------------
def _scaling(start: datetime, end: datetime) -> Section:
    events = PoolEvent.objects.filter(timestamp__gte=start, timestamp__lt=end)
    by_action = events.order_by("action").values("action").annotate(number=Count("id"))
    applied = events.filter(applied=True).count()
    actions = {row["action"]: row["number"] for row in by_action}
    return {"applied": applied, "not_applied": sum(actions.values()) - applied, "by_action": actions}


def _alerts(start: datetime, end: datetime) -> Section:
    """Tell of the alerts on the database alone."""
    ours = Alert.objects.filter(source=SOURCE).order_by("opened_at")
    opened = ours.filter(opened_at__gte=start, opened_at__lt=end)
    still = ours.filter(opened_at__lt=end).exclude(resolved_at__lt=end)
    return {
        "opened": [
            {
                "key": alert.key,
                "severity": alert.severity,
                "title": alert.title,
                "opened_at": alert.opened_at,
                "resolved_at": alert.resolved_at,
            }
            for alert in opened
        ],
        "resolved": ours.filter(resolved_at__gte=start, resolved_at__lt=end).count(),
        "open_at_end": still.count(),
    }


def _backups(start: datetime, end: datetime) -> Section:
    checks = BackupCheck.objects.filter(finished_at__gte=start, finished_at__lt=end)
    verified = checks.filter(is_verified=True)
    number, good = checks.count(), verified.count()
    latest = verified.first()
    return {
        "verified": good,
        "failed": number - good,
        "latest_verified_at": None if latest is None else latest.finished_at,
        "restore_s": None if latest is None else latest.restore_s,
        "reason": "" if good else "No backup was restored and found equal in this period.",
    }


def _maintenance(start: datetime, end: datetime) -> Section:
    runs = Maintenance.objects.filter(timestamp__gte=start, timestamp__lt=end, dry_run=False)
    return {
        "runs": len(runs),
        "failed_tasks": _tasks(runs, FAILED),
        "skipped_tasks": _tasks(runs, SKIPPED),
        "optimizations": Optimization.objects.filter(at__gte=start, at__lt=end).count(),
    }


def _tasks(runs: Iterable[Maintenance], status: str) -> list[str]:
    """Name the tasks that came to that, each with its run."""
    return [
        f"{name} ({run.timestamp:%Y-%m-%d %H:%M})"
        for run in runs
        for name, task in run.tasks.items()
        if task.get("status") == status
    ]
