"""How requests are refused, and what sessions and browsers see; who may ask what is in the matrix."""

import pytest
from rest_framework.test import APIClient

from tests import builders

pytestmark = pytest.mark.django_db


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
        "channels",
        "scaling/events",
        "billing-files",
        "cost-tags",
        "reconciliations",
        "quality",
        "budgets",
    }


@pytest.mark.parametrize(
    "path", ["/cost-trend", "/cost-summary", "/cpu-trend", "/api/v1/", "/api/v1/accounts/", "/api/v1/cpu/"]
)
def test_answers_are_browsable(path):
    page = builders.client("administrator").get(path, headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
