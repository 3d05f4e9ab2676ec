"""Registering and looking at oneself."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import User
from tests import builders

pytestmark = pytest.mark.django_db

PASSWORD = "securepassword123"


@pytest.fixture(autouse=True)
def _quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def register(**body):
    return APIClient().post("/api/auth/register", body)


def test_registering_stores_a_user_and_returns_the_id():
    answer = register(email="user@example.com", password=PASSWORD)
    user = User.objects.get(email="user@example.com")
    assert answer.status_code == 201
    assert answer.json() == {"message": "User registered successfully", "user_id": str(user.pk)}
    assert uuid.UUID(answer.json()["user_id"])


def test_a_registered_user_has_a_hashed_password_and_no_power():
    register(email="user@example.com", password=PASSWORD, is_superuser=True, is_staff=True)
    user = User.objects.get()
    assert PASSWORD not in user.password
    assert user.check_password(PASSWORD)
    assert (user.is_superuser, user.is_staff, user.groups.count()) == (False, False, 0)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("user@example.com", "securepassword123"),
        ("test@example.com", "testpass123"),
        ("test123@example.com", "testpass123"),
    ],
)
def test_the_example_passwords_are_accepted(email, password):
    assert register(email=email, password=password).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "user@example.com"},
        {"password": PASSWORD},
        {"email": "", "password": PASSWORD},
        {"email": "user@example.com", "password": ""},
        {"email": None, "password": None},
    ],
    ids=str,
)
def test_both_fields_are_required(body):
    answer = register(**body)
    assert (answer.status_code, answer.json()) == (400, {"error": "Email and password are required"})


def test_no_body_at_all_lacks_both_fields():
    answer = APIClient().post("/api/auth/register")
    assert (answer.status_code, answer.json()) == (400, {"error": "Email and password are required"})


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [
        ("nobody", PASSWORD, "email: Enter a valid email address."),
        ("   ", PASSWORD, "email: "),
        (12345, PASSWORD, "email: Enter a valid email address."),
        (["user@example.com"], PASSWORD, "email: Enter a valid email address."),
        ({"a": 1}, PASSWORD, "email: Enter a valid email address."),
        (f"{'a' * 250}@example.com", PASSWORD, "email: Ensure this field has no more than 254"),
        ("us\0er@example.com", PASSWORD, "NUL"),
        ("user@example.com", 12345678901, "password: Not a valid string."),
        ("user@example.com", True, "password: Not a valid string."),
        ("user@example.com", "short1", "password: This password is too short."),
        ("user@example.com", "8237492837", "password: This password is entirely numeric."),
        ("user@example.com", "password", "password: This password is too common."),
        ("correct.horse@example.com", "correct.horse@example", "password: The password is too similar"),
        ("user@example.com", "x" * 1025, "password: Ensure this field has no more than 1024"),
        ("user@example.com", "secure\0password", "NUL"),
    ],
)
def test_unusable_values_are_refused_with_the_reason(email, password, reason):
    answer = register(email=email, password=password)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert not User.objects.exists()


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "[[]]"])
def test_a_body_that_is_no_object_is_refused(body):
    answer = APIClient().generic("POST", "/api/auth/register", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("email", ["user@example.com", "USER@Example.COM", "  user@example.com "])
def test_an_address_is_registered_once_in_whatever_case(email):
    register(email="User@example.com", password=PASSWORD)
    answer = register(email=email, password=PASSWORD)
    assert (answer.status_code, answer.json()) == (409, {"error": "User with this email already exists"})


@pytest.mark.django_db(transaction=True)
def test_of_several_who_register_one_address_at_once_one_wins():
    together, statuses = Barrier(4), []

    def race(email):
        together.wait()
        statuses.append(register(email=email, password=PASSWORD).status_code)
        connections.close_all()

    racers = [Thread(target=race, args=[f"{name}@example.com"]) for name in ("me", "ME", "Me", "mE")]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(statuses) == [201, 409, 409, 409]
    assert User.objects.count() == 1


def test_a_bad_token_does_not_keep_anybody_from_registering():
    anonymous = APIClient(headers={"Authorization": "Bearer rubbish"})
    answer = anonymous.post("/api/auth/register", {"email": "user@example.com", "password": PASSWORD})
    assert answer.status_code == 201


def test_users_see_themselves():
    user = builders.user(created_at=datetime(2026, 1, 22, 5, 16, 25, 123456, UTC))
    client = APIClient()
    client.force_authenticate(user)
    assert client.get("/api/auth/me").json() == {
        "user_id": str(user.pk),
        "email": user.email,
        "created_at": "2026-01-22T05:16:25.123456",
        "instance_count": 0,
        "monitoring_count": 0,
    }


def test_the_time_of_creation_is_utc_with_microseconds():
    register(email="user@example.com", password=PASSWORD)
    client = APIClient()
    client.force_authenticate(User.objects.get())
    created_at = client.get("/api/auth/me").json()["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", created_at)
    assert datetime.now(UTC) - datetime.fromisoformat(f"{created_at}Z") < timedelta(minutes=1)


@pytest.mark.parametrize("route", ["register", "login", "me", "password"])
def test_a_5_mb_body_is_refused(route):
    answer = APIClient().post(f"/api/auth/{route}", {"email": "x" * 5_000_000})
    assert answer.status_code == 413
    assert "1,000,000 bytes" in answer.json()["error"]
