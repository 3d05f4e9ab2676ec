"""Who may ask what: every method of every route in the URL conf, asked by everybody.

A route that is served and not in the table fails, and so does a line of the table that nothing serves.
"""

from datetime import date, timedelta

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import tokens
from pipelines import messages
from tests import builders
from tests.integration.routes import METHODS, Route, served

pytestmark = pytest.mark.django_db

PASSWORD = "securepassword123"

# --- Who asks --------------------------------------------------------------------------------
ROLES = {
    "anonymous": None,
    "owner": None,
    "other user": None,
    "viewer": "viewer",
    "operator": "operator",
    "administrator": "administrator",
}
"""The role of each; the owner is a user like the other one, but for the instance that they registered."""

EVERYBODY = set(ROLES)
USERS = EVERYBODY - {"anonymous"}
VIEWERS = {"viewer", "operator", "administrator"}
OPERATORS = {"operator", "administrator"}
ADMINISTRATORS = {"administrator"}
OWNER = {"owner"}
SEEING = VIEWERS | OWNER
"""Of an instance that is in the inventory and that the owner registered."""

# --- What they may ask -----------------------------------------------------------------------
TABLE = """
    GET    /livez                                    EVERYBODY       200
    GET    /readyz                                   EVERYBODY       200
    GET    /health                                   EVERYBODY       200
    GET    /metrics                                  VIEWERS         200
    GET    /api/v1/slo                               VIEWERS         200
    GET    /api/v1/quality/                          VIEWERS         200
    GET    /api/v1/quality/weekly/                   VIEWERS         200
    GET    /status                                   VIEWERS         200
    POST   /execute                                  OPERATORS       202
    POST   /validate-weekly                          OPERATORS       202

    GET    /api/                                     EVERYBODY       200
    GET    /api/docs                                 EVERYBODY       200
    GET    /api/schema                               EVERYBODY       200
    POST   /api/auth/register                        EVERYBODY       201
    POST   /api/auth/login                           EVERYBODY       200
    GET    /api/auth/me                              USERS           200
    POST   /api/auth/password                        USERS           200

    POST   /sync-ec2                                 OPERATORS       202
    POST   /sync-cost                                OPERATORS       202
    POST   /sync-cpu                                 OPERATORS       202
    POST   /sync-billing                             OPERATORS       202
    GET    /cost-trend                               VIEWERS         200
    GET    /cost-summary                             VIEWERS         200
    GET    /cpu-trend                                VIEWERS         200

    GET    /api/v1/analytics/forecast                VIEWERS         200

    GET    /api/v1/                                  VIEWERS         200
    GET    /api/v1/accounts/                         VIEWERS         200
    POST   /api/v1/accounts/                         ADMINISTRATORS  201
    GET    /api/v1/accounts/{account_id}/            VIEWERS         200
    PUT    /api/v1/accounts/{account_id}/            ADMINISTRATORS  200
    PATCH  /api/v1/accounts/{account_id}/            ADMINISTRATORS  200
    DELETE /api/v1/accounts/{account_id}/            ADMINISTRATORS  204
    GET    /api/v1/accounts/{account_id}/price/      VIEWERS         200
    GET    /api/v1/inventory/                        VIEWERS         200
    GET    /api/v1/inventory/{instance_id}/          VIEWERS         200
    GET    /api/v1/volumes/                          VIEWERS         200
    GET    /api/v1/volumes/{volume_id}/              VIEWERS         200
    GET    /api/v1/costs/                            VIEWERS         200
    GET    /api/v1/costs/export                      VIEWERS         200
    GET    /api/v1/cpu/                              VIEWERS         200
    GET    /api/v1/samples/                          VIEWERS         200
    GET    /api/v1/fleet-cpu/                        VIEWERS         200
    GET    /api/v1/billing-files/                    VIEWERS         200
    GET    /api/v1/billing-files/{pk}/               VIEWERS         200
    GET    /api/v1/billing-files/{pk}/quarantine/    VIEWERS         200
    GET    /api/v1/reconciliations/                  VIEWERS         200
    GET    /api/v1/cost-tags/                        VIEWERS         200
    GET    /api/v1/cost-tags/values/                 VIEWERS         200
    GET    /api/v1/analytics/savings                 VIEWERS         200
    GET    /api/v1/analytics/savings/realised        VIEWERS         200
    POST   /api/v1/analytics/savings/{pk}/dismiss    OPERATORS       200
    DELETE /api/v1/analytics/savings/{pk}/dismiss    OPERATORS       200
    GET    /api/v1/runs/                             VIEWERS         200
    GET    /api/v1/runs/{pk}/                        VIEWERS         200
    POST   /api/v1/runs/{pk}/cancel/                 OPERATORS       409
    POST   /api/v1/runs/{pk}/resume/                 OPERATORS       409
    POST   /api/v1/backfill                          OPERATORS       202
    GET    /api/v1/analytics/anomalies               VIEWERS         200
    GET    /api/v1/analytics/anomalies/{anomaly}     VIEWERS         200
    POST   /api/v1/analytics/anomalies/{anomaly}/feedback OPERATORS  200
    GET    /api/v1/analytics/carbon                  VIEWERS         200
    GET    /api/v1/analytics/sustainability          VIEWERS         200
    GET    /api/v1/analytics/replay                  VIEWERS         200
    GET    /api/v1/budgets/                          VIEWERS         200
    POST   /api/v1/budgets/                          OPERATORS       201
    GET    /api/v1/budgets/{pk}/                     VIEWERS         200
    PUT    /api/v1/budgets/{pk}/                     OPERATORS       200
    PATCH  /api/v1/budgets/{pk}/                     OPERATORS       200
    DELETE /api/v1/budgets/{pk}/                     OPERATORS       204
    GET    /api/v1/alerts/                           VIEWERS         200
    GET    /api/v1/alerts/{pk}/                      VIEWERS         200
    POST   /api/v1/alerts/{pk}/acknowledge/          OPERATORS       200
    GET    /api/v1/channels/                         OPERATORS       200
    POST   /api/v1/channels/                         OPERATORS       201
    GET    /api/v1/channels/{pk}/                    OPERATORS       200
    PUT    /api/v1/channels/{pk}/                    OPERATORS       200
    PATCH  /api/v1/channels/{pk}/                    OPERATORS       200
    DELETE /api/v1/channels/{pk}/                    OPERATORS       204
    POST   /api/v1/channels/{pk}/test/               OPERATORS       200
    GET    /api/v1/scaling/events/                   VIEWERS         200
    GET    /api/v1/scaling/kill-switch/              VIEWERS         200
    PATCH  /api/v1/scaling/kill-switch/              OPERATORS       200

    POST   /api/v1/database/automation/start         OPERATORS       200
    POST   /api/v1/database/automation/stop          OPERATORS       200
    GET    /api/v1/database/automation/status        VIEWERS         200
    POST   /api/v1/database/automation/maintenance/run OPERATORS    202
    GET    /api/v1/database/automation/maintenance/status VIEWERS   200
    GET    /api/v1/database/automation/recommendations VIEWERS       200
    POST   /api/v1/database/automation/optimize      OPERATORS       200
    GET    /api/v1/database/automation/report        VIEWERS         200
    GET    /api/v1/database/automation/metrics       VIEWERS         200
    GET    /api/v1/database/automation/load/history  VIEWERS         200
    POST   /api/v1/database/automation/scaling/evaluate OPERATORS    200
    GET    /api/v1/database/automation/scaling/history VIEWERS       200
    POST   /api/v1/database/automation/emergency/scale-up OPERATORS  200
    GET    /api/v1/database/automation/scaling/patterns VIEWERS      200
    POST   /api/v1/database/automation/scaling/predict OPERATORS     200

    GET    /api/instances/                           USERS           200
    POST   /api/instances/                           USERS           201
    GET    /api/instances/{instance_id}              OWNER           200
    DELETE /api/instances/{instance_id}              OWNER           204
    PATCH  /api/instances/{instance_id}/monitor/start OWNER          200
    PATCH  /api/instances/{instance_id}/monitor/stop OWNER           400
    GET    /api/instances/{instance_id}/policy       OWNER           200
    PATCH  /api/instances/{instance_id}/policy       OWNER           200
    GET    /api/metrics/{instance_id}                OWNER           200
    GET    /api/metrics/decisions/{instance_id}      OWNER           200
    GET    /api/metrics/decisions/{instance_id}/{decision_id} OWNER  200
    POST   /api/metrics/simulate                     OWNER           201
"""
"""Each route, who gets past its permissions, and the status that the question of `asked` gets them.

What is asked about an instance is asked of one that is not monitored, so that stopping it is refused.
"""

