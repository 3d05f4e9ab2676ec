"""What all pages have in common: who gets in, what browsers may load, how refusals look."""

import gzip
import json
import re
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from accounts.models import Kind, SecurityEvent
from collectors.models import CloudAccount
from dashboard import navigation
from tests import builders
from tests.integration.dashboard.conftest import logged_in
from tests.integration.dashboard.reading import notes, parsed, texts

pytestmark = pytest.mark.django_db

PAGES = [reverse(entry.route) for entry in navigation.ENTRIES]


@pytest.fixture(params=PAGES)
def page(request):
    return request.param


# --- Who gets in -----------------------------------------------------------------------------
def test_whoever_is_not_logged_in_is_sent_to_the_login_and_back(page):
    answer = Client().get(page, {"x": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={page}%3Fx%3D1")


def test_a_part_sends_its_whole_page_to_the_login(part):
    answer = part(Client(), "/pipelines/?status=failed", "runs")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["HX-Redirect"] == "/login/?next=/pipelines/%3Fstatus%3Dfailed"


def test_viewers_see_every_page_and_no_action(viewer, page):
    answer = viewer.get(page)
    assert answer.status_code == 200
    offered = set(parsed(answer).xpath("//main//form[@method='post']/@action"))
    # Anybody may change their password, and register an instance.
    assert offered <= {"/settings/password/", "/autoscaler/register/"}


@pytest.mark.parametrize("address", [each for each in PAGES if each not in ("/autoscaler/", "/settings/")])
def test_a_user_without_a_role_is_told_what_is_missing_and_led_to_what_is_theirs(address):
    answer = logged_in(builders.user()).get(address)
    assert answer.status_code == 403
    assert "role viewer or operator; an administrator can give it" in parsed(answer).text_content()
    assert parsed(answer).xpath("//main//a/@href") == ["/autoscaler/", "/settings/"]


def test_a_refusal_is_recorded():
    logged_in(builders.user(email="new@example.com")).get("/costs/")
    event = SecurityEvent.objects.get()
    assert (event.kind, event.email, event.path) == (Kind.PERMISSION_DENIED, "new@example.com", "/costs/")


def test_pages_are_only_looked_at(operator, page):
    assert operator.post(page).status_code == 405


# --- The frame -------------------------------------------------------------------------------
def test_every_page_leads_to_all_others_and_says_which_it_is(viewer, page):
    found = parsed(viewer.get(page))
    links = found.xpath("//nav[@aria-label='Pages']//a")
    assert [link.get("href") for link in links] == [*PAGES, "/api/docs"]
    assert [link.get("href") for link in links if link.get("aria-current") == "page"] == [page]


def test_the_admin_is_offered_to_those_who_may_use_it():
    found = parsed(logged_in(builders.user("administrator")).get("/"))
    assert found.xpath("//nav//a[text()='Admin']/@href") == ["/admin/"]


def test_pages_run_nothing_that_is_written_in_them(viewer, page):
    answer = viewer.get(page)
    found = parsed(answer)
    scripts = found.xpath("//script[not(@type='application/json')]")
    assert scripts
    assert all(script.get("src", "").startswith("/static/dashboard/") for script in scripts)
    assert not found.xpath("//style | //*[@style] | //@*[starts-with(name(), 'on')]")
    assert not re.search(r"https?://", answer.content.decode())


def strict(answer):
    """The policy of an answer, which allows what is ours alone."""
    policy = dict(each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    return "unsafe" not in str(policy)


def test_browsers_may_load_what_is_ours_alone(viewer, page):
    answer = viewer.get(page)
    assert strict(answer)
    assert answer.headers["Cache-Control"] == "no-store, private"


ERRORS = {
    "/pipelines/?page=x": 400,
    "/alerts/?severity=mild": 400,
    "/database/?hours=x": 400,
    "/alerts/?page=9": 404,
    "/nowhere/": 404,
    "/pipelines/collect/": 405,
}


@pytest.mark.parametrize("address", ERRORS)
def test_errors_are_pages_with_the_same_policy(operator, address):
    answer = operator.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == ERRORS[address]
    assert strict(answer)
    assert texts(answer, xpath="//h1")[0]


def test_the_login_has_the_same_policy():
    assert strict(Client().get("/login/"))


@pytest.mark.parametrize(("address", "accept"), [("/nowhere", "*/*"), ("/api/nowhere", "text/html")])
def test_programs_are_told_as_before_that_nothing_is_there(viewer, address, accept):
    answer = viewer.get(address, headers={"Accept": accept})
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})


@pytest.mark.parametrize("address", ["/admin/login/", "/api/docs"])
def test_other_pages_keep_their_own_policy(address):
    assert "Content-Security-Policy" not in Client().get(address).headers


# --- Errors ----------------------------------------------------------------------------------
def test_what_breaks_is_told_on_a_page_without_its_details(viewer, monkeypatch):
    viewer.raise_request_exception = False
    monkeypatch.setattr(CloudAccount.objects, "all", lambda: 1 / 0)
    answer = viewer.get("/settings/")
    assert answer.status_code == 500
    assert strict(answer)
    assert "ZeroDivision" not in answer.content.decode()
    assert texts(answer, xpath="//h1") == ["Something went wrong"]


def test_a_form_of_another_site_is_refused_on_a_page():
    browser = logged_in(builders.user("operator"), enforce_csrf_checks=True)
    answer = browser.post("/pipelines/collect/")
    assert answer.status_code == 403
    assert strict(answer)
    assert "CSRF verification failed" in parsed(answer).text_content()


def test_an_action_returns_to_where_it_was_taken(operator):
    answer = operator.post("/pipelines/collect/", {"next": "/pipelines/?status=failed"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/pipelines/?status=failed")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_an_action_leads_nowhere_else(operator, elsewhere):
    answer = operator.post("/pipelines/collect/", {"next": elsewhere})
    assert answer.headers["Location"] == "/pipelines/"


# --- What others wrote -----------------------------------------------------------------------
def shipped(name):
    """A static file of the dashboard's."""
    return Path(finders.find(f"dashboard/{name}")).read_bytes()


def vendored(name):
    return shipped(f"vendor/{name}")


RECORD = json.loads(vendored("VENDORED.json"))


def test_all_that_others_wrote_is_on_record():
    beside = {"VENDORED.json", *(each["licence_file"] for each in RECORD.values())}
    assert {file.name for file in Path(finders.find("dashboard/vendor")).iterdir()} - beside == set(RECORD)


@pytest.mark.parametrize("name", RECORD)
def test_what_others_wrote_is_what_is_on_record(name):
    assert sha256(vendored(name)).hexdigest() == RECORD[name]["sha256"]
    assert vendored(RECORD[name]["licence_file"])


def test_browsers_check_what_others_wrote(viewer):
    found = parsed(viewer.get("/")).xpath("//*[@integrity]")
    checked = {
        (each.get("src") or each.get("href")).rpartition("/")[2]: each.get("integrity") for each in found
    }
    assert set(checked) == set(RECORD)
    for name, integrity in checked.items():
        assert b64decode(integrity.removeprefix("sha256-")) == sha256(vendored(name)).digest()


SCRIPTS = sorted(Path(finders.find("dashboard")).rglob("*.js"))


def test_all_scripts_together_are_small():
    assert len(SCRIPTS) >= 5
    assert sum(len(gzip.compress(script.read_bytes())) for script in SCRIPTS) <= 150 * 1024


def test_pages_load_what_is_shipped_and_nothing_is_shipped_in_vain(viewer):
    loaded = {address for each in PAGES for address in parsed(viewer.get(each)).xpath("//script/@src")}
    assert {address.rpartition("/")[2] for address in loaded} == {script.name for script in SCRIPTS}


def test_a_message_is_told_once(operator):
    operator.post("/pipelines/collect/")
    assert len(notes(operator.get("/pipelines/"))) == 1
    assert notes(operator.get("/pipelines/")) == []
