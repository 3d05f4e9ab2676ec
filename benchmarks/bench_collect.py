"""Collection: the inventory and three metrics of each instance through real workers, from the stub of AWS.

The environment says how much: N instances (1000), POINTS of each metric (12: an hour's, 1: five minutes'),
LATENCY_MS a call (50), WORKERS processes (2) of SLOTS threads (8), ROUNDS (5 up to a thousand instances, else
1). With PEER=c7n, Cloud Custodian fetches the instances and one metric of each in the same rounds, against
the same stub.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median

import psutil
import requests
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from benchmarks import peer_c7n
from benchmarks.stub.estate import PAGE
from benchmarks.stub.protocol import ACCOUNT
from cloudintel_project import processes, programs
from cloudintel_project.processes import Child, Program
from collectors.aws.metrics import PERIOD_S
from collectors.models import CloudAccount, MetricHour, MetricSample
from collectors.samples.partitions import HOURS, SAMPLES, Partitioned
from collectors.services.metrics import PIPELINE
from core import valkey
from pipelines import ledger
from pipelines.models import Run, Status

Figures = dict[str, float]
Peer = Callable[..., float]

REGION = "eu-west-1"
METRICS, QUERIES_A_CALL, POINTS_AN_HOUR = 3, 500, 12
COUNTED = ("DescribeInstances", "GetMetricData")
"""The calls that `calls` and `calls_floor` speak of; `calls_all` are those of any action."""

_START_S, _POLL_S = 60.0, 0.1
_PEERS: dict[str, Peer] = {"c7n": peer_c7n.seconds}


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name) or default)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    instances: int = field(default_factory=partial(_number, "N", 1000))
    latency_ms: int = field(default_factory=partial(_number, "LATENCY_MS", 50))
    workers: int = field(default_factory=partial(_number, "WORKERS", 2))
    slots: int = field(default_factory=partial(_number, "SLOTS", programs.IO_THREADS))
    points: int = field(default_factory=partial(_number, "POINTS", POINTS_AN_HOUR))

    @property
    def rounds(self) -> int:
        """How often it is measured; of large estates once, since one takes long."""
        return _number("ROUNDS", 5 if self.instances <= PAGE else 1)

    @property
    def calls_floor(self) -> int:
        """The least calls that tell of the instances and three metrics of each."""
        return ceil(self.instances / PAGE) + ceil(METRICS * self.instances / QUERIES_A_CALL)


def measure() -> dict[str, float]:
    """Return the medians of the rounds; with a peer also its seconds, and how many times longer it took."""
    scale, peer = Scale(), _PEERS.get(os.environ.get("PEER", ""))
    if os.environ.get("PEER") and peer is None:
        raise SystemExit(f"No peer {os.environ['PEER']!r}; there are {', '.join(_PEERS)}.")
    ours: list[Figures] = []
    theirs: list[float] = []
    with running_stub(scale) as (stub, url), running_workers(scale, url):
        for _ in range(scale.rounds):
            ours.append(collected(scale, stub, url))
            if peer:
                theirs.append(_peer_round(peer, scale, url))
    figures = {name: round(median(one[name] for one in ours), 3) for name in ours[0]}
    if theirs:
        figures["peer_seconds"] = round(median(theirs), 2)
        ratios = [peer_s / one["seconds"] for peer_s, one in zip(theirs, ours, strict=True)]
        figures["ratio"] = round(median(ratios), 2)
    return figures


def _peer_round(peer: Peer, scale: Scale, url: str) -> float:
    """Return the peer's seconds, once the stub says that it asked for each instance's metric."""
    _reset(url)
    seconds = peer(_caller(url), region=REGION)
    asked = _calls(url).get("GetMetricStatistics", 0)
    if asked != scale.instances:
        raise SystemExit(f"The peer asked for {asked} metrics of {scale.instances} instances.")
    return seconds


def _reset(url: str) -> None:
    requests.post(f"{url}/stub/reset", timeout=10).raise_for_status()


def _calls(url: str) -> dict[str, int]:
    """Return how many calls of each action came since the reset."""
    calls: dict[str, int] = requests.get(f"{url}/stub/calls", timeout=10).json()["calls"]
    return calls


def collected(scale: Scale, stub: Child, url: str) -> Figures:
    """Collect into empty tables and return the figures of it."""
    _empty_tables(scale)
    _reset(url)
    before, sent = _cpu_seconds(but=stub), _messages()
    run = _finished(PIPELINE)
    cpu_s = {name: spent - before.get(name, 0) for name, spent in _cpu_seconds(but=stub).items()}
    calls = _calls(url)
    return {
        "n": scale.instances,
        "points": scale.points,
        "seconds": _elapsed_s(run),
        "calls": sum(calls.get(action, 0) for action in COUNTED),
        "calls_floor": scale.calls_floor,
        "calls_all": sum(calls.values()),
        "cpu_us_per_instance": sum(cpu_s.values()) / scale.instances * 1e6,
        "rows": run.counts["created"] + run.counts["instances_created"],
        "messages": _messages() - sent,
        "worker_peak_mb": _peak_mb(but=stub),
        "bytes_per_sample": _bytes(SAMPLES) / max(1, run.counts["created"]),
        "bytes_per_instance_hour": _bytes(HOURS) / max(1, MetricHour.objects.count()),
        **{f"cpu_us_{program}": spent / scale.instances * 1e6 for program, spent in cpu_s.items()},
    }


def _empty_tables(scale: Scale) -> None:
    """Leave nothing but an account, and a schedule by which the first reading has the wanted points."""
    tables = ", ".join(model._meta.db_table for model in (Run, CloudAccount, MetricSample, MetricHour))
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    CloudAccount.objects.create(account_id=ACCOUNT, regions=[REGION])
    every, _ = IntervalSchedule.objects.get_or_create(
        every=scale.points * PERIOD_S, period=IntervalSchedule.SECONDS
    )
    PeriodicTask.objects.filter(kwargs__contains=f'"{PIPELINE}"').update(interval=every)


def _messages() -> int:
    """Return how many messages the broker took so far."""
    told = valkey.client().info("commandstats")
    return int(told.get("cmdstat_lpush", {}).get("calls", 0))


def _bytes(table: Partitioned) -> int:
    """Return what a table takes on disk, with its indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = %s::regclass",
            [table.table],
        )
        return int(cursor.fetchone()[0] or 0)


