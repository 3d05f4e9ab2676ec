import os
import random

import pytest

from tests.faults.cluster import Cluster, Size


def pytest_collection_modifyitems(items):
    """Have faults come last: they take longest, and share a cluster that others need not run beside."""
    items.sort(key=lambda item: "faults" in item.path.parts)


@pytest.fixture(scope="package")
def running():
    """A cluster whose programs are up; shared, since starting one takes its time."""
    with Cluster(Size()) as started:
        yield started


@pytest.fixture
def cluster(running):
    """The cluster with nothing collected and nothing to do."""
    running.begin()
    return running


@pytest.fixture
def informed(cluster):
    """Have the cluster take its inventory, so that there is something to measure."""
    assert cluster.finish("ec2", within_s=60).status == "succeeded"


@pytest.fixture
def chance():
    """What is random, the same for the same SEED."""
    return random.Random(int(os.environ.get("SEED") or 1))  # noqa: S311  # not for secrets
