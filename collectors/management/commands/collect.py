"""`manage.py collect`: starts a collection from a shell or a cron job.

Exit codes: 0 collected (or, without --wait, queued); 1 failed or cancelled; 2 wrong usage; 3 collected a
part; 4 not finished within --timeout.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console

from collectors import progress
from collectors.pipelines import SOURCES
from collectors.services import metrics
from core.api import ExactJSONRenderer
from pipelines import ledger
from pipelines.models import ACTIVE, Run, Status
from pipelines.params import DAILY
from pipelines.serializers import RunSerializer

CHOICES = (*SOURCES, metrics.PIPELINE)
EXIT_CODES = {"queued": 0, "succeeded": 0, "failed": 1, "cancelled": 1, "partial": 3, "running": 4}
_OF_ONE_KIND = ({Status.SUCCEEDED}, {Status.FAILED}, {Status.CANCELLED})


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError("must be a positive number of seconds")
    return seconds


def overall(statuses: Sequence[str]) -> str:
    """Return what runs come to together: running while one of them is, partial where they differ."""
    found = set(statuses)
    if found & set(ACTIVE):
        return Status.RUNNING.value
    return statuses[0] if found in _OF_ONE_KIND else Status.PARTIAL.value


class Command(BaseCommand):
    help = (
        "Collect from AWS. The workers do it; with --wait this command shows their progress, and its exit "
        "code says how it went: 0 succeeded, 1 failed or cancelled, 3 a part of it failed, 4 not finished in "
        "time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--source",
            action="append",
            choices=CHOICES,
            help="what to collect; may be repeated, taken in the order ec2, cost, cpu, metrics (default: the "
            "daily ETL, which takes the first three and what follows from them)",
        )
        parser.add_argument("--wait", action="store_true", help="wait for the end and show progress")
        parser.add_argument(
            "--timeout", type=_seconds, default=3600.0, metavar="SECONDS", help="of --wait; default 3600"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object to stdout")

    def handle(self, **options: Any) -> None:
        """Start the runs, wait where asked to, tell the outcome. Raises: CommandError without a database."""
        chosen = tuple(source for source in CHOICES if source in (options["source"] or SOURCES))
        wanted = [DAILY, *chosen[len(SOURCES) :]] if chosen[: len(SOURCES)] == SOURCES else chosen
        try:
            runs = self._collect(wanted, within_s=options["timeout"] if options["wait"] else None)
            status = overall([run.status for run in runs]) if options["wait"] else Status.QUEUED.value
            self._tell(runs, status, as_json=options["json"])
        except OperationalError as error:
            raise CommandError(
                f"The database does not answer; is `make run` running, or DATABASE_URL right?\n{error}"
            ) from error
        if EXIT_CODES[status]:
            sys.exit(EXIT_CODES[status])

    def _collect(self, pipelines: Sequence[str], *, within_s: float | None) -> list[Run]:
        """Start the pipelines; when waiting, each after the one before, since CPU needs the inventory."""
        runs = []
        for pipeline in pipelines:
            run = ledger.start(pipeline)
            if within_s is not None:
                progress.follow([run], Console(stderr=True, highlight=False), within_s=within_s)
                run.refresh_from_db()
            runs.append(run)
        return runs

    def _tell(self, runs: Sequence[Run], status: str, *, as_json: bool) -> None:
        if as_json:
            shown = {"status": status, "runs": RunSerializer(runs, many=True).data}
            self.stdout.write(ExactJSONRenderer().render(shown).decode())
            return
        for run in runs:
            counts = ", ".join(f"{count} {what}" for what, count in run.counts.items()) or "nothing counted"
            price = f"{run.aws_calls} AWS calls, ${run.aws_cost_usd}"
            self.stdout.write(f"{run}: {run.status}; " + (price if run.is_active else f"{counts}; {price}"))
            if run.error:
                self.stderr.write(run.error)
