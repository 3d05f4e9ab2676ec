"""`make run`: starts CloudIntel in the foreground, collects once, and serves until it is stopped.

Exit codes: 0 stopped after it was ready, or (ONCE) collected; 1 failed; 2 a setting is wrong; 3 (ONCE)
collected a part; 130 interrupted before it was ready.
"""

import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

import django
import redis
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connections
from rich.console import Console

from cloudintel_project import embedded, home, processes, programs
from cloudintel_project.elastic import Bounds, Elastic, Watch
from cloudintel_project.processes import Program, StartError
from cloudintel_project.supervisor import Supervisor
from collectors.aws.session import default_chain_has_credentials
from core.errors import CloudIntelError, InvalidInputError
from pipelines.slots import parse_duration

CLOUDS = ("demo", "aws")
SERVERS_START_S = 60.0
PROGRAMS_START_S = 90.0


@dataclass(frozen=True, slots=True)
class Order:
    """What the environment asks for."""

    bind: str
    port: int
    once: bool
    cloud: str
    traces: str
    workers: Bounds | None
    """How many workers come and go; without it there is one of each kind."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings that decide what is started. Raises: InvalidInputError."""
        return cls(
            bind=os.environ.get("BIND") or "127.0.0.1",
            port=_port(os.environ.get("PORT") or "5000"),
            once=_flag("ONCE"),
            cloud=_cloud(),
            traces=os.environ.get("CLOUDINTEL_TRACES", ""),
            workers=Bounds.parse(text) if (text := os.environ.get("WORKERS")) else None,
        )

    @property
    def url(self) -> str:
        """The address at which this machine reaches the web server."""
        host = programs.loopback(self.bind)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise InvalidInputError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _flag(name: str) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value not in ("", "0", "1", "false", "true", "no", "yes"):
        raise InvalidInputError(f"{name} must be 1 or 0, not {value!r}.")
    return value in ("1", "true", "yes")


def _cloud() -> str:
    """Return the cloud that was asked for, else AWS where credentials are at hand."""
    chosen = os.environ.get("CLOUDINTEL_CLOUD") or ("aws" if default_chain_has_credentials() else "demo")
    if chosen not in CLOUDS:
        raise InvalidInputError(f"CLOUDINTEL_CLOUD must be demo or aws, not {chosen!r}.")
    return chosen


# --- The start -------------------------------------------------------------------------------
@contextmanager
def only_one(url: str) -> Iterator[None]:
    """Hold the data folder for this process. Raises: StartError naming the process that has it."""
    try:
        file = (home.make_folder(home.make_folder(home.home(), mode=0o711) / "run") / "lock").open("a+")
    except OSError as error:
        raise StartError(f"The data folder {home.home()} cannot be written: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StartError(
                f"CloudIntel runs already from {home.home()} ({file.read().strip()}); "
                "stop it, or choose another data folder with CLOUDINTEL_HOME and another PORT."
            ) from None
        file.truncate(0)
        file.write(f"pid {os.getpid()}, {url}\n")
        file.flush()
        yield


def servers(order: Order) -> list[Program]:
    """Return the servers that no setting names, and tell other processes where they will listen."""
    env = {**os.environ, "CLOUDINTEL_CLOUD": order.cloud}
    announced, wanted = {"cloud": order.cloud}, []
    # What is invented and what is real are never mixed, whichever cloud a data folder is started for.
    if not os.environ.get("DATABASE_URL"):
        postgres = embedded.Postgres("cloudintel" if order.cloud == "aws" else "cloudintel_demo")
        announced["database"] = postgres.url
        wanted.append(postgres.program())
    if not os.environ.get("REDIS_URL"):
        valkey = embedded.Valkey(index=CLOUDS.index(order.cloud))
        announced["redis"] = valkey.url
        wanted.append(valkey.program())
    if order.cloud == "demo":
        port = processes.free_port()
        announced["demo"] = f"http://127.0.0.1:{port}"
        wanted.append(programs.demo_cloud(port, traces=order.traces, env=env))
    home.announce_services(announced)
    return wanted


