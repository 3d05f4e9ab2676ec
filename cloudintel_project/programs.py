"""The programs of CloudIntel: web, workers, beat and the demo cloud."""

import hashlib
import http.client
import os
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial

from cloudintel_project import home
from cloudintel_project.processes import Program

WEB_PROCESSES = 2
WEB_THREADS = 8
IO_THREADS = 8
CPU_PROCESSES = min(2, os.cpu_count() or 1)
ELASTIC_SLOTS = 2
DEMO = "demo-cloud"
UNCHECKED = {"SKIP_CHECKS": "1"}
"""Django's checks take a sixth of a worker's start, and look for what linting has found."""


def demo_cloud(port: int, *, traces: str, env: Mapping[str, str]) -> Program:
    """The local AWS endpoint of demo runs."""
    replay = ("--traces", traces) if traces else ()
    return Program(
        name=DEMO,
        argv=(*_python("democloud"), "--port", str(port), "--home", str(home.home()), *replay),
        env=env,
        is_server=True,
        is_ready=partial(_answers, "127.0.0.1", port),
    )


def everything(bind: str, port: int) -> tuple[Program, ...]:
    """Return one of each program but beat, with this process's environment."""
    env, around = environment(), environment(around_pool=True)
    return web(bind, port, env=env), worker_critical(env=around), worker_io(env=env), worker_cpu(env=around)


def without_workers(bind: str, port: int) -> tuple[Program, ...]:
    """Return one of each program but beat that is always there where the other workers come and go."""
    return web(bind, port, env=environment()), worker_versatile(env=environment(around_pool=True))


def environment(*, around_pool: bool = False) -> dict[str, str]:
    """Return this process's environment for programs.

    What makes the pool larger, or maintains the database, must not wait for one of its connections.
    """
    env = {"LOG_FORMAT": "json", **os.environ}
    direct = env.get("DATABASE_DIRECT_URL")
    return {**env, "DATABASE_URL": direct} if around_pool and direct else env


def web(bind: str, port: int, *, env: Mapping[str, str]) -> Program:
    """The web server."""
    address = f"[{bind}]:{port}" if ":" in bind else f"{bind}:{port}"
    return Program(
        name="web",
        argv=(
            *_python("gunicorn"),
            *("--bind", address, "--worker-class", "gthread", "--preload", "--no-control-socket"),
            *("--logger-class", "core.web_log.WebLogger"),
            *("--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS), "--graceful-timeout", "4"),
            "cloudintel_project.wsgi",
        ),
        env=env,
        is_ready=partial(_answers, loopback(bind), port),
    )


def loopback(bind: str) -> str:
    """Return the address at which this machine reaches what listens on `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104  # recognised, not bound


def worker_critical(*, env: Mapping[str, str], name: str = "worker-critical") -> Program:
    """The worker that is free for what comes every few seconds, however much there is to collect."""
    return _worker(
        name, "--pool=prefork", f"--concurrency={CPU_PROCESSES}", "--queues=critical,watch", env=env
    )


def worker_io(*, env: Mapping[str, str], name: str = "worker-io", slots: int = IO_THREADS) -> Program:
    """The worker that talks to the world outside; its tasks wait rather than compute, so it has threads."""
    queues = "--queues=critical,actions,readings,aws"
    return _worker(name, "--pool=threads", f"--concurrency={slots}", queues, env=env)


def worker_cpu(*, env: Mapping[str, str], name: str = "worker-cpu") -> Program:
    """The worker that computes, in processes of its own."""
    return _worker(
        name,
        "--pool=prefork",
        f"--concurrency={CPU_PROCESSES}",
        "--queues=etl,maintenance,alone",
        env=env,
    )


def worker_versatile(*, env: Mapping[str, str]) -> Program:
    """The worker-critical of a platform whose other workers may all be gone: what is urgent waits for none.

    Actions and readings wait for AWS and others; so many processes are left to decide meanwhile.
    """
    return _worker(
        "worker-critical",
        "--pool=prefork",
        f"--concurrency={2 * CPU_PROCESSES}",
        "--queues=critical,watch,actions,readings",
        env=env,
    )


def worker_elastic(number: int, *, env: Mapping[str, str]) -> Program:
    """One of the workers that come and go; it takes all that worker-critical leaves."""
    return _worker(
        elastic_name(number),
        "--pool=prefork",
        f"--concurrency={ELASTIC_SLOTS}",
        "--queues=readings,aws,etl,maintenance,alone",
        env=env,
    )


def elastic_name(number: int) -> str:
    """Return the name of one of the workers that come and go."""
    return f"worker-{number}"


def beat(*, env: Mapping[str, str]) -> Program:
    """The clock that sends what is due; its schedule is in the database."""
    return Program(name="beat", argv=(*_celery("beat"), "--pidfile="), env={**UNCHECKED, **env})


def _worker(name: str, *options: str, env: Mapping[str, str]) -> Program:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return Program(
        name=name,
        argv=(*_celery("worker"), f"--hostname={node(name)}", *options, *quiet),
        # Threads that share memory pools hold a quarter less of what was parsed and freed; those of OpenBLAS
        # wait for each other, which took forecasts five times the CPU.
        env={**UNCHECKED, "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", **env},
        is_ready=_responds(node(name)),
    )


def node(name: str) -> str:
    """Return what Celery calls the worker of that name; workers of different data folders differ in it."""
    folder_tag = hashlib.sha256(str(home.home()).encode()).hexdigest()[:8]
    return f"{name}-{folder_tag}@{socket.gethostname()}"


def _responds(worker: str) -> Callable[[], bool]:
    def is_ready() -> bool:
        from cloudintel_project.celery import app  # noqa: PLC0415  # needs Django's settings

        return bool(app.control.ping(destination=[worker], timeout=0.5, limit=1))

    return is_ready


def _answers(host: str, port: int) -> bool:
    """Say whether the server there answers a health check, whatever the answer to this address is."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _celery(command: str) -> tuple[str, ...]:
    return (*_python("celery"), "--quiet", "-A", "cloudintel_project", command, "--loglevel=INFO")


def _python(module: str) -> tuple[str, ...]:
    return sys.executable, "-m", module
