"""/settings/."""

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django_celery_beat.models import PeriodicTask

from accounts.models import Kind, SecurityEvent
from alerts.models import Channel
from alerts.outcomes import DELIVERED, refused
from alerts.services import channels
from collectors.models import CloudAccount
from dashboard import effective
from pipelines import schedules
from tests import builders
from tests.integration.dashboard.conftest import logged_in
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/settings/"
PASSWORD = "securepassword123"
ANOTHER = "anothersecurepassword456"
SLACK = "https://hooks.slack.com/services/T0/B0/k3y"
NEW = {"name": "ops", "kind": "slack", "target": SLACK, "min_severity": "error"}


@pytest.fixture(autouse=True)
def _quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def administrator():
    return logged_in(builders.user("administrator", email="admin@example.com"))


def headings(browser):
    return texts(browser.get(PAGE), xpath="//h2")


def facts(answer):
    names, values = (texts(answer, xpath=f"//dl//{tag}") for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


# --- Who sees what ---------------------------------------------------------------------------
OWN = ["Your account", "Password", "Theme"]
VIEWED = [*OWN, "Cloud accounts", "Schedules of pipelines"]
OPERATED = [
    *VIEWED,
    "Who is told of alerts",
    "Settings that hold",
    "What is kept, and for how long",
    "Versions",
]


@pytest.mark.parametrize(
    ("role", "seen"),
    [(None, OWN), ("viewer", VIEWED), ("operator", OPERATED), ("administrator", OPERATED)],
)
def test_each_role_sees_what_the_api_tells_it(role, seen):
    assert headings(logged_in(builders.user(role))) == seen


@pytest.mark.parametrize(
    ("role", "told"),
    [
        (None, "None yet: an administrator can give you one"),
        ("viewer", "Viewer"),
        ("operator", "Operator"),
        ("administrator", "Administrator"),
    ],
)
def test_users_see_their_role(role, told):
    assert facts(logged_in(builders.user(role)).get(PAGE))["Role"] == told


def test_a_user_without_a_role_is_priced_nothing(part):
    builders.account("111111111111")
    answer = part(logged_in(builders.user()), PAGE, "accounts")
    assert "111111111111" not in answer.content.decode()


# --- The password ----------------------------------------------------------------------------
@pytest.fixture
def person():
    return builders.user("viewer", email="person@example.com", password=PASSWORD)


def change(browser, current=PASSWORD, new=ANOTHER, repeated=None):
    form = {"current_password": current, "new_password": new, "repeated_password": repeated or new}
    return browser.post(f"{PAGE}password/", form, follow=True)


def test_another_password_keeps_this_session_and_ends_the_others(person):
    here, elsewhere = logged_in(person), logged_in(person)
    assert notes(change(here)) == ["Your password is changed; older tokens and other sessions are void."]
    assert (here.get(PAGE).status_code, elsewhere.get(PAGE).status_code) == (200, 302)
    person.refresh_from_db()
    assert person.check_password(ANOTHER)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"current": "wrong"}, "The current password is wrong"),
        ({"new": "short"}, "new_password: This password is too short."),
        ({"new": "12345678901234567"}, "entirely numeric"),
        ({"repeated": "something else"}, "The new password was not repeated as it was first written."),
        ({"new": ""}, "current_password and new_password are required"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(person, wrong, told):
    assert told in notes(change(logged_in(person), **wrong))[0]
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_wrong_passwords_have_one_wait_and_are_recorded(person):
    browser = logged_in(person)
    for _ in range(5):
        change(browser, current="wrong")
    assert notes(change(browser)) == ["Too many wrong passwords; try again in 15 minutes."]
    kinds = set(SecurityEvent.objects.values_list("kind", flat=True))
    assert kinds == {Kind.LOGIN_FAILED, Kind.LOCKED_OUT}


# --- Cloud accounts --------------------------------------------------------------------------
def test_accounts_are_told_at_once_and_priced_afterwards(viewer, part):
    account = builders.account("111111111111", name="production", regions=["eu-west-1"])
    builders.instance(account)
    first = rows(viewer.get(PAGE), "Cloud accounts")
    assert first == [
        [
            "111111111111production",
            "enabled",
            "eu-west-1",
            "Cost Explorer",
            "by CloudIntel's own identity",
            "…",
            "…",
        ]
    ]
    priced = rows(part(viewer, PAGE, "accounts"), "Cloud accounts")[0]
    assert priced[5].startswith("$0.01")
    assert "one page of Cost Explorer at $0.01" in priced[5]


def test_an_account_that_refuses_access_says_what_to_do(viewer):
    builders.account("111111111111")
    builders.alert("access:111111111111", title="Access is refused", body="Allow ce:GetCostAndUsage.")
    told = rows(viewer.get(PAGE), "Cloud accounts")[0][4]
    assert told.startswith("refusedAccess is refused")
    assert "Allow ce:GetCostAndUsage." in told


def test_an_administrator_switches_an_account(administrator):
    account = builders.account("111111111111", name="")
    for word, enabled in (("disable", False), ("enable", True)):
        (address,) = parsed(administrator.get(PAGE)).xpath("//*[@id='accounts']//form/@action")
        assert address == f"{PAGE}accounts/{account.pk}/{word}/"
        assert notes(administrator.post(address, follow=True)) == [f"111111111111 is {word}d."]
        assert CloudAccount.objects.get().enabled is enabled


def test_operators_switch_no_account(operator):
    account = builders.account("111111111111")
    assert parsed(operator.get(PAGE)).xpath("//*[@id='accounts']//form") == []
    assert operator.post(f"{PAGE}accounts/{account.pk}/disable/").status_code == 403
    assert CloudAccount.objects.get().enabled


@pytest.mark.parametrize("number", [1, 10])
def test_the_page_asks_as_much_for_ten_accounts_as_for_one(
    administrator, number, django_assert_max_num_queries
):
    for _ in range(number):
        builders.account()
        builders.channel(name=f"channel {_}")
    with django_assert_max_num_queries(22):
        assert administrator.get(PAGE).status_code == 200


def test_a_page_of_accounts_is_priced_within_bounds(viewer, part, django_assert_max_num_queries):
    for _ in range(12):
        builders.instance(builders.account())
    with django_assert_max_num_queries(110):
        answer = part(viewer, PAGE, "accounts")
    assert len(rows(answer, "Cloud accounts")) == 10


# --- Schedules -------------------------------------------------------------------------------
def test_schedules_tell_what_they_start_and_when(viewer):
    schedules.ensure()
    PeriodicTask.objects.filter(name__startswith="Maintain").update(enabled=False)
    told = {row[0]: row[1:] for row in rows(viewer.get(PAGE), "Schedules of pipelines")}
    assert told["Maintain the database"] == [
        "database-maintenance",
        "0 2 * * * (UTC)",
        "disabled",
        "never",
    ]
    assert all(row[3].startswith("in ") for name, row in told.items() if not name.startswith("Maintain"))
    assert len(told) == schedules.rows().count()


# --- Channels --------------------------------------------------------------------------------
def test_a_channel_is_added_and_its_target_shown_in_part(operator):
    answer = operator.post(f"{PAGE}channels/", NEW, follow=True)
    assert notes(answer) == ["ops is told of alerts from now on."]
    channel = Channel.objects.get()
    assert (channel.target, channel.min_severity, channel.created_by.email) == (
        SLACK,
        "error",
        "operator@example.com",
    )
    assert rows(answer, "Channels")[0][1] == "https://hooks.slack.com/…"
    assert "k3y" not in answer.content.decode()
    entry = LogEntry.objects.get(content_type__model="channel")
    assert entry.actor.email == "operator@example.com"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"target": "http://127.0.0.1/", "kind": "webhook"}, "A webhook needs https."),
        ({"target": "nobody", "kind": "email"}, "This is no e-mail address."),
        ({"kind": "pigeon"}, '"pigeon" is not a valid choice.'),
        ({"name": ""}, "This field may not be blank."),
        ({"min_severity": "mild"}, '"mild" is not a valid choice.'),
    ],
)
def test_a_channel_that_cannot_be_added_keeps_what_was_written_and_says_why(operator, wrong, told):
    answer = operator.post(f"{PAGE}channels/", NEW | wrong)
    assert answer.status_code == 400
    assert not Channel.objects.exists()
    (form,) = parsed(answer).xpath("//form[@id='add-channel']")
    assert told in form.text_content()
    assert form.xpath("string(.//input[@name='target']/@value)") == (NEW | wrong)["target"]