def prepare_database() -> None:
    """Set Django up and bring the database up to date. Raises: StartError."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cloudintel_project.settings")
    django.setup()
    from django.conf import settings  # noqa: PLC0415  # they are ready now

    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5) as client:
            client.ping()
        call_command("migrate", interactive=False, verbosity=0)
    except redis.RedisError as error:
        raise StartError(f"The server of REDIS_URL does not answer: {error}") from error
    except OperationalError as error:
        reason = " ".join(str(error).split())
        raise StartError(f"The database of DATABASE_URL does not answer: {reason}") from error


def start_programs(order: Order, console: Console, supervisor: Supervisor) -> Sequence[Program]:
    """Start all but beat, and return those to wait for: workers that come and go may stay away."""
    if order.workers is None:
        wanted = programs.everything(order.bind, order.port)
        supervisor.start(wanted)
        return wanted
    env = programs.environment(around_pool=True)
    elastic = Elastic(supervisor, order.workers, env=env, say=console.print)
    wanted = (*programs.without_workers(order.bind, order.port), *elastic.first())
    supervisor.start(wanted)
    watch = Watch().begin()
    supervisor.beside = lambda: elastic.follow(watch.last, time.monotonic())
    return wanted


def run(order: Order, console: Console) -> int:
    """Start everything, collect, and serve until interrupted; return the exit code."""
    left = processes.stop_leftovers()
    if left:
        console.print(f"Stopped what an earlier start had left running: {', '.join(left)}.")
    processes.check_port(order.bind, order.port)
    os.environ["CLOUDINTEL_CLOUD"] = order.cloud
    try:
        with Supervisor(console.print) as supervisor:
            return _run_supervised(order, console, supervisor)
    finally:
        home.retract_services()


def _run_supervised(order: Order, console: Console, supervisor: Supervisor) -> int:
    console.print(f"Data folder {home.home()}, cloud: {order.cloud}")
    needed = servers(order)
    supervisor.start(needed)
    # The demo cloud takes its time, and nobody asks it before the first collection.
    supervisor.wait_ready([each for each in needed if each.name != programs.DEMO], within_s=SERVERS_START_S)
    prepare_database()
    # Models can be imported from here on.
    from cloudintel_project import first_run, report  # noqa: PLC0415

    user = first_run.ensure_administrator(console)
    first_run.ensure_accounts(order.cloud)
    if not os.environ.get("DATABASE_URL"):
        first_run.take_over_from_the_dead()
    wanted = start_programs(order, console, supervisor)
    supervisor.wait_ready(needed, within_s=SERVERS_START_S)
    supervisor.wait_ready(wanted, within_s=PROGRAMS_START_S)
    # Last: it would keep a processor from those that the first collection waits for.
    supervisor.start([programs.beat(env=programs.environment())])
    outcome = first_run.FirstCollection(console, user=user, between=supervisor.tick).run(order.cloud)
    report.print_report(console)
    outcome.print_reason(console)
    report.print_addresses(console, order.url, user)
    connections.close_all()
    supervisor.starting = False
    console.print(f"CloudIntel is ready at {order.url}")
    if order.once:
        return outcome.exit_code
    with suppress(KeyboardInterrupt):
        supervisor.serve()
    console.print("Stopping.")
    return 0


def main() -> int:
    """Do what the environment asks for; tell in one line what prevents it."""
    console = Console(
        highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120
    )
    try:
        home.read_env_file()
        order = Order.from_environment()
        if every := os.environ.get("COLLECT_EVERY"):
            parse_duration(every)
        with only_one(order.url):
            return run(order, console)
    except KeyboardInterrupt:
        console.print("Interrupted before it was ready.")
        return 130
    except (InvalidInputError, ImproperlyConfigured) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except (CloudIntelError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
