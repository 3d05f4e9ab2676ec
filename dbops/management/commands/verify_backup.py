"""`manage.py verify_backup`: dump the database, restore the dump, and say whether it is the same."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import TransientCloudError
from dbops import backups
from dbops.models import BackupCheck


class Command(BaseCommand):
    help = (
        "Dump the database to BACKUP_TARGET, restore the dump into a scratch database, compare all tables "
        "and drop it. Ends with exit code 1 when the backup could not be verified."
    )

    def handle(self, **options: Any) -> None:
        """Verify a new dump, and print what was found."""
        try:
            check = backups.verify(timezone.now())
        except TransientCloudError as error:
            raise CommandError(str(error)) from None
        for line in _lines(check):
            self.stdout.write(line)
        if not check.is_verified:
            self.stderr.write(f"error: {check.error}")
            sys.exit(1)


def _lines(check: BackupCheck) -> list[str]:
    told = {
        "dump": check.target,
        "size": None if check.size_bytes is None else f"{check.size_bytes:,} bytes",
        "written in": None if check.dump_s is None else f"{check.dump_s:.2f} s",
        "restored in": None if check.restore_s is None else f"{check.restore_s:.2f} s",
        "compared": None if check.rows is None else f"{check.tables} tables, {check.rows:,} rows",
        "verified": "yes" if check.is_verified else "no",
    }
    differences = [f"  differs: {each}" for each in check.differences]
    return [f"{name + ':':<13}{value}" for name, value in told.items() if value is not None] + differences
