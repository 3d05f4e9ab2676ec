"""The daily maintenance: a run of the ledger, of which each task can be interrupted and goes on.

Its steps are claimed by whichever worker is free. Deletions may happen side by side; statistics come after
them, then indexes, then the backup: a dump reads for long what rebuilding an index would have to wait for.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.models import User
from core.errors import CloudIntelError, NotYetError
from dbops import backups, schedule
from dbops.models import BackupCheck, Maintenance, MaintenanceNote
from dbops.readings import Index
from dbops.services import maintenance_report as report
from dbops.services import observing, recommending, reindexing, statistics
from pipelines import ledger, registry, retention
from pipelines.claims import Claim
from pipelines.heartbeat import beating, prolong
from pipelines.models import Run, Step
from pipelines.registry import Counts, Handler, Pipeline, PlannedStep
from pipelines.slots import Cron

logger = logging.getLogger(__name__)

DRY_RUN = "dry-run"
"""The scope of runs that only tell what they would do; the others have that of every schedule."""
ORDER = ("cleanup", "statistics", "indexes", "backups")
TURN_S = 1.0
"""For how long a step that is early is put back."""


class Verify(Protocol):
    """Makes a dump, restores and compares it."""

    def __call__(self, now: datetime, *, beat: Callable[[], None]) -> BackupCheck:
        """Call `beat` every few seconds, and end where it raises."""
        ...


@dataclass
class Neighbours:
    """What other parts of the automation do for the maintenance."""

    indexes: Callable[[datetime], Iterable[Index]]
    """The indexes whose bloat was estimated."""
    verify_backup: Verify
    advisers: list[Callable[[datetime], Iterable[str]]]
    """What is recommended, a sentence each."""


def _estimated(now: datetime) -> Iterable[Index]:
    size = observing.look(now).size
    return {
        index.name: index for index in (*size.indexes, *size.bloated) if isinstance(index, Index)
    }.values()


def _advised(now: datetime) -> Iterable[str]:
    return [f"{each.title}: {each.evidence}" for each in recommending.recommendations(now)]


neighbours = Neighbours(
    indexes=_estimated, verify_backup=backups.verify, advisers=[report.score, report.alerts, _advised]
)


def register() -> None:
    """Tell the ledger how the database is maintained, and when."""
    registry.register(
        Pipeline(
            name=schedule.MAINTENANCE,
            handler=MaintenanceHandler,
            conclude=conclude,
            cron=Cron("0 2 * * *", ZoneInfo("UTC")),
            title="Maintain the database",
            queue="maintenance",
        )
    )


def start(*, dry_run: bool = False, requested_by: User | None = None) -> Run:
    """Start a maintenance, or return the one that is active."""
    scope = DRY_RUN if dry_run else "all"
    return ledger.start(schedule.MAINTENANCE, scope=scope, requested_by=requested_by)


class MaintenanceHandler(Handler):
    """Does the maintenance's tasks, or tells what there is to do."""

    def plan(self) -> Iterator[PlannedStep]:
        yield from (PlannedStep(f"cleanup/{name}") for name in retention.every())
        yield from map(PlannedStep, ORDER[1:])

    def execute(self, step: PlannedStep) -> Counts:
        task, _, name = step.name.partition("/")
        if self._claim.run.scope == DRY_RUN:
            _tell(self._claim, _WOULD[task](name))
            return Counts()
        _await_turn(self._claim, task)
        return _DO[task](self._claim, name)


def _await_turn(claim: Claim, task: str) -> None:
    """Put the step back while earlier tasks are not done. Raises: NotYetError."""
    earlier = tuple(ORDER[: ORDER.index(task)])
    active = Step.objects.filter(run=claim.run).active().values_list("name", flat=True)
    if any(name.partition("/")[0] in earlier for name in active):
        raise NotYetError(TURN_S, f"{task} comes after {', '.join(earlier)}.")


def _tell(claim: Claim, told: dict[str, Any]) -> None:
    """Keep what the step has to report. Raises: LeaseLostError."""
    with claim.writing():
        MaintenanceNote.objects.update_or_create(run=claim.run, step=claim.step.name, defaults={"told": told})


# --- What there is to do ---------------------------------------------------------------------
def _would_clean(name: str) -> dict[str, Any]:
    found = retention.every()[name].count(timezone.now())
    return {"name": name, "records_found": found, "status": report.DRY}


def _would_analyse(_name: str) -> dict[str, Any]:
    tables = [{"table": each.name, "reason": each.reason} for each in statistics.stale()]
    return {"status": report.DRY, "tables": tables}


def _would_rebuild(_name: str) -> dict[str, Any]:
    left = [{"index": name, "reason": "left behind by a rebuild"} for name in reindexing.leftovers()]
    found, trouble = _to_rebuild()
    work = [{"index": name, "reason": reason} for name, reason in found.items()]
    return {"status": report.DRY, "indexes": [*left, *work]} | ({"reason": trouble} if trouble else {})


