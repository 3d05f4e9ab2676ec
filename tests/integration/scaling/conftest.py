from threading import Barrier, Thread

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
    """Do something as often as told, all at once, and return what each did."""

    def race(act, count=4):
        barrier, results = Barrier(count), []

        def run():
            barrier.wait()
            try:
                results.append(act())
            finally:
                connections.close_all()

        threads = [Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return race


@pytest.fixture
def stranger():
    """A client with a token of an administrator, who owns nothing here."""
    return builders.bearer(builders.user("administrator"))
