"""`manage.py maintain_database`: starts the maintenance of the database from a shell.

Exit codes: 0 done (or, without --wait, queued); 1 failed or cancelled; 3 done in part; 4 not finished within
--timeout.
"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console

from collectors import progress
from core.api import ExactJSONRenderer
from dbops.models import Maintenance
from dbops.serializers.maintenance import MaintenanceReportSerializer
from dbops.services import maintaining
from pipelines.models import Run, Status

EXIT_CODES = {Status.SUCCEEDED: 0, Status.FAILED: 1, Status.CANCELLED: 1, Status.PARTIAL: 3}
NOT_FINISHED = 4


class Command(BaseCommand):
    help = (
        "Maintain the database: delete what is kept no longer, refresh statistics, rebuild indexes, verify a "
        "backup. The workers do it; with --wait the report is printed, as JSON, when it is done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        parser.add_argument("--wait", action="store_true", help="wait for the end and print the report")
        parser.add_argument(
            "--timeout", type=float, default=7200.0, help="of --wait, in seconds; default 7200"
        )

    def handle(self, **options: Any) -> None:
        """Start the run, and wait for it where asked to. Raises: CommandError without a database."""
        try:
            run = maintaining.start(dry_run=options["dry_run"])
            if not options["wait"]:
                self.stdout.write(f"{run}: {run.status}")
                return
            self._follow(run, within_s=options["timeout"])
        except OperationalError as error:
            raise CommandError(
                f"The database does not answer; is `make run` running, or DATABASE_URL right?\n{error}"
            ) from error
        if code := EXIT_CODES.get(Status(run.status), NOT_FINISHED):
            sys.exit(code)

    def _follow(self, run: Run, *, within_s: float) -> None:
        progress.follow([run], Console(stderr=True, highlight=False), within_s=within_s)
        run.refresh_from_db()
        report = Maintenance.objects.filter(run=run).first()
        if report is not None:
            self.stdout.write(ExactJSONRenderer().render(MaintenanceReportSerializer(report).data).decode())
        if run.error:
            self.stderr.write(run.error)