def _would_verify(_name: str) -> dict[str, Any]:
    return {"status": report.DRY}


def _to_rebuild() -> tuple[dict[str, str], str]:
    """Return why which index is to be rebuilt, and why it is not known which are bloated."""
    bloated, trouble = list[str](), ""
    try:
        bloated = reindexing.bloated(neighbours.indexes(timezone.now()))
    except (CloudIntelError, DatabaseError) as error:
        logger.warning("Bloated indexes are not rebuilt: %s", error)
        trouble = f"It is not known which indexes are bloated. {_first_line(error)}"
    return dict.fromkeys(bloated, "bloated") | dict.fromkeys(reindexing.broken(), "invalid"), trouble


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


# --- Doing it --------------------------------------------------------------------------------
def _clean(claim: Claim, name: str) -> Counts:
    cleaned = retention.clean(claim, retention.every()[name], timezone.now())
    told = {"name": name, "records_cleaned": cleaned.counts.total(), "status": report.DONE}
    _tell(claim, told | _skipped(cleaned.reason))
    return Counts()


def _skipped(reason: str) -> dict[str, str]:
    """Return what is told of a task that was not done, or in part, where there is a reason."""
    return {"status": report.SKIPPED, "reason": reason} if reason else {}


def _analyse(claim: Claim, _name: str) -> Counts:
    with beating(claim):
        refreshed = statistics.refresh()
    tables = [{"table": name, "status": report.DONE} for name in refreshed.analysed]
    for name, reason in refreshed.skipped.items():
        tables.append({"table": name, "status": report.SKIPPED, "reason": reason})
    _tell(claim, {"status": report.of_all(tables), "tables": tables})
    return Counts(tables_analysed=len(refreshed.analysed))


def _rebuild(claim: Claim, _name: str) -> Counts:
    """Rebuild one index after the other; what is left to do is kept, so that an interruption repeats none."""
    kept = claim.step.payload or _all_to_rebuild()
    left, done, trouble = list(kept["left"]), list(kept["done"]), kept.get("trouble", "")
    done += [each.as_json() for each in reindexing.drop_leftovers()]
    while left:
        with reindexing.session() as session, beating(claim, on_loss=session.cancel):
            rebuilt = reindexing.rebuild(left.pop(0), session)
        done.append(rebuilt.as_json())
        with claim.writing():
            claim.remember({"left": left, "done": done, "trouble": trouble}, Counts())
    _tell(claim, {"status": report.of_all(done), "indexes": done} | _skipped(trouble))
    return Counts(indexes_rebuilt=sum(each["status"] == report.DONE for each in done))


def _all_to_rebuild() -> dict[str, Any]:
    found, trouble = _to_rebuild()
    return {"left": list(found), "done": [], "trouble": trouble}


def _verify(claim: Claim, _name: str) -> Counts:
    check = neighbours.verify_backup(timezone.now(), beat=lambda: prolong(claim))
    _tell(claim, report.of_backup(check))
    return Counts(backups_verified=int(check.is_verified))


_WOULD: dict[str, Callable[[str], dict[str, Any]]] = {
    "cleanup": _would_clean,
    "statistics": _would_analyse,
    "indexes": _would_rebuild,
    "backups": _would_verify,
}
_DO: dict[str, Callable[[Claim, str], Counts]] = {
    "cleanup": _clean,
    "statistics": _analyse,
    "indexes": _rebuild,
    "backups": _verify,
}


# --- The report ------------------------------------------------------------------------------
def conclude(run: Run) -> Counts:
    """Store the run's report; whoever concludes it again replaces it."""
    now = timezone.now()
    notes = MaintenanceNote.objects.filter(run=run)
    told = dict(notes.values_list("step", "told"))
    tasks = report.tasks({step.name: step.error for step in run.steps.all()}, told)
    advice = [sentence for adviser in neighbours.advisers for sentence in _attempted(adviser, now)]
    Maintenance.objects.update_or_create(
        run=run,
        defaults={
            "timestamp": now,
            "dry_run": run.scope == DRY_RUN,
            "tasks": tasks,
            "recommendations": [*report.of_what_was_left_out(tasks), *advice],
        },
    )
    notes.delete()
    return Counts()


def _attempted(adviser: Callable[[datetime], Iterable[str]], now: datetime) -> list[str]:
    """Return the advice or, where it cannot be had, that it is missing: the report does without."""
    try:
        with transaction.atomic():
            return list(adviser(now))
    except (CloudIntelError, DatabaseError) as error:
        logger.warning("Advice is missing: %s", error)
        return [f"Advice is missing: {_first_line(error)}"]
