"""`manage.py start`, as a scheduler outside calls it."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from pipelines import ledger
from pipelines.models import Run, Status, Trigger
from tests.integration.conftest import FakeHandler

pytestmark = pytest.mark.django_db(transaction=True)
SLOT = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _daily(pipelines):
    pipelines(daily=FakeHandler({}))


def start(*options):
    """Run the command and return what it prints."""
    said = StringIO()
    call_command("start", *options, stdout=said)
    return said.getvalue()


def test_starts_a_run_and_says_which():
    assert start("daily") == f"daily: run {Run.objects.get().pk} is queued\n"


def test_a_slot_is_one_run_also_after_that_has_ended():
    start("daily", "--slot", "2026-11-30T09:30:00Z")
    Run.objects.update(status=Status.SUCCEEDED)
    start("daily", "--slot", "2026-11-30T04:30:00-05:00")
    assert Run.objects.get().scheduled_for == SLOT


def test_the_platforms_own_schedule_finds_the_slot_taken():
    start("daily", "--slot", "2026-11-30T09:30:00Z")
    own = ledger.start("daily", slot=SLOT, trigger=Trigger.SCHEDULE)
    assert Run.objects.get() == own
    assert own.trigger == Trigger.SCHEDULE


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["nightly"], "invalid choice: 'nightly'"),
        (["daily", "--slot", "2026-11-30T09:30:00"], "must be a time with a zone"),
        (["daily", "--slot", "2026-13-30T09:30:00Z"], "must be a time with a zone"),
        (["daily", "--slot", "soon"], "must be a time with a zone"),
    ],
    ids=["unknown pipeline", "no zone", "no such day", "no time"],
)
def test_says_what_it_cannot_understand(options, reason):
    with pytest.raises(CommandError, match=reason):
        start(*options)
