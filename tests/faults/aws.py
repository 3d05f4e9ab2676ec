"""The stub of AWS that a cluster collects from: what it holds, what it was asked, how it misbehaves."""

import sys
from functools import partial

import requests

from cloudintel_project import processes
from cloudintel_project.processes import Program

# Of a hundred calls, 15 are throttled, and 18 of the other 85 meet trouble: 30.
TROUBLE = ("throttle=0.15", "unavailable=0.18")


class Aws:
    """One stub; each region holds so many instances, with a volume each."""

    def __init__(self, *, instances, regions, latency_ms):
        self.regions = regions
        self.instances = instances * len(regions)
        self._latency_ms = latency_ms
        self._each = instances
        self._port = processes.free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def program(self, env):
        """Return how the stub is run."""
        return Program(
            name="faults-stub",
            argv=(
                *(sys.executable, "-m", "benchmarks.stub", "--port", str(self._port)),
                *("--instances", str(self._each), "--regions", ",".join(self.regions)),
                *("--latency-ms", str(self._latency_ms)),
            ),
            env=env,
            is_ready=partial(_answers, self.url),
        )

    def behave(self, **behaviour):
        """Begin anew: `behave(faults=["throttle=0.3"], latency_ms=0)`, the rest as usual."""
        requests.post(f"{self.url}/stub/reset", json=behaviour, timeout=10).raise_for_status()

    def calls(self):
        """Return how many calls of each action came since then."""
        return requests.get(f"{self.url}/stub/calls", timeout=10).json()["calls"]

    def desired(self):
        """Return what the Auto Scaling groups were set to, one after the other, by their names."""
        return requests.get(f"{self.url}/stub/desired", timeout=10).json()


def _answers(url):
    try:
        return requests.get(f"{url}/livez", timeout=2).ok
    except requests.ConnectionError:
        return False
