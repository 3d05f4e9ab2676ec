"""Scripts of other origins use the API with tokens, and never with cookies."""

import pytest
from django.db import DatabaseError
from django.test import Client

from accounts import tokens
from core import health
from tests import builders

pytestmark = pytest.mark.django_db

ELSEWHERE = "https://app.example.org"


@pytest.fixture
def client():
    return Client(raise_request_exception=False, headers={"Origin": ELSEWHERE})


def bearer(role=None):
    return {"Authorization": f"Bearer {tokens.issue(builders.user(role))}"}


def granted(answer):
    """What the answer permits to other origins, by header."""
    return {name.lower() for name in answer.headers if name.lower().startswith("access-control-")}


def words(text):
    return {word.strip().lower() for word in text.split(",")}


# --- What scripts may send -------------------------------------------------------------------
PATHS = ["/api/", "/api/auth/login", "/api/auth/me/", "/api/v1/accounts/", "/api/v1/accounts", "/api/nothing"]


def preflight(client, path, method="POST", headers="authorization, content-type"):
    return client.options(
        path,
        headers={"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers},
    )


@pytest.mark.parametrize("path", ["/api", *PATHS])
def test_a_preflight_is_answered_without_a_token(client, path):
    answer = preflight(client, path)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_each_method_and_header_of_the_api_is_permitted(client):
    answer = preflight(client, "/api/v1/accounts/")
    assert {"get", "post", "put", "patch", "delete"} <= words(answer.headers["Access-Control-Allow-Methods"])
    assert {"accept", "authorization", "content-type", "x-request-id"} <= words(
        answer.headers["Access-Control-Allow-Headers"]
    )


def test_a_preflight_is_not_redirected_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert preflight(client, "/api/auth/login").status_code == 200


@pytest.mark.parametrize("path", ["/api", *PATHS])
def test_credentials_are_permitted_nowhere(client, path):
    for answer in (preflight(client, path), client.get(path)):
        assert "access-control-allow-credentials" not in granted(answer)


@pytest.mark.parametrize(
    "path", ["/", "/admin/", "/admin/login/", "/apis", "/livez", "/metrics", "/sync-ec2", "/cost-trend"]
)
def test_nothing_outside_the_api_is_for_other_origins(client, path):
    assert granted(preflight(client, path)) == set()
    assert granted(client.get(path, headers=bearer("administrator"))) == set()


# --- What scripts may read -------------------------------------------------------------------
def test_an_answer_is_readable_with_a_token(client):
    answer = client.get("/api/v1/accounts/", headers=bearer("viewer"))
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_an_answer_names_the_headers_that_scripts_may_read(client):
    exposed = words(client.get("/api/").headers["Access-Control-Expose-Headers"])
    assert {"link", "retry-after", "x-request-id", "x-total-count"} <= exposed


def test_without_another_origin_nothing_is_permitted():
    answer = Client().get("/api/")
    assert granted(answer) == set()
    assert "origin" in words(answer.headers["Vary"])


def refusals(client):
    """Return answers that are no successes, by their status."""
    json = {"content_type": "application/json"}
    yield 400, client.post("/api/auth/login", "{", **json)
    yield 400, client.get("/api/auth/me?%00")
    yield 400, client.get("/api/", headers={"Host": "evil.example"})
    yield 401, client.get("/api/auth/me")
    yield 403, client.get("/api/v1/accounts/", headers=bearer())
    yield 404, client.get("/api/nothing")
    yield 405, client.delete("/api/auth/login")
    yield 406, client.get("/api/auth/me", headers={"Accept": "image/png", **bearer()})
    yield 413, client.post("/api/auth/login", " " * 1_000_001, **json)
    yield 415, client.post("/api/auth/login", "<a/>", content_type="text/xml")


def test_refusals_are_readable_as_well(client):
    for status, answer in refusals(client):
        assert (status, answer.status_code) == (status, status)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", status
        assert "error" in answer.json()


def test_so_are_failures_of_the_server(client, monkeypatch):
    def fail(*_):
        raise DatabaseError("unforeseen")

    monkeypatch.setattr(health.MessageView, "get", fail)
    answer = client.get("/api/")
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (500, "*")


# --- Cookies ---------------------------------------------------------------------------------
FOREIGN = [
    {"Origin": ELSEWHERE},
    {"Origin": "null"},
    {"Origin": "https://testserver"},
    {"Origin": "http://testserver:8080"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
]
OWN = [
    {},
    {"Origin": "http://testserver"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"},
]


@pytest.fixture
def session():
    client = Client()
    client.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/v1/accounts/", "/cost-trend", "/metrics"])
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_cookie_counts_for_nothing_from_another_origin(session, headers, path):
    answer = session.get(path, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "Token is missing"})


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_nor_does_it_stand_in_the_way_of_a_token(session, headers):
    user = builders.user()
    answer = session.get("/api/auth/me", headers={**headers, "Authorization": f"Bearer {tokens.issue(user)}"})
    assert answer.json()["email"] == user.email


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_pages_of_the_own_origin_have_their_session(session, headers):
    assert session.get("/api/v1/accounts/", headers=headers).status_code == 200


def test_the_browsable_api_works_with_its_session(session):
    browser = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    page = session.get("/api/v1/accounts/", headers=browser)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    body = {"account_id": "111111111111", "name": "shop"}
    answer = session.post(
        "/api/v1/accounts/",
        body,
        content_type="application/json",
        headers={"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 201


def test_behind_tls_the_own_origin_is_the_one_of_https(session, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    proxied = {"Host": "testserver", "X-Forwarded-Proto": "https"}
    inside = session.get("/api/v1/accounts/", headers={**proxied, "Origin": "https://testserver"})
    outside = session.get("/api/v1/accounts/", headers={**proxied, "Origin": "http://testserver"})
    assert (inside.status_code, outside.status_code) == (200, 401)


def test_behind_a_proxy_of_another_name_the_own_origin_is_the_one_that_is_trusted(session, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://cloudintel.example.com"]
    inside = session.get("/api/v1/accounts/", headers={"Origin": "https://cloudintel.example.com"})
    outside = session.get("/api/v1/accounts/", headers={"Origin": "https://other.example.com"})
    assert (inside.status_code, outside.status_code) == (200, 401)
