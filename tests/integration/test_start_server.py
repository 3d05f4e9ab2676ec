"""scripts/start-server.sh: that it starts the web, and how."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from cloudintel_project import programs
from cloudintel_project.processes import free_port

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "start-server.sh"


def pairs(words):
    """A command's options, which the script and `make run` write with a blank between name and value."""
    found = iter(words)
    return {word: next(found) if word not in ("--preload", "--no-control-socket") else None for word in found}


def arguments(tmp_path, **environment):
    """What the script starts gunicorn with, said by a program that stands in for Python."""
    tell = tmp_path / "python"
    tell.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    tell.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(tell), **environment}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=True)
    words = done.stdout.splitlines()
    assert (words[:2], words[-1]) == (["-m", "gunicorn"], "cloudintel_project.wsgi")
    return pairs(words[2:-1])


def test_has_the_options_of_make_run_and_those_of_the_document(tmp_path):
    started = programs.web("0.0.0.0", 5000, env={}).argv  # noqa: S104  # compared, not bound
    document = {"--workers": "2", "--timeout": "3600", "--max-requests": "1000", "--preload": None}
    ours = {"--max-requests-jitter": "100"}
    assert arguments(tmp_path) == {**pairs(started[3:-1]), **document, **ours}


@pytest.mark.parametrize(
    ("variable", "option"),
    [
        ("WEB_CONCURRENCY", "--workers"),
        ("WEB_THREADS", "--threads"),
        ("WEB_TIMEOUT_S", "--timeout"),
        ("WEB_GRACEFUL_TIMEOUT_S", "--graceful-timeout"),
        ("WEB_MAX_REQUESTS", "--max-requests"),
        ("WEB_MAX_REQUESTS_JITTER", "--max-requests-jitter"),
    ],
)
def test_variables_say_otherwise(tmp_path, variable, option):
    assert arguments(tmp_path, **{variable: "7"})[option] == "7"


@pytest.mark.parametrize(("bind", "address"), [("127.0.0.1", "127.0.0.1:8080"), ("::", "[::]:8080")])
def test_listens_where_it_is_told_to(tmp_path, bind, address):
    assert arguments(tmp_path, BIND=bind, PORT="8080")["--bind"] == address


@pytest.mark.django_db
def test_serves_and_ends_well_when_asked_to(tmp_path):
    port = free_port()
    environment = {**os.environ, "PYTHON": sys.executable, "BIND": "127.0.0.1", "PORT": str(port)}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([SCRIPT], env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        assert awaited(f"http://127.0.0.1:{port}/livez", server).json() == {"status": "ok"}
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=20)
    assert code == 0, (tmp_path / "log").read_text()


def awaited(url, server, within_s=60):
    """The answer, as soon as there is one."""
    deadline = time.monotonic() + within_s
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return requests.get(url, timeout=2)
        except requests.ConnectionError:
            time.sleep(0.05)
    pytest.fail(f"the server did not answer; its exit code is {server.poll()}")
