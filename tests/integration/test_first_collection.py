"""The first collection, with the work done where a worker would be told of it."""

import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from rich.console import Console

from accounts.models import User
from cloudintel_project import first_run
from cloudintel_project.first_run import FirstCollection
from collectors.models import CloudAccount
from collectors.services.pricing import Line, Quote
from core.errors import PermanentCloudError
from pipelines import messages, runner
from pipelines.models import Run
from tests import builders
from tests.integration.conftest import FakeHandler

pytestmark = pytest.mark.django_db(transaction=True)


class Terminal(io.StringIO):
    """Somebody who can be asked, and says what they are told to."""

    def isatty(self):
        return True


def done_at_once(work):
    """Do what is sent, instead of a worker."""
    (runner.plan if isinstance(work, Run) else runner.execute)(work.pk)
    return True


@pytest.fixture
def collection(pipelines, monkeypatch):
    """A first collection of sources that succeed, but for those that are to fail."""
    CloudAccount.objects.create(account_id="123456789012")
    price = (Line("cost", Decimal("0.01"), "one page"), Line("cpu", Decimal("0.0005"), "50 metrics"))
    monkeypatch.setattr(
        first_run, "quote", lambda account: Quote(account.account_id, price, Decimal(0), Decimal(1))
    )
    monkeypatch.setattr(messages, "send", done_at_once)
    user = User.objects.create_superuser("admin@example.com")

    def refuse():
        raise PermanentCloudError("denied")

    def make(*failing, terminal=False):
        sources = ("ec2", "cost", "cpu")
        handlers = {name: FakeHandler({"step": refuse if name in failing else dict}) for name in sources}
        later = {name: FakeHandler({"step": dict}) for name in ("metrics", "intelligence")}
        pipelines(**handlers, **later, daily=sources)
        console = Console(file=Terminal() if terminal else io.StringIO(), width=120, markup=False)
        return FirstCollection(console, user=user, between=lambda: None), console

    return make


def answer(monkeypatch, text):
    """Type an answer, or close the terminal for None."""

    def read(self, *_prompt, **_options):
        if text is None:
            raise EOFError
        return text

    monkeypatch.setattr(Console, "input", read)
    monkeypatch.setattr("sys.stdin", Terminal())


def started():
    return list(Run.objects.filter(parent=None).order_by("id").values_list("pipeline", flat=True))


def test_the_demo_cloud_is_collected_without_asking(collection):
    first, _console = collection(terminal=True)
    outcome = first.run("demo")
    assert (outcome.exit_code, started()) == (0, ["daily", "cost", "metrics", "intelligence"])


def test_the_demo_clouds_costs_are_read_as_far_as_forecasts_are_the_better_for_it(collection):
    first, _console = collection()
    first.run("demo")
    past = Run.objects.get(pipeline="cost", parent=None)
    today = past.created_at.date()
    # 30 days were read by the daily run; these are the 90 before.
    assert past.params == {
        "start": (today - timedelta(days=120)).isoformat(),
        "end": (today - timedelta(days=30)).isoformat(),
    }


@pytest.mark.parametrize(("cloud", "days"), [("demo", 300), ("aws", 0)])
def test_loose_volumes_of_the_demo_cloud_are_as_old_as_earlier_scans_would_know(collection, cloud, days):
    first, _console = collection()
    now = timezone.now()
    loose = builders.volume(created_at=now - timedelta(days=300), available_since=now)
    attached = builders.volume(created_at=now - timedelta(days=300), attached_to="i-1")
    first.run(cloud)
    loose.refresh_from_db()
    attached.refresh_from_db()
    assert (now - loose.available_since, attached.available_since) == (timedelta(days=days), None)


def test_a_recent_collection_is_not_repeated(collection):
    first, _console = collection()
    moment = timezone.now() - timedelta(hours=5)
    Run.objects.create(pipeline="daily", status="succeeded", scheduled_for=moment, finished_at=moment)
    outcome = first.run("demo")
    assert (outcome.exit_code, outcome.reason) == (
        0,
        "Last collection: 5 hours ago; the next comes by schedule.",
    )


def test_aws_is_priced_after_the_free_inventory_and_before_the_rest(collection):
    first, console = collection()
    assert first.run("aws").exit_code == 0
    assert started() == ["ec2", "daily", "intelligence"]
    said = console.file.getvalue()
    assert "123456789012 cost: $0.01 (one page)" in said
    # One page of costs and 50 metrics: 0.01 + 0.0005.
    assert said.index("Collecting: ec2") < said.index("together $0.0105") < said.index("Collecting: daily")


@pytest.mark.parametrize(
    ("typed", "code", "runs"),
    [("y", 0, ["ec2", "daily", "intelligence"]), ("n", 1, ["ec2"]), (None, 1, ["ec2"])],
)
def test_a_terminal_is_asked_to_confirm_the_price(collection, monkeypatch, typed, code, runs):
    first, _console = collection(terminal=True)
    answer(monkeypatch, typed)
    assert (first.run("aws").exit_code, started()) == (code, runs)


def test_nothing_is_asked_when_no_account_can_be_entered(collection):
    first, console = collection("ec2")
    CloudAccount.objects.all().delete()
    outcome = first.run("aws")
    assert (outcome.exit_code, started()) == (1, ["ec2"])
    outcome.print_reason(console)
    assert "The first collection ended as failed: step: denied" in console.file.getvalue()


def test_a_denied_inventory_does_not_stop_costs_and_cpu(collection):
    first, _console = collection("ec2")
    outcome = first.run("aws")
    assert (outcome.exit_code, started()) == (3, ["ec2", "daily", "intelligence"])
    assert outcome.run.error == "ec2: step: denied"


def test_a_price_that_is_not_known_is_not_counted_as_nothing(collection, monkeypatch):
    first, console = collection()
    lines = (Line("cost", Decimal("0.01"), "one page"), Line("cpu", None, "unknown"))
    monkeypatch.setattr(first_run, "quote", lambda account: Quote("1", lines, Decimal(0), Decimal(1)))
    first.run("aws")
    assert "together at least $0.01" in console.file.getvalue()


def test_readings_of_metrics_are_told_apart_from_what_is_agreed_to(collection, monkeypatch):
    first, console = collection()
    hourly = Line("metrics", Decimal("0.03"), "24 times a day: $0.72", times_a_day=24)
    lines = (Line("cost", Decimal("0.01"), "one page"), hourly)
    monkeypatch.setattr(first_run, "quote", lambda account: Quote("1", lines, Decimal(0), Decimal(1)))
    first.run("aws")
    said = console.file.getvalue()
    assert "123456789012 metrics: $0.03 (24 times a day: $0.72)" in said
    assert "together $0.01; metrics follow by a schedule of their own" in said


def test_a_part_that_failed_is_told(collection):
    first, console = collection("cost")
    outcome = first.run("demo")
    assert outcome.exit_code == 3
    outcome.print_reason(console)
    assert "The first collection ended as partial: cost: step: denied" in console.file.getvalue()


def test_progress_is_a_line_for_each_change_where_there_is_no_terminal(collection):
    first, console = collection("cost")
    first.run("demo")
    lines = console.file.getvalue().splitlines()
    assert lines == [
        "Collecting: daily",
        "ec2: succeeded, 1 of 1",
        "cost: failed, 1 of 1",
        "cpu: succeeded, 1 of 1",
        "Collecting: cost, metrics",
        "cost: failed, 1 of 1",
        "metrics: succeeded, 1 of 1",
        "Computing: intelligence",
        "intelligence: succeeded, 1 of 1",
    ]
