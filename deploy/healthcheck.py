#!/usr/bin/env python3
"""Health checks of the containers: `healthcheck.py web [PATH]`, `worker NAME`, `beat`; code 0 when healthy.

Each asks its service for what it is there for, and loads as little as that takes: Django not at all.
"""

import http.client
import os
import socket
import sys
from collections.abc import Callable, Sequence

TIMEOUT_S = 5
SILENCE_S = 120
"""Beat sends the ledger's repair every 15 seconds, and notes that in the database at once."""

_LAST_TICK = """
    SELECT extract(epoch FROM now() - last_run_at) FROM django_celery_beat_periodictask
    WHERE task = 'pipelines.tasks.reconcile' AND enabled"""


class UnhealthyError(Exception):
    """The service does not do its work; the message says what was seen instead."""


def web(path: str = "/readyz") -> None:
    """Ask the web server whether it is ready, or what the path is for. Raises: UnhealthyError, OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=TIMEOUT_S)
    connection.request("GET", path, headers={"Host": allowed_host()})
    status = connection.getresponse().status
    if status != http.HTTPStatus.OK:
        raise UnhealthyError(f"{path} answered {status}")


def allowed_host() -> str:
    """Return a host name that the server answers to, whatever names it was given."""
    first = os.environ.get("CLOUDINTEL_ALLOWED_HOSTS", "").partition(",")[0].strip()
    return first.lstrip("*.") or "127.0.0.1"


def worker(name: str) -> None:
    """Ping the worker of this container through the broker. Raises: UnhealthyError, OSError."""
    from celery import Celery  # noqa: PLC0415  # the other checks do without

    node = f"{name}@{socket.gethostname()}"
    with Celery(broker=os.environ["REDIS_URL"]) as app:
        if not app.control.ping(destination=[node], timeout=TIMEOUT_S, limit=1):
            raise UnhealthyError(f"{node} did not answer within {TIMEOUT_S} s")


def beat() -> None:
    """Look at when beat last sent the ledger's repair, unless that is disabled. Raises: UnhealthyError."""
    import psycopg2  # noqa: PLC0415  # the other checks do without

    connection = psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=TIMEOUT_S)
    with connection, connection.cursor() as cursor:
        cursor.execute(_LAST_TICK)
        ages_s = [age_s for (age_s,) in cursor.fetchall()]
    if any(age_s is None or age_s > SILENCE_S for age_s in ages_s):
        raise UnhealthyError(f"beat has sent nothing for {SILENCE_S} s")


CHECKS: dict[str, Callable[..., None]] = {"web": web, "worker": worker, "beat": beat}


def main(arguments: Sequence[str]) -> int:
    """Make the check that is asked for; tell in one line what is wrong, without the addresses' passwords."""
    check, *parameters = arguments
    try:
        CHECKS[check](*parameters)
    except Exception as error:  # noqa: BLE001  # whatever goes wrong is the answer
        reason = str(error) if isinstance(error, UnhealthyError) else type(error).__name__
        sys.stderr.write(f"unhealthy: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
