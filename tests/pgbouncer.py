"""A real PgBouncer before the tests' PostgreSQL."""

import os
import pwd
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.db import connections

from cloudintel_project import processes

BINARY = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
WITHOUT = "pgbouncer is not installed (apt-get install pgbouncer)"
needed = pytest.mark.skipif(BINARY is None, reason=WITHOUT)


class PgBouncer:
    """One that serves the tests' database, or another, with that many connections."""

    def __init__(
        self,
        folder: Path,
        *,
        size: int,
        own_size: int | None = None,
        database: str = "",
        connect_query: str = "",
    ) -> None:
        self._server = urlsplit(os.environ["DATABASE_URL"])
        self.database = database or connections["default"].settings_dict["NAME"]
        self.password = secrets.token_hex(16)
        self.port = processes.free_port()
        self._folder = folder
        self._size = size
        self._own = f" pool_size={own_size}" if own_size else ""
        self._own += f" connect_query='{connect_query}'" if connect_query else ""
        self.child: processes.Child | None = None

    @property
    def admin_url(self) -> str:
        return f"postgresql://admin:{self.password}@127.0.0.1:{self.port}/pgbouncer"

    @property
    def url(self) -> str:
        """The address of the database through the pool."""
        server = self._server
        return f"postgresql://{server.username}:{server.password}@127.0.0.1:{self.port}/{self.database}"

    def start(self) -> "PgBouncer":
        self._write()
        self.child = processes.Child(self._program())
        deadline = time.monotonic() + 10
        while not self._answers():
            if self.child.exit_code() is not None or time.monotonic() > deadline:
                raise RuntimeError("\n".join(processes.last_lines(self.child.program.log)))
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        if self.child is not None:
            processes.stop([self.child], within_s=5)
            self.child = None

    def ask(self, command: str) -> list[tuple[object, ...]]:
        """Ask the console, as a person would who changes something by hand."""
        session = psycopg2.connect(self.admin_url, connect_timeout=2)
        try:
            session.autocommit = True
            cursor = session.cursor()
            cursor.execute(command)
            return cursor.fetchall() if cursor.description else []
        finally:
            session.close()

    def connections(self) -> int:
        """How many connections to the server it holds, busy or not."""
        (row,) = [row for row in self.ask("SHOW DATABASES") if row[0] == self.database]
        return int(str(row[10]))

    def _answers(self) -> bool:
        try:
            self.ask("SHOW VERSION")
        except psycopg2.OperationalError:
            return False
        return True

    def _write(self) -> None:
        server = self._server
        self._keep("users.txt", f'"{server.username}" "{server.password}"\n"admin" "{self.password}"\n')
        self._keep(
            "pgbouncer.ini",
            f"""
            [databases]
            {self.database} = host={server.hostname} port={server.port}{self._own}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {self.port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {self._folder / "users.txt"}
            admin_users = admin
            pool_mode = transaction
            default_pool_size = {self._size}
            max_client_conn = 200
            ignore_startup_parameters = extra_float_digits,options
            log_connections = 0
            log_disconnections = 0
            """.replace("\n            ", "\n"),
        )

    def _keep(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o600)
        if (user := owner()) is not None:
            for each in (path, self._folder):
                os.chown(each, user.uid, user.gid)

    def _program(self) -> processes.Program:
        return processes.Program(
            name=f"pgbouncer-{self.port}",
            argv=(str(BINARY), str(self._folder / "pgbouncer.ini")),
            env={"PATH": os.defpath},
            cwd=self._folder,
            owner=owner(),
        )


def owner() -> processes.Owner | None:
    """Who runs it in root's place, as which it refuses to run."""
    if os.geteuid() != 0:
        return None
    user = pwd.getpwnam("nobody")
    return processes.Owner(user.pw_uid, user.pw_gid)


@contextmanager
def running(**settings):
    """Start one in a folder of its own, and remove both."""
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        pooler = PgBouncer(Path(folder), **settings)
        try:
            yield pooler.start()
        finally:
            pooler.stop()
