"""Logging in, and the wait after too many wrong passwords."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth import hashers
from django.contrib.sessions.models import Session
from django.db import connections
from django.db.models import F
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests import builders

pytestmark = pytest.mark.django_db

EMAIL, PASSWORD = "user@example.com", "securepassword123"


@pytest.fixture(autouse=True)
def _quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def user():
    return builders.user(email=EMAIL, password=PASSWORD)


def log_in(password=PASSWORD, email=EMAIL, address="192.0.2.1", **headers):
    return APIClient(REMOTE_ADDR=address, headers=headers).post(
        "/api/auth/login", {"email": email, "password": password}
    )


def fail(times=5, **attempt):
    """Try that many wrong passwords; return the statuses."""
    return [log_in(f"wrong password {n}", **attempt).status_code for n in range(times)]


def let_pass(**time):
    """Make all failures that much older."""
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(**time))


def test_a_login_returns_a_token_that_opens_what_is_ones_own(user):
    answer = log_in()
    assert answer.status_code == 200
    assert list(answer.json()) == ["message", "token"]
    assert answer.json()["message"] == "Login successful"
    bearer = APIClient(headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert bearer.get("/api/auth/me").json()["email"] == EMAIL


def test_a_token_is_not_kept_by_caches(user):
    assert "no-store" in log_in().headers["Cache-Control"]


@pytest.mark.parametrize("email", ["USER@example.com", " User@Example.com "])
def test_addresses_are_the_same_in_any_case(user, email):
    assert log_in(email=email).status_code == 200


def test_a_login_is_remembered_by_its_time_alone(user):
    log_in()
    user.refresh_from_db()
    assert user.last_login is not None
    assert not Session.objects.exists()
    assert not AccessLog.objects.exists()


@pytest.mark.parametrize(
    "body", [{}, {"email": EMAIL}, {"password": PASSWORD}, {"email": "", "password": ""}]
)
def test_both_fields_are_required(body):
    answer = APIClient().post("/api/auth/login", body)
    assert (answer.status_code, answer.json()) == (400, {"error": "Email and password are required"})


def test_no_body_at_all_lacks_both_fields():
    answer = APIClient().post("/api/auth/login")
    assert (answer.status_code, answer.json()) == (400, {"error": "Email and password are required"})


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "7", "{", '{"email": NaN}'])
def test_a_body_that_is_no_object_is_refused_with_the_reason(body):
    answer = APIClient().generic("POST", "/api/auth/login", body, content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"]


def test_a_form_is_not_accepted():
    answer = APIClient().post("/api/auth/login", {"email": EMAIL, "password": PASSWORD}, format="multipart")
    assert (answer.status_code, list(answer.json())) == (415, ["error"])


@pytest.mark.parametrize(
    ("email", "password"), [(7, PASSWORD), (EMAIL, 7), (EMAIL, ["x"]), ("x" * 255, PASSWORD), (EMAIL, "a\0b")]
)
def test_unusable_values_are_refused(email, password):
    assert log_in(password, email).status_code == 400


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        (EMAIL, PASSWORD.upper()),
        (EMAIL, f" {PASSWORD}"),
        ("other@example.com", PASSWORD),
        ("x", "y"),
    ],
)
def test_wrong_credentials_are_refused_alike(user, email, password):
    answer = log_in(password, email)
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid credentials"})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_disabled_user_is_refused_as_a_wrong_password_is():
    builders.user(email=EMAIL, password=PASSWORD, is_active=False)
    answer = log_in()
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid credentials"})


@pytest.mark.parametrize("email", [EMAIL, "unknown@example.com", "not an address"])
def test_a_password_is_hashed_once_whether_the_user_is_known_or_not(user, email, monkeypatch):
    hashed = []
    encode = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher, "encode", lambda *given: hashed.append(email) or encode(*given)
    )
    log_in("wrong", email)
    assert hashed == [email]


# --- The wait --------------------------------------------------------------------------------
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_after_five_wrong_passwords_the_sixth_try_has_to_wait(user, password):
    assert fail(5) == [401] * 5
    answer = log_in(password)
    assert answer.status_code == 429
    assert answer.json() == {"error": "Too many wrong passwords; try again in 15 minutes."}
    assert 14 * 60 < int(answer.headers["Retry-After"]) <= 15 * 60


def test_after_four_wrong_passwords_the_right_one_opens_and_starts_the_count_again(user):
    assert fail(4) == [401] * 4
    assert log_in().status_code == 200
    assert fail(4) == [401] * 4
    assert log_in().status_code == 200


@pytest.mark.parametrize(("minutes", "status"), [(14.9, 429), (15.1, 200)])
def test_the_wait_is_15_minutes(user, minutes, status):
    fail(5)
    let_pass(minutes=minutes)
    assert log_in().status_code == status


def test_the_remaining_wait_is_told(user):
    fail(5)
    let_pass(minutes=14.5)
    answer = log_in()
    assert answer.json()["error"].endswith("try again in 1 minute.")
    assert int(answer.headers["Retry-After"]) <= 30


def test_tries_during_the_wait_do_not_make_it_longer(user):
    fail(5)
    let_pass(minutes=10)
    assert fail(3) == [429] * 3
    let_pass(minutes=5.1)
    assert log_in().status_code == 200


def test_the_wait_is_for_one_address(user):
    fail(5)
    assert log_in(address="192.0.2.2").status_code == 200
    assert log_in(address="192.0.2.1").status_code == 429


def test_the_wait_is_for_one_email(user):
    builders.user(email="other@example.com", password=PASSWORD)
    fail(5)
    assert log_in(email="other@example.com").status_code == 200


def test_an_unknown_email_has_to_wait_as_well():
    assert fail(6, email="unknown@example.com") == [401] * 5 + [429]


def test_the_case_of_the_email_does_not_start_another_count(user):
    assert fail(3, email=EMAIL.upper()) == [401] * 3
    assert fail(3, email=f" {EMAIL.title()} ") == [401, 401, 429]


def test_neither_does_what_the_client_says_of_itself(user):
    agents = [f"agent {n}" for n in range(5)]
    assert [fail(1, **{"User-Agent": agent}) for agent in agents] == [[401]] * 5
    assert log_in(**{"User-Agent": "another", "X-Forwarded-For": "198.51.100.7"}).status_code == 429


def test_what_a_client_says_of_itself_does_not_shorten_the_wait(user):
    fail(3, **{"User-Agent": "first"})
    let_pass(minutes=10)
    fail(2, **{"User-Agent": "second"})
    let_pass(minutes=6)
    assert log_in().status_code == 429


def test_malformed_tries_are_not_counted(user):
    for _ in range(6):
        assert log_in(7).status_code == 400
    assert log_in().status_code == 200


def test_no_password_is_kept_with_a_failure(user):
    fail(1)
    attempt = AccessAttempt.objects.get()
    assert "wrong password" not in f"{attempt.post_data} {attempt.get_data} {attempt.path_info}"


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_get_five_chances_together():
    builders.user(email=EMAIL, password=PASSWORD)
    together, statuses = Barrier(12), []

    def attack():
        together.wait()
        statuses.extend(fail(1))
        connections.close_all()

    attackers = [Thread(target=attack) for _ in range(12)]
    for attacker in attackers:
        attacker.start()
    for attacker in attackers:
        attacker.join()
    assert sorted(statuses) == [401] * 5 + [429] * 7


# --- The admin's form ------------------------------------------------------------------------
def open_admin(password, email=EMAIL):
    return Client(REMOTE_ADDR="192.0.2.1").post("/admin/login/", {"username": email, "password": password})


@pytest.fixture
def administrator():
    return builders.user("administrator", email=EMAIL, password=PASSWORD)


def test_the_admins_form_lets_administrators_in(administrator):
    assert open_admin(PASSWORD, EMAIL.upper()).status_code == 302


def test_the_admins_form_has_the_same_wait(administrator):
    pages = [open_admin("wrong") for _ in range(5)]
    assert [page.status_code for page in pages] == [200] * 5
    assert b"Please enter the correct" in pages[-1].content
    refusal = open_admin(PASSWORD)
    assert (refusal.status_code, refusal.json()) == (
        429,
        {"error": "Too many wrong passwords; try again in 15 minutes."},
    )
    assert 14 * 60 < int(refusal.headers["Retry-After"]) <= 15 * 60


def test_the_form_and_the_api_count_together(administrator):
    open_admin("wrong", EMAIL.upper())
    open_admin("wrong")
    assert fail(3) == [401] * 3
    assert log_in().status_code == 429
    assert open_admin(PASSWORD).status_code == 429


def test_the_admins_form_wants_its_csrf_token():
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("CSRF verification failed")


# --- A new password --------------------------------------------------------------------------
def change(token, current=PASSWORD, new="a better password", **body):
    client = APIClient(REMOTE_ADDR="192.0.2.1", headers={"Authorization": f"Bearer {token}"})
    return client.post("/api/auth/password", {"current_password": current, "new_password": new, **body})


def profile(token):
    return APIClient(headers={"Authorization": f"Bearer {token}"}).get("/api/auth/me")


def test_a_new_password_voids_the_tokens_of_the_old_one(user):
    older, old = log_in().json()["token"], log_in().json()["token"]
    answer = change(old)
    assert answer.status_code == 200
    assert [profile(token).status_code for token in (older, old)] == [401, 401]
    assert profile(older).json() == {"error": "Token is invalid"}
    assert profile(answer.json()["token"]).status_code == 200


def test_only_the_new_password_logs_in_afterwards(user):
    change(log_in().json()["token"], new="a better password")
    assert log_in(PASSWORD).status_code == 401
    assert log_in("a better password").status_code == 200


def test_a_new_password_ends_other_sessions(administrator):
    session = Client()
    session.force_login(administrator)
    assert session.get("/admin/").status_code == 200
    change(log_in().json()["token"])
    assert session.get("/admin/").status_code == 302


def test_the_session_that_changes_the_password_goes_on(administrator):
    session = APIClient()
    session.force_login(administrator)
    answer = session.post(
        "/api/auth/password", {"current_password": PASSWORD, "new_password": "a better password"}
    )
    assert answer.status_code == 200
    assert session.get("/api/v1/accounts/").status_code == 200


def test_the_current_password_must_be_right(user):
    answer = change(log_in().json()["token"], current="wrong")
    assert (answer.status_code, answer.json()) == (400, {"error": "The current password is wrong"})
    assert log_in().status_code == 200


def test_wrong_current_passwords_are_counted_as_wrong_logins(user):
    token = log_in().json()["token"]
    assert [change(token, current="wrong").status_code for _ in range(6)] == [400] * 5 + [429]
    assert log_in().status_code == 429
    assert profile(token).status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"new_password": ""}, "current_password and new_password are required"),
        ({"current_password": None}, "current_password and new_password are required"),
        ({"new_password": "short"}, "new_password: This password is too short."),
        ({"new_password": EMAIL}, "new_password: The password is too similar"),
        ({"new_password": 123456789012}, "new_password: Not a valid string."),
        ({"new_password": "x" * 1025}, "new_password: Ensure this field has no more than 1024"),
    ],
)
def test_an_unusable_new_password_is_refused(user, body, reason):
    answer = change(log_in().json()["token"], **body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    assert User.objects.get().check_password(PASSWORD)


def test_a_password_is_changed_by_its_owner_only():
    answer = APIClient().post("/api/auth/password", {"current_password": "a", "new_password": "b"})
    assert (answer.status_code, answer.json()) == (401, {"error": "Token is missing"})
