from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from tests import builders


@pytest.fixture
def owner():
    return builders.user()


@pytest.fixture
def api(owner):
    """A client with a token of the owner's."""
    return builders.bearer(owner)


@pytest.fixture
def at_once():
    """Do something as often as told, all at once, and return what each did; what one raises is raised."""

    def race(act, count=4):
        barrier = Barrier(count, timeout=30)

        def run(_number):
            try:
                barrier.wait()
                return act()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(count) as threads:
            results = list(threads.map(run, range(count)))
        assert len(results) == count
        return results

    return race


@pytest.fixture
def stranger():
    """A client with a token of an administrator, who owns nothing here."""
    return builders.bearer(builders.user("administrator"))
