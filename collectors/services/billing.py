"""The pipeline that reads billing files: a step a location, which adds one for each file to be read."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.db.models import Max, Min, QuerySet
from django.utils import timezone

from collectors.aws import metering
from collectors.billing import finding, reading, reconciling, storing
from collectors.billing.finding import Delivery
from collectors.billing.stores import Entry, Store, name_of, open_store, shortened
from collectors.models import BillingCost, BillingFile, FileState, QuarantinedLine
from collectors.services.access import RunMeter
from core.errors import InvalidInputError, LeaseLostError, PermanentCloudError
from pipelines import heartbeat, registry, retention, windows
from pipelines.models import Run, Status, Step
from pipelines.registry import Counts, Handler, Pipeline, PlannedStep, no_rows

PIPELINE = "billing"
RECONCILED = timedelta(days=62)
"""For how long after a day Cost Explorer's figures of it are compared anew: it restates two open months."""

TELL_EVERY_S = 3.0
_LONGEST_MANIFEST = 40
_LONGEST_FILE = 28


class BillingHandler(Handler):
    """Finds the files of each location, and reads those that are new."""

    def plan(self) -> Iterator[PlannedStep]:
        locations = dict.fromkeys(settings.BILLING_EXPORTS)
        return (PlannedStep(name_of(location), {"location": location}) for location in locations)

    def execute(self, step: PlannedStep) -> Counts:
        if "file" in step.payload:
            return self._read(BillingFile.objects.select_related("manifest").get(pk=step.payload["file"]))
        return self._discover(step.payload["location"])

    def _store(self, location: str) -> Store:
        meter = RunMeter(self._claim, None)
        return open_store(location, lambda client: metering.attach(client, meter))

    # --- Finding -----------------------------------------------------------------------------
    def _discover(self, location: str) -> Counts:
        with heartbeat.beating(self._claim):
            found = finding.look(self._store(location), location)
        with self._claim.writing(), storing.turn() as turn:
            run = self._claim.run
            versions = finding.note(turn, found, run, windows.asked(run))
        self._claim.add([*_broken(found), *(_step(location, version) for version in versions)])
        return turn.counts

    # --- Reading -----------------------------------------------------------------------------
    def _read(self, file: BillingFile) -> Counts:
        counts = no_rows() if self._was_stored(file) else self._tried(file)
        self._claim.note(**_outputs(file))
        return counts

    def _was_stored(self, file: BillingFile) -> bool:
        """Tell whether a worker that was lost has stored it before it could say so."""
        run = self._claim.run
        return file.run_id == run.pk and file.read_at is not None and file.read_at > run.created_at

    def _tried(self, file: BillingFile) -> Counts:
        try:
            return self._stored(file)
        except (InvalidInputError, PermanentCloudError) as error:
            self._fail(file, str(error))
            raise

    def _stored(self, file: BillingFile) -> Counts:
        lost = threading.Event()
        with (
            _scratch(self._claim.work.pk) as scratch,
            heartbeat.beating(self._claim, on_loss=lost.set),
        ):
            told = self._told(file, scratch, self._progress(lost))
            with self._claim.writing():
                return storing.store(file, told, run=self._claim.run, now=timezone.now())

    def _told(self, file: BillingFile, scratch: Path, on_progress: Callable[[float], None]) -> storing.Told:
        entry = Entry(file.etag, file.size, file.found_at)
        with (
            self._store(file.manifest.location).fetched(file.key, entry, scratch) as path,
            reading.read(
                path,
                now=timezone.now(),
                scratch=scratch,
                memory_mb=settings.BILLING_MEMORY_MB,
                on_progress=on_progress,
            ) as read,
        ):
            return storing.told(read, scratch)

    def _progress(self, lost: threading.Event) -> Callable[[float], None]:
        """Return what tells, every few seconds, how far reading is; it stops what nobody waits for."""
        last = -TELL_EVERY_S

        def tell(percent: float) -> None:
            nonlocal last
            if lost.is_set():
                raise LeaseLostError(f"{self._claim.work} was taken over by another worker.")
            if time.monotonic() - last >= TELL_EVERY_S:
                last = time.monotonic()
                self._claim.show(percent)

        return tell

    def _fail(self, file: BillingFile, error: str) -> None:
        """Note why a version cannot be read; one that counts already goes on to."""
        with self._claim.writing():
            known = BillingFile.objects.filter(pk=file.pk)
            known.update(error=error)
            known.filter(state=FileState.FOUND).update(state=FileState.FAILED)


