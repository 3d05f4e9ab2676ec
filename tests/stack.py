"""A whole CloudIntel in processes of its own, started as `make run` starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import psutil
import requests

from cloudintel_project import home as data_folder
from cloudintel_project.processes import free_port
from tests import services

READY = re.compile(r"^CloudIntel is ready at (http://\S+)$", re.MULTILINE)
CURL = re.compile(r"curl -H 'Authorization: Bearer (\S+)' (\S+)")
START_S = 120.0
ADMIN_EMAIL = "admin@cloudintel.local"


class Stack:
    """CloudIntel on a data folder and a port of its own, against the demo cloud unless told otherwise.

    A data folder that is given stays when the stack stops; otherwise it is a new one, and removed.
    """

    def __init__(self, home: Path | None = None, **settings: str) -> None:
        self.home = home or services.make_home()
        self._owns_home = home is None
        self.port = int(settings.setdefault("PORT", str(free_port())))
        self.environment = environment(self.home, CLOUDINTEL_CLOUD="demo") | settings
        self._log = self.home / f"terminal-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.greeting = ""
        """What the last start had printed when it was ready."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()

    @property
    def base_url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What was printed since the last start, standard output and errors."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        return self._running.pid

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("The stack was not started.")
        return self._process

    def launch(self) -> Self:
        """Start without waiting for anything."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cloudintel_project"],
                cwd=data_folder.PROJECT_ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def start(self) -> Self:
        """Start and wait for the line that says it is ready."""
        self.launch()
        deadline = time.monotonic() + START_S
        while not READY.search(self.output):
            if self._running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The stack did not start:\n{self.output}")
            time.sleep(0.05)
        self.greeting = self.output
        return self

    def wait(self, within_s: float = START_S) -> int:
        """Wait for the end and return the exit code."""
        return self._running.wait(within_s)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self._running.send_signal(how)
        return self.wait(15)

    def remove(self) -> None:
        """Stop what runs and delete the data folder, if it is the stack's own."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        if self._owns_home:
            clear(self.home)

    def admin_password(self) -> str:
        """Return the password that was generated for the administrator."""
        return (self.home / "admin_password").read_text()

    def admin_token(self) -> str:
        """Log the administrator in and return the token."""
        login = {"email": ADMIN_EMAIL, "password": self.admin_password()}
        answer = requests.post(f"{self.base_url}/api/auth/login", json=login, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def session(self, token: str | None = None) -> requests.Session:
        """Return an HTTP session that carries the token, by default an administrator's."""
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token or self.admin_token()}"
        return session

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run manage.py as a second shell would."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=data_folder.PROJECT_ROOT,
            env=environment(self.home),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return an environment for that data folder, in which no servers are named."""
    clean = services.clean_environment(home) | settings
    return {name: value for name, value in clean.items() if name not in ("DATABASE_URL", "REDIS_URL")}


def clear(home: Path) -> None:
    """Kill what a failed test left running on that data folder, and delete the folder."""
    for process in processes_of(home):
        process.kill()
    services.remove_home(home)


def processes_of(home: Path) -> list[psutil.Process]:
    """Return the living processes that name the data folder in their arguments or their environment."""
    return [process for process in psutil.process_iter() if _belongs_to(process, home)]


def _belongs_to(process: psutil.Process, home: Path) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get("CLOUDINTEL_HOME") == str(home) or any(
            str(home) in argument for argument in process.cmdline()
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
