"""Logging in and out."""

import pytest
from django.test import Client

from tests import builders
from tests.integration.dashboard.conftest import logged_in
from tests.integration.dashboard.reading import notes, parsed

pytestmark = pytest.mark.django_db

EMAIL, PASSWORD = "user@example.com", "securepassword123"
REFUSED = (
    "E-mail and password do not belong together, or the account is not active; "
    "an administrator can activate it."
)


@pytest.fixture(autouse=True)
def _quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def user():
    return builders.user("viewer", email=EMAIL, password=PASSWORD)


def log_in(browser=None, password=PASSWORD, email=EMAIL, **form):
    return (browser or Client()).post("/login/", {"username": email, "password": password, **form})


def test_a_login_leads_to_the_overview(user):
    browser = Client()
    assert log_in(browser).headers["Location"] == "/"
    assert browser.get("/").status_code == 200


def test_a_login_leads_back_to_the_page_that_was_wanted(user):
    assert log_in(next="/alerts/?state=open").headers["Location"] == "/alerts/?state=open"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_a_login_leads_to_no_other_site(user, elsewhere):
    assert log_in(next=elsewhere).headers["Location"] == "/"


def test_an_address_is_the_same_in_any_case(user):
    assert log_in(email=" USER@example.com").status_code == 302


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"email": "nobody@example.com"}])
def test_wrong_credentials_are_told_alike(user, wrong):
    answer = log_in(**wrong)
    assert answer.status_code == 200
    assert notes(answer) == [REFUSED]


def test_an_account_that_is_not_active_gets_no_session(user):
    user.is_active = False
    user.save()
    browser = Client()
    assert "not active" in notes(log_in(browser))[0]
    assert browser.get("/").status_code == 302


def test_a_user_without_a_role_gets_in_and_is_told_what_is_missing():
    builders.user(email=EMAIL, password=PASSWORD)
    answer = Client().post("/login/", {"username": EMAIL, "password": PASSWORD}, follow=True)
    assert answer.status_code == 403
    assert "an administrator can give it to you" in parsed(answer).text_content()
    assert "/settings/" in parsed(answer).xpath("//main//a/@href")


def test_a_locked_account_ends_its_sessions(user):
    browser = logged_in(user)
    user.is_active = False
    user.save()
    assert browser.get("/").headers["Location"] == "/login/?next=/"


def test_after_some_wrong_passwords_one_has_to_wait(user):
    for _ in range(5):
        log_in(password="wrong")
    answer = log_in()
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert parsed(answer).xpath("string(//h1)") == "Wait a little"


def test_whoever_is_logged_in_is_led_on(user):
    assert logged_in(user).get("/login/").headers["Location"] == "/"


def test_a_logout_ends_the_session(user):
    browser = logged_in(user)
    assert browser.post("/logout/").headers["Location"] == "/login/"
    assert browser.get("/").status_code == 302


def test_a_link_cannot_log_anybody_out(user):
    browser = logged_in(user)
    assert browser.get("/logout/").status_code == 405
    assert browser.get("/").status_code == 200