PAGES_TABLE = """
    GET    /                                         VIEWERS         200
    GET    /costs/                                   VIEWERS         200
    POST   /costs/anomalies/{anomaly}/feedback/      OPERATORS       303
    GET    /costs/budgets/new/                       OPERATORS       200
    POST   /costs/budgets/new/                       OPERATORS       400
    GET    /costs/budgets/{budget}/                  OPERATORS       200
    POST   /costs/budgets/{budget}/                  OPERATORS       400
    POST   /costs/budgets/{budget}/delete/           OPERATORS       303
    GET    /costs/carbon/                            VIEWERS         200
    GET    /costs/savings/                           VIEWERS         200
    POST   /costs/savings/{saving}/dismiss/          OPERATORS       303
    POST   /costs/savings/{saving}/restore/          OPERATORS       303
    GET    /fleet/                                   VIEWERS         200
    GET    /fleet/{instance_id}/                     SEEING          200
    POST   /fleet/anomalies/{pk}/feedback/           OPERATORS       303
    GET    /autoscaler/                              USERS           200
    POST   /autoscaler/register/                     USERS           303
    POST   /autoscaler/simulate/                     USERS           303
    POST   /autoscaler/kill-switch/                  OPERATORS       303
    POST   /autoscaler/{instance_id}/start/          USERS           303
    POST   /autoscaler/{instance_id}/stop/           USERS           303
    POST   /autoscaler/{instance_id}/deregister/     USERS           303
    POST   /autoscaler/{instance_id}/policy/         USERS           303
    GET    /autoscaler/{instance_id}/replay/         VIEWERS         200
    GET    /database/                                VIEWERS         200
    POST   /database/automation/start/               OPERATORS       303
    POST   /database/automation/stop/                OPERATORS       303
    POST   /database/pool/evaluate/                  OPERATORS       303
    POST   /database/pool/emergency/                 OPERATORS       303
    POST   /database/predict/                        OPERATORS       303
    POST   /database/optimize/                       OPERATORS       303
    POST   /database/maintain/                       OPERATORS       303
    POST   /database/maintain/dry-run/               OPERATORS       303
    GET    /pipelines/                               VIEWERS         200
    POST   /pipelines/collect/                       OPERATORS       303
    POST   /pipelines/{pk}/resume/                   OPERATORS       303
    POST   /pipelines/{pk}/cancel/                   OPERATORS       303
    GET    /alerts/                                  VIEWERS         200
    POST   /alerts/{pk}/acknowledge/                 OPERATORS       303
    GET    /settings/                                USERS           200
    POST   /settings/password/                       USERS           303
    POST   /settings/accounts/{pk}/enable/           ADMINISTRATORS  303
    POST   /settings/accounts/{pk}/disable/          ADMINISTRATORS  303
    GET    /settings/channels/                       OPERATORS       302
    POST   /settings/channels/                       OPERATORS       400
    POST   /settings/channels/{pk}/test/             OPERATORS       303
    POST   /settings/channels/{pk}/enable/           OPERATORS       303
    POST   /settings/channels/{pk}/disable/          OPERATORS       303
    POST   /settings/channels/{pk}/delete/           OPERATORS       303
"""
"""The same of the dashboard's pages, which sessions open; who has none is sent to the login.

What somebody may not do with an instance of somebody else's is told on the page that is led back to.
"""
SESSIONS = {
    Route("GET", "/login/"),
    Route("POST", "/login/"),
    Route("PUT", "/login/"),
    Route("POST", "/logout/"),
}
"""How sessions begin and end; Django's login takes a PUT for a POST."""


