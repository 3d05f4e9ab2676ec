"""Starts what the tests run against, before Django's settings are read."""

import os

import django

from tests import pristine, services
from tests import stack as stacks

services.provide()
os.environ["DJANGO_SETTINGS_MODULE"] = "cloudintel_project.settings"
django.setup()

import pytest  # noqa: E402  # the imports below need Django
import redis  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.cache import cache  # noqa: E402

from collectors.services.access import open_clouds  # noqa: E402

# Each new client of a test would read all static files, which took a third of the time of all tests.
settings.WHITENOISE_AUTOREFRESH = True

SYSTEM_TIMEOUT_S = 300
"""The first test of a system waits for its start as well, beside another one that starts."""


def pytest_xdist_setupnodes():
    """Keep what this process uses to itself: each that it starts has servers, and settings, of its own."""
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"):
        os.environ.pop(name, None)


def pytest_collection_modifyitems(items):
    """Mark whole systems: those that share a started one stay together, as do those that are broken."""
    for item in items:
        if not {"acceptance", "faults"} & set(item.path.parts):
            continue
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SYSTEM_TIMEOUT_S))
        if not item.get_closest_marker("alone"):
            item.add_marker("whole")
            item.add_marker(pytest.mark.xdist_group("shared" if "stack" in item.fixturenames else "own"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """The database keeps its name in each of several processes: each has a PostgreSQL of its own."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The tests' database, to whose first rows each test that commits returns."""
    with django_db_blocker.unblock():
        pristine.keep()


@pytest.fixture(scope="session")
def valkey():
    """A client of the Valkey database that belongs to the tests."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def _nothing_remembered(request):
    """Begin each test with an empty cache, all doors closed and, but for unit tests, an empty broker."""
    cache.clear()
    open_clouds.close()
    if "unit" not in request.path.parts:
        request.getfixturevalue("valkey").flushdb()


@pytest.fixture(scope="session")
def stack():
    """A CloudIntel that collected from the demo cloud and is ready; shared, so leave it as it was."""
    with stacks.Stack() as running:
        yield running.start()