def test_a_name_is_taken_once(operator):
    builders.channel(name="ops")
    answer = operator.post(f"{PAGE}channels/", NEW)
    assert "channel with this name already exists." in texts(answer, "error")


def test_the_address_of_a_refused_channel_leads_back(operator):
    assert operator.get(f"{PAGE}channels/").headers["Location"] == PAGE


@pytest.mark.parametrize(
    ("outcome", "told"),
    [(DELIVERED, "ops: delivered."), (refused("It answered 410."), "ops: It answered 410.")],
)
def test_a_test_tells_what_became_of_it(operator, monkeypatch, outcome, told):
    channel = builders.channel(name="ops")
    monkeypatch.setattr(channels, "test", lambda _channel: outcome)
    answer = operator.post(f"{PAGE}channels/{channel.pk}/test/", follow=True)
    assert notes(answer) == [told]
    assert bool(texts(answer, xpath="//li[@class='note bad']")) is not outcome.is_delivered


def test_a_channel_is_switched_and_deleted(operator):
    channel = builders.channel(name="ops")
    for word, enabled in (("disable", False), ("enable", True)):
        answer = operator.post(f"{PAGE}channels/{channel.pk}/{word}/", follow=True)
        assert notes(answer) == [f"ops is {word}d."]
        assert Channel.objects.get().is_enabled is enabled
    assert notes(operator.post(f"{PAGE}channels/{channel.pk}/delete/", follow=True)) == ["ops is deleted."]
    assert not Channel.objects.exists()


