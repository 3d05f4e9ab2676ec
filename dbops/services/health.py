"""The health of the database, with what is known of its backups."""

from datetime import datetime

from dbops import judging
from dbops.models import BackupCheck
from dbops.readings import Health, Reading


def health(reading: Reading, now: datetime) -> Health:
    """Judge a reading."""
    return judging.health(reading, backup=latest_check(), now=now)


def latest_check() -> BackupCheck | None:
    """Return the latest check of a backup that came to an end."""
    return BackupCheck.objects.filter(finished_at__isnull=False).first()