def read(table):
    lines = map(str.split, table.strip().replace("\n\n", "\n").splitlines())
    return {Route(method, address): (globals()[who], int(status)) for method, address, who, status in lines}


EXPECTED, PAGES = read(TABLE), read(PAGES_TABLE)
ADMIN = sorted({route.address for route in served() if route.address.startswith("/admin/")})
ROUTES = sorted(EXPECTED)
ADDRESSES = sorted({route.address for route in ROUTES})
QUERIES = {
    "/api/v1/samples/": "?instance_id=i-1",
    "/api/v1/cost-tags/values/": "?tag_key=team",
    "/api/v1/analytics/replay": "?instance_id=i-1&policy=three_tier",
}
SLACK = "https://hooks.slack.com/services/T0/B0/k3y"
NEW_ACCOUNT = {"account_id": "222222222222", "name": "another"}
YESTERDAY = {
    "start": str(date.today() - timedelta(days=1)),  # noqa: DTZ011 - which of two days does not matter
    "end": str(date.today()),  # noqa: DTZ011
}
BODIES = {
    Route("POST", "/api/auth/register"): {"email": "new@example.com", "password": PASSWORD},
    Route("POST", "/api/auth/login"): {"email": "known@example.com", "password": PASSWORD},
    Route("POST", "/api/auth/password"): {"current_password": PASSWORD, "new_password": "another password"},
    Route("POST", "/api/v1/accounts/"): NEW_ACCOUNT,
    Route("PUT", "/api/v1/accounts/{account_id}/"): {"account_id": "111111111111", "name": "renamed"},
    Route("PATCH", "/api/v1/accounts/{account_id}/"): {"name": "renamed"},
    Route("PATCH", "/api/v1/scaling/kill-switch/"): {"engaged": True},
    Route("POST", "/api/v1/channels/"): {"name": "ops", "kind": "slack", "target": SLACK},
    Route("PUT", "/api/v1/channels/{pk}/"): {"name": "ops", "kind": "slack", "target": SLACK},
    Route("PATCH", "/api/v1/channels/{pk}/"): {"is_enabled": False},
    Route("POST", "/api/v1/analytics/anomalies/{anomaly}/feedback"): {"verdict": "real"},
    Route("POST", "/api/v1/budgets/"): {"name": "EC2", "amount": 100},
    Route("PUT", "/api/v1/budgets/{pk}/"): {"name": "EC2", "amount": 100},
    Route("PATCH", "/api/v1/budgets/{pk}/"): {"amount": 200},
    Route("POST", "/api/v1/backfill"): YESTERDAY,
    Route("POST", "/api/v1/analytics/savings/{pk}/dismiss"): {"reason": "It is a spare."},
    Route("POST", "/api/instances/"): {
        "instance_id": "mock-1",
        "instance_type": "t2.micro",
        "region": "mock",
        "is_mock": True,
    },
    Route("PATCH", "/api/instances/{instance_id}/policy"): {"cpu_high": 80},
    Route("POST", "/api/metrics/simulate"): {"instance_id": "i-1", "cpu_utilization": 95},
}