def test_viewers_see_no_channel_and_change_none(viewer):
    channel = builders.channel(name="ops")
    assert "hooks.example.com" not in viewer.get(PAGE).content.decode()
    assert viewer.post(f"{PAGE}channels/", NEW).status_code == 403
    for word in ("test", "enable", "disable", "delete"):
        assert viewer.post(f"{PAGE}channels/{channel.pk}/{word}/").status_code == 403
    assert Channel.objects.count() == 1


# --- What holds ------------------------------------------------------------------------------
def test_settings_are_told_and_no_secret(operator, settings):
    settings.SMTP_URL = "smtp://user:s3cret-word@mail.example.com:587"
    settings.PGBOUNCER_ADMIN_URL = "postgresql://admin:s3cret-word@db.example.com/pgbouncer"
    settings.METRICS_TOKEN = "s3cret-word" * 4
    settings.SCALING_MIN_QUALITY = 72.5
    answer = operator.get(PAGE)
    told = {row[0]: row[-1] for row in rows(answer, "Settings that hold")}
    assert (told["SCALING_MIN_QUALITY"], told["AWS_DAILY_BUDGET_USD"]) == ("72.50", "$1.00")
    for name in ("SMTP_URL", "PGBOUNCER_ADMIN_URL", "METRICS_TOKEN"):
        assert told[name] == "set, and not shown"
    for secret in ("s3cret-word", settings.SECRET_KEY, settings.JWT_SECRET_KEY):
        assert secret not in answer.content.decode()


def test_every_setting_that_is_shown_exists(settings):
    names = [each.name for _, group in effective.GROUPS for each in group]
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(settings, name)] == []


def test_what_is_kept_and_which_versions_run_is_told(operator, settings):
    settings.METRIC_RETENTION_DAYS = 45
    told = facts(operator.get(PAGE))
    assert (told["Samples of metrics"], told["Audit log"]) == ("45 days", "365 days")
    assert told["PostgreSQL"][:2].isdigit()
    assert told["Valkey"][0].isdigit()


def test_a_valkey_that_is_away_has_an_unknown_version(operator, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert facts(operator.get(PAGE))["Valkey"] == "unknown it does not answer"


def test_whoever_is_nobody_changes_nothing():
    assert Client().post(f"{PAGE}password/").headers["Location"].startswith("/login/")
