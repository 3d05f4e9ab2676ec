"""What a maintenance run came to, in the words of its report."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from alerts.models import Alert
from dbops.models import BackupCheck, Maintenance, Observation

DONE, FAILED, SKIPPED, DRY = "success", "failed", "skipped", "dry_run"
GOOD_SCORE = 90
"""A health score below is worth a look."""
MOST_HISTORY = 30
NEVER = "No maintenance has ended yet; it runs every day at 2:00 UTC, or by POST maintenance/run."


def status() -> dict[str, Any]:
    """Return what the last maintenance that was no dry run did, and the history of all."""
    last = Maintenance.objects.filter(dry_run=False).first()
    told = {name: getattr(last, name, None) for name in ("timestamp", "tasks", "recommendations")}
    history = Maintenance.objects.all()[:MOST_HISTORY]
    return {**told, **({} if last else {"reason": NEVER}), "history": history}


def of_all(parts: Iterable[Mapping[str, Any]]) -> str:
    """Return what the parts of a task come to; it is skipped when all that was to be done was."""
    statuses = {part["status"] for part in parts}
    if FAILED in statuses:
        return FAILED
    return SKIPPED if statuses == {SKIPPED} else next(iter(statuses & {DRY}), DONE)


def of_backup(check: BackupCheck) -> dict[str, Any]:
    """Return what is told of a verification."""
    interrupted = check.outcome is BackupCheck.Outcome.INTERRUPTED
    told = {
        "status": SKIPPED if interrupted else DONE if check.is_verified else FAILED,
        "backups_verified": int(check.is_verified),
        "details": [
            {"id": check.pk, "target": check.target, "bytes": check.size_bytes, "restore_s": check.restore_s}
        ],
    }
    return told | ({"reason" if interrupted else "error": check.error} if check.error else {})


def tasks(errors: Mapping[str, str], told: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Put together what the steps told, and why those failed that told nothing, by the names of tasks."""
    return {
        "cleanup": _cleanup(errors, told),
        "indexes": _task("indexes", "indexes_optimized", errors, told),
        "statistics": _task("statistics", "tables_updated", errors, told),
        "backups": _backups(errors, told),
    }


def _cleanup(errors: Mapping[str, str], told: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    details: list[dict[str, Any]] = []
    for step, error in errors.items():
        task, _, name = step.partition("/")
        if task == "cleanup":
            failed = {"name": name, "status": FAILED, "error": error}
            details.append(failed if error else told.get(step, {"name": name, "status": DONE}))
    cleaned = sum(each.get("records_cleaned", 0) for each in details)
    found = sum(each.get("records_found", 0) for each in details)
    status = of_all(details)
    counted = {"records_cleaned": cleaned, "status": status, "details": details}
    return counted | ({"records_found": found} if status == DRY else {}) | _errors(details)


def _task(
    name: str, counted: str, errors: Mapping[str, str], told: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    if errors.get(name):
        return {counted: 0, "status": FAILED, "error": errors[name], "details": []}
    note = told.get(name, {"status": SKIPPED, "reason": "It was not reached."})
    details = note.get({"statistics": "tables"}.get(name, name), [])
    number = sum(each.get("status") == DONE for each in details)
    reason = {"reason": note["reason"]} if "reason" in note else {}
    return {counted: number, "status": note["status"], "details": details, **reason}


def _backups(errors: Mapping[str, str], told: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    nothing = {"backups_verified": 0, "details": []}
    if errors.get("backups"):
        return {**nothing, "status": FAILED, "error": errors["backups"]}
    return nothing | told.get("backups", {"status": SKIPPED, "reason": "It was not reached."})


def _errors(details: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    failed = [f"{each['name']}: {each['error']}" for each in details if each.get("error")]
    return {"error": " ".join(failed)} if failed else {}


# --- Recommendations -------------------------------------------------------------------------
def of_what_was_left_out(tasks: Mapping[str, Any]) -> Iterator[str]:
    """Recommend to look at what failed, or was in use again and again."""
    for name, task in tasks.items():
        left = [each for each in task["details"] if each.get("status") == SKIPPED]
        if task["status"] == FAILED:
            yield f"Find out why {name} failed, then run the maintenance again"
        elif left:
            yield f"{len(left)} of {name} were left out, each with a reason; the next run tries again"


def score(_now: datetime) -> Iterator[str]:
    """Recommend to look for bottlenecks where the database does badly, as far as that is known."""
    health = Observation.objects.exclude(health=None).values_list("health", flat=True).first()
    if health is not None and health < GOOD_SCORE:
        yield f"Performance score ({health}) below threshold - investigate bottlenecks"


def alerts(_now: datetime) -> Iterator[str]:
    """Recommend to look at the alerts while there are any."""
    if Alert.objects.unresolved().exists():
        yield "Review monitoring alerts for any patterns"
