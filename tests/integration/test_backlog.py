"""What workers could take, counted by one statement, against the ledger's own rules."""

from datetime import timedelta
from math import ceil

import pytest
from django.db import connection
from django.utils import timezone

from pipelines import backlog, claims, ledger, repair, runner
from pipelines.models import Capacity, Run, Status, Step
from tests.integration.conftest import FakeHandler

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registered(pipelines, sent):
    steps = FakeHandler({"one": dict, "two": dict, "three": dict})
    pipelines(source=steps, other=steps, scale=steps, both=("source", "other"))


def ready():
    return ledger.ready_runs().count() + ledger.ready_steps().count()


def test_nothing_is_counted_where_nothing_is_to_be_done():
    assert backlog.count() == 0


def test_a_run_to_be_planned_counts_and_once_planned_its_steps_do():
    run = ledger.start("source")
    assert backlog.count() == ready() == 1
    runner.plan(run.pk)
    assert backlog.count() == ready() == 3


def test_what_is_worked_on_counts_until_it_ends():
    run = ledger.start("source")
    claims.claim_run(run.pk).plan(FakeHandler({"one": dict}).plan())
    claim = claims.claim_step(run.steps.get().pk)
    assert (backlog.count(), ready()) == (1, 0)
    claim.end()
    assert backlog.count() == 0


def test_a_run_that_is_being_planned_counts():
    claims.claim_run(ledger.start("source").pk)
    assert (backlog.count(), ready()) == (1, 0)


def test_of_a_parent_the_child_counts_whose_turn_it_is():
    parent = ledger.start("both")
    assert backlog.count() == ready() == 1
    first = parent.children.get(pipeline="source")
    runner.plan(first.pk)
    assert backlog.count() == ready() == 3


@pytest.mark.parametrize(
    ("minutes", "counted"), [(5, 0), (-5, 1), (None, 1)], ids=["to come", "past", "not waiting"]
)
def test_what_waits_for_its_time_counts_once_that_has_come(minutes, counted):
    ledger.start("source")
    moment = None if minutes is None else timezone.now() + timedelta(minutes=minutes)
    Run.objects.update(not_before=moment)
    assert backlog.count() == ready() == counted


def test_a_step_that_waits_to_be_tried_again_does_not_count():
    run = ledger.start("source")
    runner.plan(run.pk)
    Step.objects.filter(name="one").update(not_before=timezone.now() + timedelta(minutes=5))
    assert backlog.count() == ready() == 2


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.SKIPPED])
def test_what_has_ended_does_not_count(status):
    runner.plan(ledger.start("source").pk)
    Step.objects.update(status=status)
    assert backlog.count() == ready() == 0


def test_what_worker_critical_does_counts_only_once_it_has_lost_its_worker():
    claims.claim_run(ledger.start("scale", scope="i-1").pk)
    assert backlog.count() == 0
    repair.take_over_from(Run.objects.get().worker.partition("/")[0])
    assert backlog.count() == 1


@pytest.mark.parametrize(("runs", "extra"), [(0, 0), (0, 3), (5, 0), (5, 1)])
def test_the_scaler_divides_to_as_many_workers_as_are_wanted(runs, extra):
    for number in range(runs):
        ledger.start("source", scope=str(number))
    if extra:
        Capacity.objects.create(extra_workers=extra)
    with connection.cursor() as cursor:
        cursor.execute(backlog.SCALER_SQL)
        (told,) = cursor.fetchone()
    assert ceil(told / backlog.SLOTS) == backlog.wanted(backlog.count(), backlog.extra(), least=0, most=10)