def _peak_mb(*, but: Child) -> float:
    """Return the most memory that one of the workers ever held."""
    workers = [one for one in psutil.Process().children() if one.pid != but.pid and "celery" in one.cmdline()]
    marks = [Path(f"/proc/{one.pid}/status").read_text() for one in workers]
    return max(int(mark.partition("VmHWM:")[2].split()[0]) for mark in marks) / 1024


def _finished(pipeline: str) -> Run:
    """Start the pipeline and return its run when it has ended well."""
    run = ledger.start(pipeline)
    while run.is_active:
        time.sleep(_POLL_S)
        run.refresh_from_db()
    if run.status != Status.SUCCEEDED:
        raise SystemExit(f"{run} {run.status}: {run.error}")
    return run


def _elapsed_s(run: Run) -> float:
    """Return the seconds from the start that was asked for to the end, waiting for a worker included."""
    if run.finished_at is None:
        raise ValueError(f"{run} has not finished")
    return (run.finished_at - run.created_at).total_seconds()


def _cpu_seconds(*, but: Child) -> dict[str, float]:
    """Return what this process and all below it took of the processors so far, by program.

    A process that has ended counts with the one that started it, which is therefore read later.
    """
    me = psutil.Process()
    family = [me, *(one for one in me.children(recursive=True) if one.pid != but.pid)]
    taken: defaultdict[str, float] = defaultdict(float)
    for one in reversed(family):
        with suppress(psutil.NoSuchProcess):
            taken[one.name().partition("-")[0]] += sum(one.cpu_times()[:4])
    return dict(taken)


# --- Processes -------------------------------------------------------------------------------
@contextmanager
def running_stub(scale: Scale, *options: str) -> Iterator[tuple[Child, str]]:
    """Run the stub, with options of its own that count for more, and give it with its address."""
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    program = Program(
        name="stub",
        argv=(
            *(sys.executable, "-m", "benchmarks.stub", "--port", str(port), "--regions", REGION),
            *("--instances", str(scale.instances), "--volumes", "0"),
            *("--latency-ms", str(scale.latency_ms)),
            *options,
        ),
        env=dict(os.environ),
        is_ready=partial(_answers, url),
    )
    with running(program) as [child]:
        yield child, url


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/livez", timeout=2).ok
    except requests.ConnectionError:
        return False


@contextmanager
def running_workers(scale: Scale, url: str) -> Iterator[None]:
    """Run the workers that talk to AWS, on this benchmark's database."""
    env = _caller(url) | {
        "DATABASE_URL": database_url(),
        "CLOUDINTEL_CLOUD": "aws",
        "AWS_DAILY_BUDGET_USD": "1000",
        "LOG_LEVEL": "WARNING",
    }
    names = [f"worker-{number}" for number in range(scale.workers)]
    with running(*(programs.worker_io(env=env, name=name, slots=scale.slots) for name in names)):
        yield


def database_url() -> str:
    """Return the address of this benchmark's database, for other processes."""
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    return f"{server}/{connection.settings_dict['NAME']}"


def _caller(url: str) -> dict[str, str]:
    """Return an environment in which that address is AWS."""
    keys = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
    return {**os.environ, **keys, "AWS_ENDPOINT_URL": url, "NO_PROXY": "127.0.0.1"}


@contextmanager
def running(*wanted: Program) -> Iterator[list[Child]]:
    """Run programs until the block ends; what one printed is told when it does not start."""
    children = list(map(Child, wanted))
    try:
        deadline = time.monotonic() + _START_S
        for child in children:
            while not child.program.is_ready():
                if child.exit_code() is not None or time.monotonic() > deadline:
                    raise SystemExit("\n".join(child.last_words()) or f"{child.program.name} did not start.")
                time.sleep(0.05)
        yield children
    finally:
        processes.stop(children, within_s=10)
