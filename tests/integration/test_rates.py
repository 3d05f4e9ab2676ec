"""AWS is asked no more often than all workers together may, and nobody sleeps over it."""

import time
from datetime import timedelta

import pytest

from collectors.services import rates
from collectors.services.rates import PUBLISHED, Place, Rate, admit, parse
from core import valkey
from core.errors import InvalidInputError, NotYetError
from pipelines import ledger, runner
from pipelines.models import Step
from tests.integration.conftest import FakeHandler

HERE = Place("123456789012", "eu-west-1")


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """Two calls at once, and one more each 100 seconds."""
    monkeypatch.setattr(rates, "limits", lambda: PUBLISHED | {"DescribeInstances": Rate(0.01, 2)})


def ask(ticket, place=HERE, calls=1):
    """Return how long to wait, in seconds; 0 when let in."""
    try:
        admit(place, ticket, DescribeInstances=calls)
    except NotYetError as wait:
        return wait.wait_s
    return 0


def test_lets_in_as_many_at_once_as_the_bucket_holds():
    assert [ask("a"), ask("b")] == [0, 0]
    assert ask("c") == pytest.approx(100, abs=1)


def test_those_who_wait_are_let_in_one_after_the_other():
    ask("a", calls=2)
    assert [round(ask(name)) for name in "bcd"] == [100, 200, 300]


def test_a_ticket_is_not_charged_again():
    ask("a", calls=2)
    first = ask("b")
    assert ask("b") == pytest.approx(first, abs=1)
    assert ask("c") == pytest.approx(200, abs=1)


def test_a_ticket_lets_in_once_its_time_has_come(monkeypatch):
    monkeypatch.setattr(rates, "limits", lambda: {"DescribeInstances": Rate(20, 1)})
    ask("a")
    assert 0 < ask("b") <= 0.05
    deadline = time.monotonic() + 5
    while ask("b") > 0:
        assert time.monotonic() < deadline


def after_its_wait(ticket, calls):
    """Ask for so many calls when the wait of a ticket is over; return how long to wait."""
    valkey.client().hset(f"rates:granted:{ticket}", "at", 0)
    return ask(ticket, calls=calls)


def test_who_comes_back_for_more_waits_for_the_difference():
    ask("a", calls=2)
    assert ask("b", calls=2) == pytest.approx(200, abs=1)
    assert after_its_wait("b", calls=3) == pytest.approx(300, abs=1)
    assert ask("c") == pytest.approx(400, abs=1)


def test_who_comes_back_for_less_is_given_the_difference():
    ask("a", calls=2)
    assert ask("b", calls=2) == pytest.approx(200, abs=1)
    assert after_its_wait("b", calls=1) == 0
    assert ask("c") == pytest.approx(200, abs=1)


def test_a_step_of_many_calls_waits_for_all_of_them_at_once():
    assert ask("a", calls=5) == pytest.approx(300, abs=1)


def test_accounts_and_regions_have_their_own_buckets():
    ask("a", calls=2)
    assert ask("b", Place("123456789012", "us-east-1")) == 0
    assert ask("c", Place("210987654321", "eu-west-1")) == 0


def test_actions_have_their_own_buckets():
    ask("a", calls=2)
    admit(HERE, "b", DescribeVolumes=1)


def test_waits_for_the_scarcer_of_calls_and_points(monkeypatch):
    few_points = {"GetMetricData": Rate(50, 50), "GetMetricData/points": Rate(100, 100)}
    monkeypatch.setattr(rates, "limits", lambda: few_points)
    with pytest.raises(NotYetError) as wait:
        admit(HERE, "a", GetMetricData=1, points=1100)
    assert wait.value.wait_s == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(("hours", "tokens"), [(3, 100), (3.1, 200)])
def test_points_of_older_windows_count_twice(hours, tokens):
    assert rates.points(100, timedelta(hours=hours)) == tokens


def test_nobody_waits_while_valkey_is_away(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [ask("a", calls=9), ask("b", calls=9)] == [0, 0]


def test_buckets_that_have_filled_up_leave_nothing_behind():
    ask("a", calls=2)
    [bucket] = valkey.client().keys("rates:*")
    # Two tokens at one in a hundred seconds.
    assert 195 <= valkey.client().ttl(bucket) <= 202


@pytest.mark.django_db(transaction=True)
def test_a_step_that_has_to_wait_is_put_back_and_is_not_counted_as_tried(pipelines, sent):
    pipelines(source=FakeHandler({"one": lambda: admit(HERE, "one", DescribeInstances=3)}))
    run = ledger.start("source")
    runner.plan(run.pk)
    runner.execute(run.steps.get().pk)
    step = Step.objects.get()
    assert (step.status, step.attempt, step.retries, step.lease_until) == ("queued", 0, 0, None)
    assert (step.not_before - step.started_at).total_seconds() == pytest.approx(100, abs=2)


# --- Settings --------------------------------------------------------------------------------
def test_reads_rates_with_and_without_a_number_at_once():
    assert parse("DescribeInstances=10, GetMetricData=20/40") == {
        "DescribeInstances": Rate(10, 10),
        "GetMetricData": Rate(20, 40),
    }


@pytest.mark.parametrize(
    "written",
    ["DescribeInstances", "RunInstances=5", "GetMetricData=0", "GetMetricData=5/0.5", "ListMetrics=x"],
)
def test_refuses_what_is_no_rate_by_its_name(written):
    with pytest.raises(InvalidInputError, match=f"'{written}' is no rate: write ACTION=PER_SECOND"):
        parse(written)