def _broken(found: Delivery) -> Iterator[PlannedStep]:
    for key, error in found.broken.items():
        name = shortened(key.replace("/", ":"), _LONGEST_MANIFEST + _LONGEST_FILE)
        yield PlannedStep(f"{name_of(found.location)}/{name}", error=error)


def _step(location: str, file: BillingFile) -> PlannedStep:
    """Return the step that reads a version; its row's number makes the name the only one of its kind."""
    manifest = shortened(f"{file.manifest.export} {file.manifest.period_start}", _LONGEST_MANIFEST)
    name = shortened(PurePosixPath(file.key).name, _LONGEST_FILE)
    return PlannedStep(
        f"{name_of(location)}/{manifest.replace('/', ':')}/{name} #{file.pk}",
        {"file": file.pk},
        inputs={"key": file.key, "etag": file.etag, "size": file.size},
    )


@contextmanager
def _scratch(step_id: int) -> Iterator[Path]:
    """Make a folder for a step's files; remove it afterwards, and those of workers that were lost."""
    place: Path = settings.CLOUDINTEL_HOME / "billing-scratch"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [folder.name for folder in place.iterdir() if folder.name.isdecimal()]
    held = Step.objects.filter(pk__in=map(int, names), status=Status.RUNNING).values_list("pk", flat=True)
    for name in {str(step_id), *names} - {str(pk) for pk in held if pk != step_id}:
        shutil.rmtree(place / name, ignore_errors=True)
    folder = place / str(step_id)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _outputs(file: BillingFile) -> dict[str, object]:
    """Return what was read of a file, with the first and the last day that it tells of."""
    file.refresh_from_db()
    first, last = file.costs.aggregate(first=Min("date"), last=Max("date")).values()
    days = [first.isoformat(), last.isoformat()] if first else []
    return {"lines": file.lines, "quarantined": file.quarantined, "layout": file.layout, "days": days}


# --- The end of a run ------------------------------------------------------------------------
def conclude(run: Run) -> Counts:
    """Compare days with Cost Explorer's: those that files told of in this run, and the last two months'."""
    now = timezone.now()
    told = BillingCost.objects.filter(file__run=run).aggregate(first=Min("date"))["first"]
    since = min(filter(None, (now.date() - RECONCILED, told)))
    return Counts(reconciled=reconciling.reconcile(since, now))


def register() -> None:
    """Tell the ledger how billing files are read, and what becomes of those that were replaced."""
    registry.register(Pipeline(name=PIPELINE, handler=BillingHandler, conclude=conclude, queue="etl"))
    retention.register_rows("billing-files", "Replaced versions of billing files", _replaced)
    retention.register_rows("billing-quarantine", "Broken lines of billing files", _broken_lines)


def _kept(now: datetime) -> datetime:
    return now - timedelta(days=settings.RUN_RETENTION_DAYS)


def _replaced(now: datetime) -> QuerySet[BillingFile]:
    return BillingFile.objects.filter(state=FileState.SUPERSEDED, found_at__lt=_kept(now)).order_by("pk")


def _broken_lines(now: datetime) -> QuerySet[QuarantinedLine]:
    return QuarantinedLine.objects.filter(file__read_at__lt=_kept(now)).order_by("pk")
