"""Where billing files are: a folder, or a bucket in S3."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings

from core.errors import InvalidInputError, PermanentCloudError, TransientCloudError

MOST_MANIFEST_BYTES = 10_000_000
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a file."""

    etag: str
    size: int
    modified: datetime


class Store(Protocol):
    """A location; its files are named by their paths in it."""

    def entries(self) -> dict[str, Entry]:
        """Return all files that are there."""

    def read(self, key: str) -> bytes:
        """Return a small file, such as a manifest."""

    def fetched(self, key: str, entry: Entry, scratch: Path) -> AbstractContextManager[Path]:
        """Provide that version of a file on this machine, for as long as the block lasts."""

    def address(self, key: str) -> str:
        """Return where that is, as people are told."""


def open_store(location: str, attach: Callable[[Any], None]) -> Store:
    """Return the store of a location; `attach` is called with its client, where it has one.

    Raises: InvalidInputError.
    """
    if "://" not in location:
        return Folder(settings.CLOUDINTEL_HOME / Path(location).expanduser())
    address = urlsplit(location)
    if address.scheme != "s3" or not address.netloc:
        raise InvalidInputError(f"BILLING_EXPORTS has folders and s3://bucket/prefix, not {location!r}.")
    from collectors.billing.s3 import Bucket  # noqa: PLC0415 - it takes its words from this module

    return Bucket(address.netloc, address.path.strip("/"), attach)


def name_of(location: str) -> str:
    """Return a location's name, in which there is no slash: it is the beginning of steps' names."""
    return shortened(re.sub(r"[:/]+", ":", location).strip(":"), _LONGEST_NAME)


def shortened(text: str, most: int) -> str:
    """Return the text, or its end with a digest of all of it, of at most so many characters."""
    if len(text) <= most:
        return text
    digest = sha256(text.encode()).hexdigest()[:8]
    return f"{digest}~{text[-(most - 9) :]}"


def replaced(address: str) -> InvalidInputError:
    """Return the error for a file that is not the version that was found."""
    return InvalidInputError(f"{address} was replaced after it had been found; the next run reads it.")


# --- Folders ---------------------------------------------------------------------------------
class Folder:
    """A folder that this machine sees; a file's etag is the moment it was written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entries(self) -> dict[str, Entry]:
        if not self._folder.is_dir():
            raise InvalidInputError(f"{self._folder} is not a folder.")
        with self._told(""):
            # A link that leads out of the folder is not followed.
            root = self._folder.resolve()
            files = [file for file in self._files() if file.resolve().is_relative_to(root)]
            return {file.relative_to(self._folder).as_posix(): _entry(file) for file in files}

    def _files(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self._folder, onerror=_raise):
            yield from (file for name in names if (file := Path(folder, name)).is_file())

    def read(self, key: str) -> bytes:
        with self._told(key), (self._folder / key).open("rb") as file:
            return file.read(MOST_MANIFEST_BYTES)

    @contextmanager
    def fetched(self, key: str, entry: Entry, scratch: Path) -> Iterator[Path]:
        """Read it in place; what was replaced meanwhile is not known to be whole."""
        self._expect(key, entry)
        yield self._folder / key
        self._expect(key, entry)

    def _expect(self, key: str, entry: Entry) -> None:
        with self._told(key):
            there = _entry(self._folder / key)
        if (there.etag, there.size) != (entry.etag, entry.size):
            raise replaced(self.address(key))

    def address(self, key: str) -> str:
        return str(self._folder / key)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Tell what the file system refuses, with the file's path."""
        address = self.address(key)
        try:
            yield
        except FileNotFoundError:
            raise InvalidInputError(f"{address} is not there any more.") from None
        except PermissionError:
            raise PermanentCloudError(f"{address} may not be read by CloudIntel's workers.") from None
        except OSError as error:
            raise TransientCloudError(f"{address} could not be read: {error.strerror}.") from None


def _raise(error: OSError) -> None:
    raise error


def _entry(file: Path) -> Entry:
    found = file.stat()
    return Entry(f"{found.st_mtime_ns:x}", found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
