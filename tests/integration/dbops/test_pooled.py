"""The whole application through a PgBouncer in transaction mode, whose sessions are nobody's own."""

import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2 import sql

from cloudintel_project import processes
from cloudintel_project.home import PROJECT_ROOT
from dbops.pool.base import PoolError
from dbops.pool.pgbouncer import PgBouncer
from tests import pgbouncer
from tests.integration.dbops.load import await_

pytestmark = pgbouncer.needed

DATABASE = "pooled_cloudintel"

USE = """
import threading
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from rest_framework.test import APIClient

call_command("migrate", interactive=False, verbosity=0)

from accounts.models import User
from collectors.models import CloudAccount
from pipelines import ledger, messages, repair, runner

settings.ALLOWED_HOSTS = ["testserver"]
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
messages.send = lambda _work: True
ADMIN = {"email": "admin@example.com", "password": "securepassword123"}
User.objects.create_superuser(**ADMIN)
CloudAccount.objects.create(account_id="111111111111", name="prod")
READ = ("/readyz", "/metrics", "/cpu-trend", "/api/v1/costs/?format=csv", "/api/v1/runs/",
        "/api/v1/database/automation/scaling/history")


def use(name):
    client = APIClient()
    token = post(client, 200, "/api/auth/login", ADMIN)["token"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    for path in READ:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.content)
        b"".join(answer) if answer.streaming else answer.content
    machine = {"instance_id": name, "instance_type": "t2.micro", "region": "mock", "is_mock": True}
    post(client, 201, "/api/instances/", machine)
    for _ in range(3):
        post(client, 201, "/api/metrics/simulate", {"instance_id": name, "cpu_utilization": 95})
    post(APIClient(), 401, "/api/auth/login", {"email": f"{name}@example.com", "password": "wrong"})


def post(client, status, path, body):
    answer = client.post(path, body)
    assert answer.status_code == status, (path, answer.content)
    return answer.json()


def guarded(number):
    try:
        use(f"mock-{number}")
    except BaseException as error:
        failures.append(repr(error))
    finally:
        connections.close_all()


# The web server loads its application once, before its threads; the first client does here.
assert APIClient().get("/livez").status_code == 200
failures = []
threads = [threading.Thread(target=guarded, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures

run = ledger.start("cost")
runner.plan(run.pk)
with connection.cursor() as cursor:
    cursor.execute("SHOW idle_in_transaction_session_timeout")
    assert cursor.fetchone() == ("90s",)
    cursor.execute("SHOW TimeZone")
    assert cursor.fetchone() == ("UTC",)
"""


@pytest.fixture
def server():
    """The server itself, with an empty database that is dropped afterwards."""
    session = psycopg2.connect(os.environ["DATABASE_URL"], dbname="postgres")
    session.autocommit = True
    cursor, name = session.cursor(), sql.Identifier(DATABASE)
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    cursor.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield cursor
    cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    session.close()


def run(pooler, *command):
    """Run Python with the pool as its database, and the server behind it for what cannot be pooled."""
    around = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{DATABASE}"
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT_ROOT,
        env={**os.environ, "DATABASE_URL": pooler.url, "DATABASE_DIRECT_URL": around},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_everything_works_through_three_connections_that_eight_clients_share(server):
    limit = "SET idle_in_transaction_session_timeout = 90000"
    with pgbouncer.running(size=3, database=DATABASE, connect_query=limit) as pooler:
        done = run(pooler, "-c", USE)
        assert done.returncode == 0, done.stderr[-3000:]


def test_migrate_goes_around_the_pool(server):
    """A pool that is paused lets nobody through."""
    with pgbouncer.running(size=3, database=DATABASE) as pooler:
        pooler.ask(f"PAUSE {DATABASE}")
        done = run(pooler, "manage.py", "migrate", "--no-input")
        assert done.returncode == 0, done.stderr[-3000:]
        assert pooler.connections() == 0


@pytest.fixture
def shared():
    """A folder that everybody may write to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def test_the_images_entry_point_starts_a_pooler_that_lets_the_application_through(server, shared):
    """It runs as whoever may not be root, in a folder of its own; the image's server has another address."""
    around, port = urlsplit(os.environ["DATABASE_URL"]), processes.free_port()
    password = secrets.token_hex(16)
    entry = processes.Child(
        processes.Program(
            name="entrypoint",
            argv=("/bin/sh", "-c", (PROJECT_ROOT / "deploy/pgbouncer/entrypoint.sh").read_text()),
            cwd=Path("/"),
            owner=pgbouncer.owner(),
            env={
                "PATH": f"{os.defpath}:/usr/sbin",
                "TMPDIR": str(shared),
                "POSTGRES_HOST": around.hostname,
                "POSTGRES_PORT": str(around.port),
                "POSTGRES_DB": DATABASE,
                "POSTGRES_USER": around.username,
                "POSTGRES_PASSWORD": around.password,
                "PGBOUNCER_ADMIN_PASSWORD": password,
                "LISTEN_PORT": str(port),
                "LEASE_S": "45",
            },
        )
    )
    try:
        pool = PgBouncer(
            f"postgresql://admin:{password}@127.0.0.1:{port}/pgbouncer",
            database=DATABASE,
            user=around.username,
        )
        await_(lambda: answers(pool), within_s=5)
        assert pool.read().size == 20
        pool.resize(10)
        assert pool.size() == 10
        session = psycopg2.connect(
            os.environ["DATABASE_URL"], port=port, dbname=DATABASE, options="-c statement_timeout=5s"
        )
        with closing(session), session.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("45s",)
    finally:
        processes.stop([entry], within_s=5)


def answers(pool):
    try:
        return bool(pool.size())
    except PoolError:
        return False
