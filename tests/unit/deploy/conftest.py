"""What the tests of the deployment share."""

import pytest
import yaml

from cloudintel_project import programs
from tests.unit.test_container_files import ROOT, options


@pytest.fixture(scope="session")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture
def versatile(monkeypatch):
    """What sets worker-critical apart where the other workers may all be gone, as on two CPUs."""
    monkeypatch.setattr(programs, "CPU_PROCESSES", 2)
    started = options(programs.worker_versatile(env={}).argv)
    return {name: started[name] for name in ("--pool", "--concurrency", "--queues")}
