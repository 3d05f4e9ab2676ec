"""What a start adds to the database."""

import io
import stat
from datetime import timedelta

import pytest
from django.utils import timezone
from rich.console import Console

from accounts.models import User
from cloudintel_project import first_run
from cloudintel_project.first_run import ensure_accounts, ensure_administrator, recent_collection
from cloudintel_project.processes import StartError
from collectors.models import CloudAccount
from pipelines import claims, ledger
from pipelines.models import Run, Status
from tests.integration.conftest import FakeHandler

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A data folder for one test."""
    monkeypatch.setenv("CLOUDINTEL_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200, markup=False)


def said(console):
    return console.file.getvalue()


# --- The administrator -----------------------------------------------------------------------
def test_a_generated_password_is_printed_kept_and_works(console, folder):
    user = ensure_administrator(console)
    kept = folder / "admin_password"
    assert (user.email, user.is_superuser) == ("admin@cloudintel.local", True)
    assert user.check_password(kept.read_text())
    assert kept.read_text() in said(console)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_second_start_neither_changes_nor_prints_the_password(console, folder):
    before = ensure_administrator(console).password
    again = Console(file=io.StringIO())
    assert ensure_administrator(again).password == before
    assert said(again) == ""


def test_a_given_password_is_taken_and_not_printed(console, folder, monkeypatch):
    monkeypatch.setenv("CLOUDINTEL_ADMIN_EMAIL", "Boss@Example.com")
    monkeypatch.setenv("CLOUDINTEL_ADMIN_PASSWORD", "correct horse")
    user = ensure_administrator(console)
    assert (user.email, user.check_password("correct horse")) == ("boss@example.com", True)
    assert "correct horse" not in said(console)
    assert not (folder / "admin_password").exists()


def test_another_password_given_later_changes_nothing_and_says_so(console, monkeypatch):
    ensure_administrator(console)
    monkeypatch.setenv("CLOUDINTEL_ADMIN_PASSWORD", "another horse")
    assert not ensure_administrator(console).check_password("another horse")
    assert "manage.py changepassword admin@cloudintel.local" in said(console)


def test_another_address_given_later_makes_a_second_administrator(console, monkeypatch):
    ensure_administrator(console)
    monkeypatch.setenv("CLOUDINTEL_ADMIN_EMAIL", "second@example.com")
    ensure_administrator(console)
    assert User.objects.filter(is_superuser=True).count() == 2


def test_a_user_who_registered_that_address_gains_no_rights(console):
    User.objects.create_user("admin@cloudintel.local", "a password of theirs")
    with pytest.raises(StartError, match=r"admin@cloudintel\.local, who is a user without"):
        ensure_administrator(console)


def test_what_is_no_address_is_refused(console, monkeypatch):
    monkeypatch.setenv("CLOUDINTEL_ADMIN_EMAIL", "boss")
    with pytest.raises(StartError, match="boss is not an e-mail address"):
        ensure_administrator(console)


# --- The accounts ----------------------------------------------------------------------------
def test_the_demo_clouds_accounts_are_registered_once():
    for _ in range(2):
        ensure_accounts("demo")
    stored = CloudAccount.objects.values_list("account_id", "role_arn")
    assert list(stored) == [
        ("123456789012", ""),
        ("210987654321", "arn:aws:iam::210987654321:role/CloudIntelReader"),
    ]


def test_an_edited_demo_account_stays_edited():
    ensure_accounts("demo")
    CloudAccount.objects.filter(account_id="210987654321").update(enabled=False)
    ensure_accounts("demo")
    assert not CloudAccount.objects.get(account_id="210987654321").enabled


def test_aws_gets_no_accounts_of_its_own_accord():
    ensure_accounts("aws")
    assert not CloudAccount.objects.exists()


def test_invented_and_real_data_are_not_mixed():
    ensure_accounts("demo")
    with pytest.raises(StartError, match="holds the demo cloud's data"):
        ensure_accounts("aws")


def test_real_accounts_are_not_collected_from_the_demo_cloud():
    CloudAccount.objects.create(account_id="333333333333")
    with pytest.raises(StartError, match="holds data of AWS"):
        ensure_accounts("demo")


# --- The first collection --------------------------------------------------------------------
def daily(status, *, hours_ago, counts=None):
    moment = timezone.now() - timedelta(hours=hours_ago)
    return Run.objects.create(
        pipeline="daily", status=status, scheduled_for=moment, finished_at=moment, counts=counts or {}
    )


@pytest.mark.parametrize(
    ("status", "hours_ago", "counts", "recent"),
    [
        (Status.SUCCEEDED, 23, {}, True),
        (Status.SUCCEEDED, 25, {}, False),
        (Status.PARTIAL, 1, {"created": 1}, True),
        (Status.PARTIAL, 1, {}, False),
        (Status.FAILED, 1, {}, False),
    ],
    ids=["within a day", "older", "a part", "a part without data", "failed"],
)
def test_a_collection_with_data_within_the_interval_is_recent(status, hours_ago, counts, recent):
    run = daily(status, hours_ago=hours_ago, counts=counts)
    assert recent_collection() == (run.finished_at if recent else None)


def test_a_collection_of_a_part_is_not_the_last_one():
    run = daily(Status.SUCCEEDED, hours_ago=1)
    Run.objects.update(params={"sources": ["cost"]})
    assert recent_collection() is None
    Run.objects.update(params={"validate": True})
    assert recent_collection() == run.finished_at


def test_the_interval_is_the_schedules(monkeypatch):
    daily(Status.SUCCEEDED, hours_ago=2)
    monkeypatch.setattr(first_run.schedules, "every", lambda pipeline: timedelta(hours=1))
    assert recent_collection() is None


def test_what_was_running_when_a_start_was_cut_off_is_queued_again(pipelines, sent):
    pipelines(source=FakeHandler({}))
    claims.claim_run(ledger.start("source").pk)
    first_run.take_over_from_the_dead()
    assert Run.objects.get().status == Status.QUEUED
    assert sent == ["source"]
