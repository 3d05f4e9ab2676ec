import pytest
from django.test import Client

from pipelines import messages
from tests import builders


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(messages, "send", lambda _work: True)


def logged_in(person, **options):
    """A browser with a session of that user."""
    browser = Client(**options)
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def viewer():
    """A browser of somebody who may look."""
    return logged_in(builders.user("viewer"))


@pytest.fixture
def operator():
    """A browser of somebody who may act."""
    return logged_in(builders.user("operator", email="operator@example.com"))


@pytest.fixture
def part():
    """Ask for a part of a page as htmx does: `part(browser, "/pipelines/", "runs")`."""

    def ask(browser, address, target):
        return browser.get(address, headers={"HX-Request": "true", "HX-Target": target})

    return ask
