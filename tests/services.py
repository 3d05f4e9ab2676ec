"""The PostgreSQL and Valkey that tests run against, and an environment in which they can do no harm.

`DATABASE_URL` and `REDIS_URL` are respected where they are set: tests create a database of their own
there (test_NAME), and empty the Valkey database. Otherwise the embedded servers are started.
"""

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path

from cloudintel_project import embedded, processes

# What a developer's shell may hold, and no test should see.
SETTINGS = (
    "BIND",
    "CLOUDINTEL_",
    "ALERTS_FROM",
    "BACKUP_",
    "BILLING_",
    "CARBON_",
    "COLLECT_EVERY",
    "DATABASE_DIRECT_URL",
    "JWT_SECRET_KEY",
    "FORECAST_",
    "GOOGLE_",
    "LEASE_S",
    "LOG_",
    "METRIC_",
    "METRICS_TOKEN",
    "MOCK_SEED",
    "OIDC_",
    "ONCE",
    "WORKERS",
    "PGBOUNCER_",
    "POOL_",
    "PORT",
    "PUBSUB_",
    "SAVINGS_",
    "SCALING_",
    "SMTP_",
    "WEBHOOK_",
    "AWS_",
    "BOTO_",
)


def provide() -> None:
    """Prepare the environment and start what it lacks; all of it ends with this process."""
    home = make_home()
    os.environ.update(clean_environment(home))
    for name in set(os.environ) - set(clean_environment(home)):
        del os.environ[name]
    servers: dict[str, embedded.Postgres | embedded.Valkey] = {}
    if not os.environ.get("DATABASE_URL"):
        servers["DATABASE_URL"] = embedded.Postgres("cloudintel")
    if not os.environ.get("REDIS_URL"):
        servers["REDIS_URL"] = embedded.Valkey()
    children = [processes.Child(server.program()) for server in servers.values()]
    atexit.register(_remove, home, children)
    for child in children:
        _await_ready(child)
    os.environ.update({name: server.url for name, server in servers.items()})


def make_home() -> Path:
    """Create an empty data folder that PostgreSQL's user can enter."""
    home = Path(tempfile.mkdtemp(prefix="cloudintel-test-"))
    home.chmod(0o711)
    return home


def remove_home(home: Path) -> None:
    """Delete a data folder, and what PostgreSQL keeps elsewhere for it."""
    shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def clean_environment(home: Path) -> dict[str, str]:
    """Return the environment without a developer's settings and credentials, for that data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return {
        **kept,
        "AWS_CONFIG_FILE": str(home / "no-aws-config"),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-aws-credentials"),
        "CLOUDINTEL_ENV_FILE": os.devnull,
        "CLOUDINTEL_HOME": str(home),
    }


def _await_ready(child: processes.Child) -> None:
    deadline = time.monotonic() + 30
    while not child.program.is_ready():
        if child.exit_code() is not None or time.monotonic() > deadline:
            raise RuntimeError("\n".join(processes.last_lines(child.program.log)))
        time.sleep(0.02)


def _remove(home: Path, children: list[processes.Child]) -> None:
    processes.stop(children, within_s=5)
    remove_home(home)
