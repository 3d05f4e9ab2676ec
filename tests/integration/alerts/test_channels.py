"""Channels through the API and the admin: who may, what they may lead to, and that targets stay secret."""

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from alerts.models import Channel
from tests import builders

pytestmark = pytest.mark.django_db

CHANNELS = "/api/v1/channels/"
SLACK = "https://hooks.slack.com/services/T0AAA/B0BBB/s3cret"


@pytest.fixture
def operator():
    return builders.client("operator")


def add(client, **fields):
    return client.post(CHANNELS, {"name": "ops", "kind": "slack", "target": SLACK, **fields})


def test_a_channel_is_added_and_its_target_shown_in_part(operator):
    answer = add(operator, min_severity="error")
    told = answer.json()
    assert answer.status_code == 201
    assert (told["target"], told["min_severity"], told["is_enabled"]) == (
        "https://hooks.slack.com/…",
        "error",
        True,
    )
    assert told["created_by"] == Channel.objects.get().created_by.email
    for address in (CHANNELS, f"{CHANNELS}{told['id']}/"):
        assert "s3cret" not in operator.get(address).content.decode()


@pytest.mark.parametrize(
    ("kind", "target", "why"),
    [
        ("slack", "https://hooks.slack.com/services/T0/B0", "hooks.slack.com/services"),
        ("slack", "https://hooks.slack.com.example.com/services/T0/B0/x", "hooks.slack.com/services"),
        ("slack", "http://hooks.slack.com/services/T0/B0/x", "hooks.slack.com/services"),
        ("webhook", "http://93.184.215.14/", "https"),
        ("webhook", "https://127.0.0.1/", "not public"),
        ("webhook", "https://localhost/", "WEBHOOK_ALLOWED_HOSTS"),
        ("webhook", "https://valkey.internal/", "WEBHOOK_ALLOWED_HOSTS"),
        ("webhook", "https://me:s3cret@nowhere.invalid/", "no user"),
        ("webhook", "https://nowhere.invalid:22/", "port"),
        ("webhook", "https://169.254.169.254/latest/meta-data", "not public"),
        ("webhook", "https://[::1]/", "not public"),
        ("email", "ops", "no e-mail address"),
        ("pigeon", "north", "kind"),
    ],
)
def test_targets_are_looked_at_when_a_channel_is_added(operator, kind, target, why):
    answer = add(operator, kind=kind, target=target)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert not Channel.objects.exists()


def test_a_webhook_whose_name_cannot_be_resolved_now_is_added_and_fails_when_it_is_tested(operator):
    answer = add(operator, kind="webhook", target="https://nowhere.invalid/k3y")
    assert answer.status_code == 201
    tested = operator.post(f"{CHANNELS}{answer.json()['id']}/test/").json()
    assert tested == {"delivered": False, "error": "The name nowhere.invalid cannot be resolved."}


def test_without_a_mail_server_an_e_mail_channel_is_added_and_says_what_is_missing(operator, settings):
    settings.SMTP_URL, missing = "", "E-mail cannot be sent: SMTP_URL is not set."
    answer = add(operator, kind="email", target="ops@example.com")
    assert (answer.status_code, answer.json()["warning"]) == (201, missing)
    path = f"{CHANNELS}{answer.json()['id']}/"
    assert operator.post(f"{path}test/").json() == {"delivered": False, "error": missing}
    assert operator.get(path).json()["last_error"] == missing
    settings.SMTP_URL = "smtp://mx.example.com"
    assert operator.get(path).json()["warning"] == ""


@pytest.mark.parametrize("address", ["ops", "ops@", "a@example.com,b@example.com", '"a b"@example.com'])
@pytest.mark.parametrize("server", ["", "smtp://mx.example.com"])
def test_one_e_mail_address_is_taken(operator, settings, server, address):
    settings.SMTP_URL = server
    assert add(operator, kind="email", target=address).status_code == 400
    assert add(operator, kind="email", target="ops@example.com").json()["target"] == "o…@example.com"


def test_a_change_of_kind_alone_is_held_against_the_target_that_there_is(operator):
    pk = add(operator).json()["id"]
    assert (
        operator.patch(f"{CHANNELS}{pk}/", {"kind": "webhook", "target": "ops@example.com"}).status_code
        == 400
    )
    assert operator.patch(f"{CHANNELS}{pk}/", {"kind": "email"}).status_code == 400
    assert operator.patch(f"{CHANNELS}{pk}/", {"is_enabled": False}).json()["is_enabled"] is False
    assert Channel.objects.get().target == SLACK


