"""Who may ask what, on every path; and that each path is answered with and without its slash."""

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from pipelines import messages
from tests import builders

pytestmark = pytest.mark.django_db

ROLES = (None, "registered", "viewer", "operator", "administrator")
READ = {"viewer", "operator", "administrator"}
OPERATE = {"operator", "administrator"}
ADMINISTER = {"administrator"}
ASKED = [
    ("get", "/cost-trend", READ),
    ("get", "/cost-summary", READ),
    ("get", "/cpu-trend", READ),
    ("get", "/api/v1/", READ),
    ("get", "/api/v1/accounts/", READ),
    ("get", "/api/v1/accounts/111111111111/", READ),
    ("get", "/api/v1/accounts/111111111111/price/", READ),
    ("get", "/api/v1/inventory/", READ),
    ("get", "/api/v1/inventory/i-1/", READ),
    ("get", "/api/v1/volumes/", READ),
    ("get", "/api/v1/volumes/vol-1/", READ),
    ("get", "/api/v1/costs/", READ),
    ("get", "/api/v1/cpu/", READ),
    ("get", "/api/v1/samples/", READ),
    ("get", "/api/v1/fleet-cpu/", READ),
    ("get", "/api/v1/runs/", READ),
    ("get", "/api/v1/runs/{run}/", READ),
    ("get", "/api/v1/alerts/", READ),
    ("get", "/api/v1/alerts/{alert}/", READ),
    ("get", "/metrics", READ),
    ("post", "/sync-ec2", OPERATE),
    ("post", "/sync-cost", OPERATE),
    ("post", "/sync-cpu", OPERATE),
    ("post", "/api/v1/accounts/", ADMINISTER),
    ("put", "/api/v1/accounts/111111111111/", ADMINISTER),
    ("patch", "/api/v1/accounts/111111111111/", ADMINISTER),
    ("delete", "/api/v1/accounts/111111111111/", ADMINISTER),
]
ANYBODY = ("/api/docs", "/api/schema", "/api/", "/livez", "/readyz")


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(messages, "send", lambda _run: True)


@pytest.fixture
def run():
    account = builders.account("111111111111")
    builders.instance(account, instance_id="i-1")
    builders.volume(account, volume_id="vol-1")
    return builders.run()


def as_role(role):
    if role is None:
        return APIClient()
    return builders.client(None if role == "registered" else role)


@pytest.mark.parametrize("slash", [True, False], ids=["slash", "no slash"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path", "allowed"), ASKED, ids=[f"{m} {p}" for m, p, _ in ASKED])
def test_each_role_may_ask_what_is_its(method, path, allowed, role, slash, run):
    path = path.format(run=run.pk, alert=builders.alert().pk).rstrip("/") + "/" * slash
    answer = getattr(as_role(role), method)(path)
    if role in allowed:
        assert answer.status_code in (200, 202, 204, 400), "400: nothing was sent to be stored"
    else:
        assert answer.status_code == (401 if role is None else 403)
        assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("slash", [True, False], ids=["slash", "no slash"])
@pytest.mark.parametrize("path", ANYBODY)
def test_some_paths_are_for_anybody(path, slash):
    assert APIClient().get(path.rstrip("/") + "/" * slash).status_code == 200


def test_every_path_of_the_api_is_among_those():
    asked = {path.strip("/").format(run=1, alert=1) for _, path, _ in ASKED} | {p.strip("/") for p in ANYBODY}
    resolver = get_resolver()
    served = {
        resolver.resolve(f"/{path}{slash}").route
        for path in asked
        for slash in ("/" if path.startswith("api/v1") or path == "api" else "",)
    }
    assert set(_routes(resolver.url_patterns)) - served == set()


def _routes(patterns, before=""):
    """Return the routes that are neither the admin's, the accounts' nor the front page's."""
    for pattern in patterns:
        route = before + str(pattern.pattern).removeprefix("^")
        if hasattr(pattern, "url_patterns"):
            if not route.startswith(("admin/", "api/auth/")):
                yield from _routes(pattern.url_patterns, route)
        elif route:
            yield route


def test_a_refusal_says_what_is_missing():
    assert APIClient().get("/cost-trend").json() == {"error": "Token is missing"}
    assert "role viewer" in builders.client().get("/cost-trend").json()["error"]
    assert "role operator" in builders.client("viewer").post("/sync-ec2").json()["error"]


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/costs/", "/cost-trend"])
def test_a_browser_without_a_session_is_refused_too(path):
    answer = APIClient().get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing/", "/api/nothing", "/sync-s3"])
def test_an_unknown_route_is_told_in_json(path):
    answer = APIClient().get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})


def test_an_admin_session_may_ask_too():
    client = APIClient()
    client.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/cost-summary").status_code == 200


def test_a_session_cannot_be_used_from_another_site():
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/sync-ec2")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["error"]


def test_the_front_page_leads_to_the_documentation():
    assert APIClient().get("/")["Location"] == "/api/docs"


def test_the_root_names_what_is_under_it():
    assert set(builders.client("viewer").get("/api/v1/").json()) == {
        "accounts",
        "inventory",
        "volumes",
        "costs",
        "cpu",
        "samples",
        "fleet-cpu",
        "runs",
        "alerts",
    }


@pytest.mark.parametrize(
    "path", ["/cost-trend", "/cost-summary", "/cpu-trend", "/api/v1/", "/api/v1/accounts/", "/api/v1/cpu/"]
)
def test_answers_are_browsable(path):
    page = builders.client("administrator").get(path, headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
