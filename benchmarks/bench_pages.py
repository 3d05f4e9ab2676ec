"""How long pages take at N instances: the server's time, and when a browser first paints the overview.

The estate (benchmarks/pages_estate.py) is N instances (default 10,000) with their costs, rollups and computed
results. The server's time is that of whole requests in this process, session and templates included. The
first paint is what Chromium's Paint Timing says (first-contentful-paint) of LOADS loads (default 40), with
nothing in its cache and with all that the pages share, from the web server of `make run`; without Chromium,
or what `make lint` installs to drive it, it is unknown.
"""

import gzip
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client

from accounts.models import User
from benchmarks import pages_estate
from cloudintel_project import processes, programs

PAGES = {
    "overview": "/",
    "costs": "/costs/",
    "savings": "/costs/savings/",
    "carbon": "/costs/carbon/",
    "fleet": "/fleet/",
    "autoscaler": "/autoscaler/",
}
_FIRST_PAINT = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_PATIENCE_S = 10.0


def _operator() -> tuple[User, Client]:
    """Return somebody who may see and do all that pages offer, and a session of theirs."""
    person = User.objects.create_user(email="bench@example.com")
    person.groups.add(Group.objects.get(name="operator"))
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return person, client


def _p95(values: list[float]) -> float:
    return round(quantiles(values, n=20)[-1], 1)


# --- The server ------------------------------------------------------------------------------
def _served(client: Client, address: str, loads: int) -> list[float]:
    """Return how many milliseconds each answer took, after two that warm everything up."""

    def load() -> None:
        answer = client.get(address)
        if answer.status_code != 200:
            raise SystemExit(f"{address} was answered with {answer.status_code}.")

    return [_ms(load) for _ in range(loads + 2)][2:]


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _scripts_kb(page: str) -> float:
    """Return the size of all scripts of a page, gzipped each."""
    names = re.findall(r'<script src="/static/([^"]+)"', page)
    files = [finders.find(name) for name in names]
    return round(sum(len(gzip.compress(Path(str(file)).read_bytes())) for file in files) / 1024, 1)


# --- The browser -----------------------------------------------------------------------------
@contextmanager
def _website() -> Iterator[str]:
    """Serve the benchmark's database as `make run` does; yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    database = f"{base}/{connection.settings_dict['NAME']}"
    child = processes.Child(programs.web("127.0.0.1", port, env={**os.environ, "DATABASE_URL": database}))
    try:
        deadline = time.monotonic() + 60
        while not child.program.is_ready():
            if child.exit_code() is not None or time.monotonic() > deadline:
                raise SystemExit("\n".join(processes.last_lines(child.program.log)))
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop([child], within_s=5)


def _painted(client: Client, loads: int) -> dict[str, list[float]]:
    """Return when the overview was first painted, in milliseconds: of first visits, and of later ones."""
    from tests import browser as browsers  # noqa: PLC0415  # pytest and selenium may not be there

    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
    }
    found: dict[str, list[float]] = {"first_paint": [], "later_paint": []}
    with (
        tempfile.TemporaryDirectory() as profile,
        _website() as address,
        browsers.started(address, Path(profile)) as browser,
    ):
        browser.open("/login/")
        browser.driver.add_cookie(cookie)
        browser.open("/")
        for _ in range(loads):
            browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
            found["first_paint"].append(_first_paint(browser))
            found["later_paint"].append(_first_paint(browser))
    return found


def _first_paint(browser: Any) -> float:
    browser.open("/")
    if browser.path != "/":
        raise SystemExit(f"The browser was sent to {browser.path}.")
    return float(browser.until(lambda: browser.run(_FIRST_PAINT), within_s=_PATIENCE_S))


def _has_browser() -> bool:
    drivers = all(find_spec(name) for name in ("selenium", "pytest"))
    return drivers and all(shutil.which(name) for name in ("chromium", "chromedriver"))


def measure() -> dict[str, Any]:
    """Return medians and 95th percentiles of each page, and of the overview's first paint."""
    number, loads = int(os.environ.get("N", "10000")), int(os.environ.get("LOADS", "40"))
    person, client = _operator()
    filling = _ms(lambda: pages_estate.fill(number, person))
    figures: dict[str, Any] = {"n": number, "pages_filled_s": round(filling / 1000, 1)}
    for name, address in PAGES.items():
        took = _served(client, address, loads)
        figures |= {f"{name}_p50_ms": round(median(took), 1), f"{name}_p95_ms": _p95(took)}
    painted = _painted(client, loads) if _has_browser() else {"first_paint": [], "later_paint": []}
    for name, times in painted.items():
        figures |= {
            f"{name}_p50_ms": round(median(times), 1) if times else None,
            f"{name}_p95_ms": _p95(times) if times else None,
        }
    return {**figures, "scripts_gzip_kb": _scripts_kb(client.get("/").content.decode())}
