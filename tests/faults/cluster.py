"""A CloudIntel to break: servers, beats and workers of its own, each started again when it has died.

It collects from a stub of AWS, has a short lease, and repairs its ledger often. Nothing of it is shared with
what other tests use.
"""

import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count

import psycopg2
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from cloudintel_project import embedded, home, programs
from cloudintel_project.processes import Child, Program
from tests import services
from tests.faults.aws import Aws
from tests.faults.books import Books
from tests.faults.crew import Crew

LEASE_S = 6
REPAIR_EVERY_S = 2
TAKEN_OVER_S = LEASE_S + 30
START_S = 60.0
POLL_S = 0.05
_START = "tests.faults.trials.tasks.start"
_SCALE = "tests.faults.trials.tasks.scale"
_ASK_EVERY = 50
_AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError, redis.RedisError, OperationalError)
_SERVERS = ("faults-postgres", "faults-valkey", "faults-stub")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many processes there are, and how much AWS holds in each region."""

    io: int = 2
    cpu: int = 1
    beats: int = 1
    slots: int = 4
    instances: int = 2100
    regions: tuple = ("eu-west-1", "eu-north-1")
    latency_ms: float = 150.0


class Cluster:
    """Servers and programs on a data folder; a context manager, after which nothing is left."""

    def __init__(self, size):
        self.size = size
        self.crew = Crew()
        self.aws = Aws(instances=size.instances, regions=size.regions, latency_ms=size.latency_ms)
        self.home = services.make_home()
        with _at_home(self.home):
            postgres, valkey = embedded.Postgres("cloudintel"), embedded.Valkey()
            self._servers = [postgres.program(), valkey.program(), self.aws.program(dict(os.environ))]
        self.books = Books(postgres.url)
        self._broker_url = valkey.url
        self.env = self._environment(postgres.url)
        self._celery = Celery("faults", broker=valkey.url, set_as_current=False)
        self._celery.conf.update(task_ignore_result=True, broker_transport_options={"socket_timeout": 2})
        self._numbers = count(1)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception):
        self._celery.close()
        self.resume()
        self.crew.dismiss_all()
        services.remove_home(self.home)

    # --- Programs ----------------------------------------------------------------------------
    def _environment(self, database_url):
        return services.clean_environment(self.home) | {
            "AWS_ACCESS_KEY_ID": "faults",
            "AWS_SECRET_ACCESS_KEY": "faults",
            "AWS_DAILY_BUDGET_USD": "100000",
            "AWS_ENDPOINT_URL": self.aws.url,
            "BILLING_EXPORTS": "exports",
            "CLOUDINTEL_CLOUD": "aws",
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "LEASE_S": str(LEASE_S),
            "NO_PROXY": "127.0.0.1",
            "REDIS_URL": self._broker_url,
            "SCALING_ACTIONS_PER_HOUR": "1000",
        }

    def _start(self):
        for program, name in zip(self._servers, _SERVERS, strict=True):
            self.crew.start(replace(program, name=name, is_server=True))
        self.wait_ready()
        self._prepare()
        self.crew.start(*self._usual())
        self.wait_ready()

    def _prepare(self):
        arguments = (",".join(self.size.regions), str(REPAIR_EVERY_S))
        preparing = Child(
            Program(
                name="faults-prepare",
                argv=(sys.executable, "-m", "tests.faults.prepare", *arguments),
                env=self.env,
            )
        )
        preparing.await_end(within_s=START_S)
        assert preparing.exit_code() == 0, "\n".join(preparing.last_words())

    def _usual(self):
        own_io = partial(programs.worker_io, env=self.env, slots=self.size.slots)
        yield from (self._worker(own_io(name=f"io-{number}")) for number in range(self.size.io))
        own_cpu = partial(programs.worker_cpu, env=self.env)
        yield from (self._worker(own_cpu(name=f"cpu-{number}")) for number in range(self.size.cpu))
        yield from (self.beat(f"beat-{number}") for number in range(self.size.beats))

    def _worker(self, program):
        """Have the program asked by the cluster's own broker whether it is ready."""
        return replace(program, is_ready=partial(self._responds, programs.node(program.name)))

    def beat(self, name):
        """Return the program of one more beat."""
        return replace(programs.beat(env=self.env), name=name)

    def _responds(self, node):
        return bool(self._celery.control.ping(destination=[node], timeout=0.5, limit=1))

    # --- Waiting -----------------------------------------------------------------------------
    def until(self, condition, *, within_s, what):
        """Poll until the condition gives something, and return that; servers may be away meanwhile."""
        deadline = time.monotonic() + within_s
        while not (found := _found(condition)):
            assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}\n{self.story()}"
            self.crew.look_after()
            time.sleep(POLL_S)
        return found

    def ask(self, question):
        """Return the answer to a question, as soon as the servers can give it."""
        return self.until(lambda: (question(),), within_s=START_S, what="the servers answer")[0]

    def let_pass(self, seconds):
        """Look after the programs for so long."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, within_s=seconds + 1, what="time has passed")

    def wait_ready(self, *names):
        """Wait until these programs answer, by default all."""
        for name in names or [program.name for program in self.crew.programs()]:
            self.until(self.crew.program(name).is_ready, within_s=START_S, what=f"{name} has started")

    def wait_quiet(self, *, within_s):
        """Wait until nothing is queued or running."""
        self.until(self.books.is_quiet, within_s=within_s, what="everything has ended")

    def story(self):
        """Return what the ledger and the logs say last, for whoever has to find out."""
        return "\n".join([*(_found(self.books.story) or []), *self.crew.last_words()])

    # --- Work --------------------------------------------------------------------------------
    def begin(self, **behaviour):
        """Begin anew: nothing collected, nothing to be done, all programs up, AWS behaving as told."""
        self.resume()
        if not _found(self.books.is_quiet):
            self.crew.kill(*self.crew.names("io"), *self.crew.names("cpu"))
        self.crew.look_after()
        self.wait_ready()
        self.aws.behave(**behaviour)
        self.books.empty()

    def order(self, pipeline, slot=None):
        """Tell the workers to start the pipeline for that slot, by default a new one."""
        wanted = slot or self._new_slot()
        self.ask(lambda: self._celery.send_task(_START, [pipeline, wanted.isoformat()], queue="critical"))

    def _new_slot(self):
        return datetime.now(UTC).replace(microsecond=next(self._numbers))

    def start(self, pipeline):
        """Have a worker start the pipeline, and return the slot, which tells its run from others."""
        slot, looks = self._new_slot(), count()

        def started():
            # A message that a stalled worker was handed is as good as lost.
            if next(looks) % _ASK_EVERY == 0:
                self.order(pipeline, slot)
            return self.books.run_of(pipeline, slot)

        self.until(started, within_s=30, what=f"{pipeline} is started")
        return slot

    def finished(self, pipeline, slot, *, within_s):
        """Return the pipeline's run of that slot when it has ended."""
        return self.until(
            partial(self.books.ended, pipeline, slot), within_s=within_s, what=f"{pipeline} has ended"
        )

    def finish(self, pipeline, *, within_s):
        """Start the pipeline and return its run when it has ended."""
        return self.finished(pipeline, self.start(pipeline), within_s=within_s)

    def scale(self, number):
        """Have so many instances, each in a group of its own, be scaled up at once."""
        self.ask(lambda: self._celery.send_task(_SCALE, [number], queue="critical"))
        self.until(
            lambda: len(self.books.decisions()) == number, within_s=30, what=f"{number} decisions are made"
        )

    def held_by(self, name):
        """Return the claims that a worker holds, as the books know them."""
        return self.books.held_by(programs.node(name))

    def asks(self, name):
        """Return the instances that a worker is having scaled at the moment."""
        return self.books.asking(programs.node(name))

    def does(self, name, part):
        """Return how many steps with that part of a name a worker does."""
        return self.books.doing(programs.node(name), part)

    # --- Breaking ----------------------------------------------------------------------------
    def stall(self, name):
        """Stop the processes of a program where they are."""
        self.crew.signal(signal.SIGSTOP, *self.crew.pids(name))

    def resume(self):
        """Have all that was stalled go on."""
        for program in self.crew.programs():
            self.crew.signal(signal.SIGCONT, *self.crew.pids(program.name))

    @contextmanager
    def gate_closed(self):
        """Keep steps of `stuck` in their transactions meanwhile; gives what says whether one is there."""
        gate, reached = self.home / "gate", self.home / "at-gate"
        reached.unlink(missing_ok=True)
        gate.touch()
        try:
            yield reached.exists
        finally:
            gate.unlink()

    def restart(self, server, *, gently):
        """Stop or kill postgres or valkey, and start it again; gently is how an administrator does it."""
        name = f"faults-{server}"
        if gently:
            self.crew.stop(name, within_s=20)
        else:
            self.crew.kill(name)
        self.crew.look_after()

    def queued(self):
        """Return how many messages of work no worker has taken."""
        with redis.Redis.from_url(self._broker_url) as client:
            return client.llen("aws")

    def flush(self):
        """Have the broker forget everything."""
        with redis.Redis.from_url(self._broker_url) as client:
            client.flushall()

    def resources(self):
        """Return what the servers spend on their clients."""
        with redis.Redis.from_url(self._broker_url) as client:
            used = client.info("memory")["used_memory"]
        return {"connections": self.books.connections(), "redis_bytes": used}


def _found(condition):
    """Return what the condition gives, None while a server is away."""
    with suppress(*_AWAY):
        return condition()
    return None


@contextmanager
def _at_home(folder):
    """Have the servers' data and secrets in that folder."""
    usual = home.home()
    os.environ["CLOUDINTEL_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ["CLOUDINTEL_HOME"] = str(usual)