@pytest.fixture
def keys(monkeypatch, settings, patience, just_begun):
    """One of everything that addresses name, by the name."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(messages, "send", lambda _run: True)
    builders.user(email="known@example.com", password=PASSWORD)
    account = builders.account("111111111111")
    builders.instance(account, instance_id="i-1")
    builders.volume(account, volume_id="vol-1")
    builders.quality_report(kind="weekly", days=7)
    owner = builders.user(password=PASSWORD)
    managed = builders.managed(owner, instance_id="i-1", is_monitoring=False)
    saving, budget = builders.saving(), builders.budget()
    return {
        "owner": owner,
        "decision_id": builders.decision(managed).pk,
        "account_id": account.account_id,
        "instance_id": "i-1",
        "volume_id": "vol-1",
        "anomaly": builders.anomaly(account).pk,
        "alerts": builders.alert().pk,
        "analytics": saving.pk,
        "saving": saving.pk,
        "budgets": budget.pk,
        "budget": budget.pk,
        # It leads nowhere, so that its test sends nothing.
        "accounts": account.pk,
        "channels": builders.channel("http://127.0.0.1/").pk,
        "billing-files": builders.billing_file().pk,
        "runs": builders.run().pk,
        "pipelines": builders.run().pk,
        "fleet": builders.anomaly(account).pk,
    }


def filled(address, keys):
    """Put the keys into the address; a `pk` is that of the collection that it is in."""
    collection = address.removeprefix("/api/v1/").removeprefix("/settings").strip("/").partition("/")[0]
    return address.format(**{"pk": keys.get(collection), **keys}) + QUERIES.get(address, "")


def client(who, user=None):
    if who == "anonymous":
        return APIClient()
    person = user or builders.user(ROLES[who], password=PASSWORD)
    return APIClient(headers={"Authorization": f"Bearer {tokens.issue(person)}"})


def asked(who, route, keys):
    """Ask with all that the route needs."""
    user = keys["owner"] if who == "owner" else None
    return getattr(client(who, user), route.method.lower())(filled(route.address, keys), BODIES.get(route))


def test_every_route_is_in_the_table_and_nothing_else_is():
    told = {*EXPECTED, *PAGES, *SESSIONS}
    assert told == {route for route in served() if route.address not in ADMIN}


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_each_may_ask_what_is_theirs(route, who, keys):
    allowed, status = EXPECTED[route]
    answer = asked(who, route, keys)
    if who in allowed:
        assert answer.status_code == status
    else:
        assert answer.status_code == (401 if who == "anonymous" else 403)
        assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_a_route_does_not_serve_nobody_may_ask(address, keys):
    unserved = {Route(method, address) for method in METHODS} - set(EXPECTED)
    for route in unserved:
        assert asked("administrator", route, keys).status_code == 405
        assert asked("anonymous", route, keys).status_code in (401, 405)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_other_methods_tell_nobody_more_than_the_table_does(address, method, keys):
    open_to = set().union(*(allowed for route, (allowed, _) in EXPECTED.items() if route.address == address))
    for who in EVERYBODY - open_to:
        answer = client(who).generic(method, filled(address, keys))
        assert answer.status_code in (401, 403, 405)


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_address_is_the_same_with_and_without_its_slash(address, keys):
    forms = [filled(address, keys).partition("?")[0].rstrip("/") + slash for slash in ("", "/")]
    bare, slashed = [client("viewer").get(form + QUERIES.get(address, "")) for form in forms]
    assert bare.status_code == slashed.status_code != 404


# --- The pages -------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("route", sorted(PAGES), ids=" ".join)
def test_each_may_open_the_pages_that_are_theirs(route, who, keys):
    allowed, status = PAGES[route]
    browser = session(who, keys["owner"] if who == "owner" else None)
    answer = getattr(browser, route.method.lower())(filled(route.address, keys))
    if who == "anonymous":
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/login/")
    else:
        assert answer.status_code == (status if who in allowed else 403)


def test_a_token_opens_no_page(keys):
    for route in PAGES:
        answer = getattr(client("administrator"), route.method.lower())(filled(route.address, keys))
        assert answer.headers["Location"].startswith("/login/"), route


# --- The admin -------------------------------------------------------------------------------
IN_THE_ADMIN = {"app_label": "accounts", "content_type_id": 0, "id": 1, "object_id": 1, "url": "nothing"}
LOGIN = "/admin/login/"


def session(who, user=None):
    browser = Client()
    if who != "anonymous":
        person = user or builders.user(ROLES[who])
        browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", sorted(EVERYBODY - ADMINISTRATORS))
def test_the_admin_sends_all_others_to_its_login(who, method):
    browser = session(who)
    for address in set(ADMIN) - {LOGIN, "/admin/logout/"}:
        answer = getattr(browser, method)(address.format(**IN_THE_ADMIN))
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, LOGIN), address


def test_the_admin_is_for_administrators():
    browser = session("administrator")
    for address in set(ADMIN) - {LOGIN}:
        answer = browser.get(address.format(**IN_THE_ADMIN))
        assert not answer.headers.get("Location", "").startswith(LOGIN), address
    assert browser.get("/admin/").status_code == 200


def test_a_token_opens_no_page_of_the_admin():
    assert client("administrator").get("/admin/").status_code == 302
