"""Backup verification: the database is dumped, the dump stored, and restored from where it is stored."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import psycopg2
from django.conf import settings
from django.utils import timezone

from dbops import direct
from dbops.backups import binaries, contents, dump, restore, stores
from dbops.backups.attending import LONGEST_S, Beat, attended, nothing
from dbops.backups.binaries import Binaries
from dbops.backups.dump import Dumped
from dbops.backups.errors import BackupError, CutShortError, NotMadeError, told_apart
from dbops.models import BackupCheck

logger = logging.getLogger(__name__)

INTERRUPTED = "The verification was interrupted before its end."
_LOCK = "SELECT pg_advisory_lock(hashtextextended('backup verification', 0))"
_NAMED = 5


def verify(now: datetime, *, beat: Beat = nothing) -> BackupCheck:
    """Dump the database, restore the dump, compare, and keep what was found; one at a time.

    `beat` is called every few seconds; where it raises, everything ends with that. What is wrong with the
    backup is told in the row's `error` and raised nowhere. What cut the verification short is told there as
    well. Raises: NotMadeError where something was in the way that may pass.
    """
    check = BackupCheck.objects.create(started_at=now, target=settings.BACKUP_TARGET)
    try:
        with told_apart(), _alone(beat) as major:
            _clear_up(check)
            _Verification(check, binaries.matching(major), beat).do()
        check.is_verified, check.finished_at = True, timezone.now()
    except (BackupError, psycopg2.Error, OSError) as error:
        check.error, check.finished_at = _told(error), timezone.now()
        logger.warning("The backup %s is not verified: %s", check.target, check.error)
    except CutShortError as error:
        check.error, check.interrupted_at = str(error), timezone.now()
    except BaseException as error:
        check.error = str(error) if isinstance(error, NotMadeError) else INTERRUPTED
        check.interrupted_at = timezone.now()
        raise
    finally:
        check.save()
    return check


@contextmanager
def _alone(beat: Beat) -> Iterator[int]:
    """Wait until no other verification of this database is going on; yield the server's major version."""
    with direct.connect(statement_timeout_ms=LONGEST_S * 1000) as session, session.cursor() as cursor:
        # The session's own lock, so that it ends with the process that holds it; no pooler is in between.
        attended(partial(cursor.execute, _LOCK), beat, stop=session.cancel)
        yield session.server_version // 10_000


def _clear_up(check: BackupCheck) -> None:
    """End what verifications left that were killed: no other is going on."""
    others = BackupCheck.objects.filter(finished_at=None, interrupted_at=None).exclude(pk=check.pk)
    others.update(interrupted_at=timezone.now(), error=INTERRUPTED)
    restore.drop_leftovers()


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error).strip()


@dataclass
class _Verification:
    """One dump on its way there and back."""

    check: BackupCheck
    programs: Binaries
    beat: Beat

    def do(self) -> None:
        """Dump, store, fetch, restore and compare. Raises: BackupError, psycopg2.Error, OSError."""
        store, name = stores.chosen(), stores.name_of(self.check.started_at)
        self.check.target = store.address(name)
        expected = self._dump(store, name)
        try:
            with store.fetched(name, self.beat) as file:
                self._restore(file, expected)
                stores.prove(store, name, self._proof(file))
        finally:
            stores.prune(store)

    def _dump(self, store: stores.Store, name: str) -> Dumped:
        with stores.draft(name) as file:
            dumped = dump.write(file, self.programs, self.beat)
            self.check.size_bytes = file.stat().st_size
            self.check.dump_s = dumped.took_s
            self.check.tables = len(dumped.tables)
            self.check.rows = dumped.rows
            store.keep(file, name, self.beat)
        return dumped

    def _restore(self, file: Path, expected: Dumped) -> None:
        with restore.scratch_database() as database:
            self.check.restore_s = restore.load(file, database, self.programs, self.beat)
            tables, positions = restore.read(database, self.beat)
        self.check.differences = [
            *contents.differing_tables(expected.tables, tables),
            *contents.differing_sequences(expected.before, expected.after, positions),
        ]
        if self.check.differences:
            raise BackupError(_different(self.check.differences))

    def _proof(self, file: Path) -> dict[str, object]:
        with file.open("rb") as content:
            digest = attended(partial(hashlib.file_digest, content, "sha256"), self.beat)
        return {
            "sha256": digest.hexdigest(),
            "size_bytes": self.check.size_bytes,
            "tables": self.check.tables,
            "rows": self.check.rows,
            "verified_at": timezone.now().isoformat(),
        }


def _different(differences: contents.Differences) -> str:
    names = [each.get("table") or each["sequence"] for each in differences]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"What was restored is not what was dumped: {', '.join(names[:_NAMED])}{more}."