@pytest.mark.parametrize("key", ["min_severty", "last_error", "id"])
def test_keys_that_would_not_be_heeded_are_refused(operator, key):
    channel = builders.channel(name="there")
    for answer in (
        add(operator, **{key: "error"}),
        operator.patch(f"{CHANNELS}{channel.pk}/", {key: "error", "name": "renamed"}),
    ):
        known = "is_enabled, kind, min_severity, name, target"
        assert (answer.status_code, answer.json()["error"]) == (
            400,
            f"{key}: Unknown key; known are: {known}.",
        )
    assert Channel.objects.get().name == "there"


def test_names_are_taken_once(operator):
    add(operator)
    answer = add(operator)
    assert (answer.status_code, "name" in answer.json()["error"]) == (400, True)


def test_changes_are_audited_without_the_secret(operator):
    pk = add(operator).json()["id"]
    operator.patch(f"{CHANNELS}{pk}/", {"target": SLACK.replace("s3cret", "s3cret2"), "name": "oncall"})
    operator.delete(f"{CHANNELS}{pk}/")
    entries = LogEntry.objects.filter(content_type__model="channel").order_by("pk")
    assert [entry.get_action_display() for entry in entries] == ["create", "update", "delete"]
    assert {entry.actor_email or entry.actor.email for entry in entries} == {
        operator.handler._force_user.email
    }
    assert "https://hooks.slack.com/…" in str(entries[0].changes)
    assert "s3cret" not in "".join(str(entry.changes) for entry in entries)


def test_a_test_is_sent_at_once_and_its_outcome_told(operator, receiver):
    channel = builders.channel(receiver.url, is_enabled=False)
    assert operator.post(f"{CHANNELS}{channel.pk}/test/").json() == {"delivered": True, "error": ""}
    receiver.answers = [(500, {})]
    answer = operator.post(f"{CHANNELS}{channel.pk}/test/").json()
    channel.refresh_from_db()
    assert answer == {"delivered": False, "error": "It answered 500."}
    assert (channel.last_error, channel.last_sent_at is not None) == ("It answered 500.", True)
    assert b'"event": "test"' in receiver.got[0][1]


@pytest.mark.parametrize("body", ['{"target": "https://example.com/"}', "[]", "null"])
def test_a_test_takes_no_body(operator, receiver, body):
    path = f"{CHANNELS}{builders.channel(receiver.url).pk}/test/"
    answer = operator.post(path, body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"error": "This takes no body."})
    assert receiver.got == []


def test_an_alert_tells_what_became_of_its_deliveries():
    builders.channel(name="ops")
    alert = builders.alert()
    (told,) = builders.client("viewer").get(f"/api/v1/alerts/{alert.pk}/").json()["deliveries"]
    assert told.pop("id")
    assert told == {
        "channel": "ops",
        "event": "opened",
        "state": "pending",
        "attempts": 0,
        "sent_at": None,
        "error": "",
    }


# --- The admin -------------------------------------------------------------------------------
@pytest.fixture
def browser():
    client = Client()
    client.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def save(browser, *args, **fields):
    page = reverse(f"admin:alerts_channel_{'change' if args else 'add'}", args=args)
    form = {"name": "ops", "kind": "slack", "min_severity": "warning", "is_enabled": "on", **fields}
    return browser.post(page, form, follow=True)


def test_the_admin_writes_targets_and_shows_none(browser):
    save(browser, new_target=SLACK)
    channel = Channel.objects.get()
    assert (channel.target, channel.created_by.is_superuser) == (SLACK, True)
    page = save(browser, channel.pk, name="oncall", new_target="").content.decode()
    page += browser.get(reverse("admin:alerts_channel_change", args=[channel.pk])).content.decode()
    channel.refresh_from_db()
    assert (channel.name, channel.target) == ("oncall", SLACK)
    assert "https://hooks.slack.com/…" in page
    assert "s3cret" not in page


@pytest.mark.parametrize("target", ["", "https://127.0.0.1/"])
def test_the_admin_looks_at_targets(browser, target):
    save(browser, kind="webhook", new_target=target)
    assert not Channel.objects.exists()


def test_the_admin_deletes_a_channel_with_its_deliveries(browser):
    channel = builders.channel()
    builders.alert()
    browser.post(reverse("admin:alerts_channel_delete", args=[channel.pk]), {"post": "yes"})
    assert not Channel.objects.exists()
