"""What the tests of the deployment share."""

import pytest
import yaml

from tests.unit.test_container_files import ROOT


@pytest.fixture(scope="session")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())
