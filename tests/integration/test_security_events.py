"""Security events: what was refused is counted by the hour, and never piles up."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from accounts import security
from accounts.models import Kind, SecurityEvent
from tests import builders

pytestmark = pytest.mark.django_db

PASSWORD = "securepassword123"


@pytest.fixture
def hour(monkeypatch):
    """Set the hour that events are recorded in; the lock-out has its own clock."""

    def set_to(number):
        moment = datetime(2026, 3, 20, number, 10, tzinfo=UTC)
        monkeypatch.setattr(security, "timezone", SimpleNamespace(now=lambda: moment))

    return set_to


@pytest.fixture(autouse=True)
def _in_one_hour(hour, settings):
    hour(12)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def log_in(email="known@example.com", password="wrong", **headers):
    return builders.APIClient().post("/api/auth/login", {"email": email, "password": password}, **headers)


def counted():
    return {(each.kind, each.email): each.count for each in SecurityEvent.objects.all()}


def test_failed_logins_are_counted_not_piled_up_and_so_are_tries_while_locked_out():
    person = builders.user(email="known@example.com", password=PASSWORD)
    answers = [log_in().status_code for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert counted() == {
        (Kind.LOGIN_FAILED, "known@example.com"): 5,
        (Kind.LOCKED_OUT, "known@example.com"): 1 + 2,
    }
    event = SecurityEvent.objects.get(kind=Kind.LOGIN_FAILED)
    assert (event.user, event.address, event.method, event.path) == (
        person,
        "127.0.0.1",
        "POST",
        "/api/auth/login",
    )


def test_an_e_mail_that_nobody_has_is_kept_as_it_was_tried_cut_to_its_longest():
    log_in(email=f"{'x' * 250}@example.com")
    log_in(email="Nobody@Example.com")
    events = SecurityEvent.objects.order_by("pk")
    assert [(event.email, event.user) for event in events] == [("nobody@example.com", None)]


def test_the_next_hour_has_a_row_of_its_own(hour):
    log_in()
    hour(13)
    log_in()
    assert [event.count for event in SecurityEvent.objects.all()] == [1, 1]


def test_what_a_user_may_not_do_is_recorded_and_what_nobody_asks_is_not():
    person = builders.user()
    client = builders.bearer(person)
    for _ in range(3):
        assert client.get("/api/v1/runs/").status_code == 403
    assert builders.APIClient().get("/api/v1/runs/").status_code == 401
    event = SecurityEvent.objects.get()
    assert (event.kind, event.user, event.count) == (Kind.PERMISSION_DENIED, person, 3)
    assert (event.method, event.path) == ("GET", "/api/v1/runs/")


def test_refusals_in_the_admin_are_recorded():
    person = builders.user(is_staff=True)
    browser = Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get(reverse("admin:pipelines_run_changelist")).status_code == 403
    assert SecurityEvent.objects.get().user == person


def test_a_flood_of_e_mails_from_one_address_fills_no_table(monkeypatch):
    monkeypatch.setattr(security, "MOST_ROWS", 3)
    for number in range(10):
        log_in(email=f"guess{number}@example.com")
    log_in(email="guess1@example.com")
    assert counted() == {
        (Kind.LOGIN_FAILED, "guess0@example.com"): 1,
        (Kind.LOGIN_FAILED, "guess1@example.com"): 2,
        (Kind.LOGIN_FAILED, "guess2@example.com"): 1,
        (Kind.LOGIN_FAILED, security.OTHERS): 7,
    }


def test_what_cannot_be_recorded_is_answered_all_the_same(monkeypatch, caplog):
    def full(*_key, **_fields):
        raise DatabaseError("no space left")

    monkeypatch.setattr(security, "_count", full)
    assert log_in().status_code == 401
    assert builders.client().get("/api/v1/runs/").status_code == 403
    assert "is not recorded" in caplog.text


def test_events_can_only_be_looked_at():
    log_in()
    browser = Client()
    browser.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("admin:accounts_securityevent_change", args=[SecurityEvent.objects.get().pk])
    assert "known@example.com" in browser.get(address).content.decode()
    assert browser.post(address, {}).status_code == 403
