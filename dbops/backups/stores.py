"""Where dumps are kept, each beside the proof that it could be restored once it could."""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from django.conf import settings

from dbops import direct
from dbops.backups import retention
from dbops.backups.attending import Beat
from dbops.backups.errors import BackupError
from dbops.backups.retention import Dump

logger = logging.getLogger(__name__)

PROOF = ".verified.json"
_DRAFT = ".partial"


class Store(Protocol):
    """A place for files by name; nobody reads one that is not whole."""

    def keep(self, draft: Path, name: str, beat: Beat) -> None:
        """Take over a file under its name."""

    def fetched(self, name: str, beat: Beat) -> AbstractContextManager[Path]:
        """Provide what is stored as a file, for as long as the block lasts."""

    def write(self, name: str, content: bytes) -> None:
        """Store a small file."""

    def names(self) -> Iterable[str]:
        """Return the names of all that is there."""

    def delete(self, name: str) -> None:
        """Delete one of them, if it is there."""

    def address(self, name: str) -> str:
        """Return where that is, as people are told."""


class Folder:
    """A folder of this machine, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, draft: Path, name: str, beat: Beat) -> None:
        draft.replace(self._made() / name)

    @contextmanager
    def fetched(self, name: str, beat: Beat) -> Iterator[Path]:
        yield self._folder / name

    def write(self, name: str, content: bytes) -> None:
        with private(self._made() / f".{name}{_DRAFT}") as draft:
            draft.write_bytes(content)
            draft.replace(self._folder / name)

    def names(self) -> Iterable[str]:
        return [path.name for path in self._made().iterdir() if path.is_file()]

    def delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def address(self, name: str) -> str:
        return str(self._folder / name)

    def _made(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder


@contextmanager
def private(file: Path) -> Iterator[Path]:
    """Create an empty file that its owner alone can read; it is gone afterwards, unless it was moved."""
    file.unlink(missing_ok=True)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


# --- Which -----------------------------------------------------------------------------------
def chosen() -> Store:
    """Return the store that BACKUP_TARGET names. Raises: BackupError."""
    target: str = settings.BACKUP_TARGET
    if "://" not in target:
        return Folder(folder())
    address = urlsplit(target)
    if address.scheme != "s3" or not address.netloc:
        raise BackupError(f"BACKUP_TARGET must be a folder or s3://bucket/prefix, not {target!r}.")
    from dbops.backups.s3 import Bucket  # noqa: PLC0415 - boto3 takes its time, and folders need none of it

    return Bucket(address.netloc, address.path.strip("/"))


def folder() -> Path:
    """Return the folder in which dumps are written: BACKUP_TARGET's, or one of ours where that is S3."""
    named = settings.BACKUP_TARGET if "://" not in settings.BACKUP_TARGET else "backups"
    found: Path = settings.CLOUDINTEL_HOME / Path(named).expanduser()
    return found


@contextmanager
def draft(name: str) -> Iterator[Path]:
    """Create an empty file to dump into; remove what killed dumps left."""
    place = folder()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in place.glob(f".*{_DRAFT}"):
        if _pattern().fullmatch(left.name.removeprefix(".").removesuffix(_DRAFT).removesuffix(PROOF)):
            left.unlink(missing_ok=True)
    with private(place / f".{name}{_DRAFT}") as file:
        yield file


# --- Names -----------------------------------------------------------------------------------
def name_of(moment: datetime) -> str:
    """Return the name of the dump of that moment."""
    return f"{_database()}-{moment.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}.dump"


def _database() -> str:
    return quote(direct.parameters()["dbname"], safe="")


def _pattern() -> re.Pattern[str]:
    return re.compile(rf"{re.escape(_database())}-\d{{8}}T\d{{6}}\.\d{{6}}Z\.dump")


# --- Keeping ---------------------------------------------------------------------------------
def prove(store: Store, name: str, proof: Mapping[str, Any]) -> None:
    """Write beside a dump what was found when it was restored."""
    store.write(f"{name}{PROOF}", f"{json.dumps(proof, indent=2)}\n".encode())


def dumps(store: Store) -> list[Dump]:
    """Return the dumps of this database that are there."""
    names = set(store.names())
    return [Dump(name, f"{name}{PROOF}" in names) for name in sorted(names) if _pattern().fullmatch(name)]


def prune(store: Store) -> None:
    """Delete the dumps beyond BACKUP_KEEP, and no other files."""
    for dump in retention.surplus(dumps(store), keep=settings.BACKUP_KEEP):
        # The proof goes first: a dump without one is only taken for less than it is.
        store.delete(f"{dump.name}{PROOF}")
        store.delete(dump.name)
        logger.info("Deleted the old dump %s", store.address(dump.name))
