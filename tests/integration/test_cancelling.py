"""Runs that are cancelled: what ends, what goes on, and who wins a race."""

import threading
from collections import Counter

import pytest
from django.db import connection, transaction

from alerts.models import Alert
from core.errors import LeaseLostError, PermanentCloudError
from pipelines import cancelling, claims, history, ledger, registry, runner
from pipelines.errors import RunConflictError
from pipelines.models import Run, Status, Step
from pipelines.registry import PlannedStep
from tests import builders
from tests.integration.conftest import FakeHandler, work_off
from tests.integration.test_ledger import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person():
    return builders.user("operator", email="ops@example.com")


@pytest.fixture
def planned(pipelines, sent):
    """A run of two steps, planned."""
    pipelines(source=FakeHandler({"one": lambda: {"created": 1}, "two": lambda: {"created": 2}}))
    run = ledger.start("source")
    runner.plan(run.pk)
    return run


@pytest.fixture
def family(pipelines, sent):
    """A run of three parts, started."""
    pipelines(
        one=FakeHandler({"a": dict}),
        two=FakeHandler({"b": dict}),
        three=FakeHandler({"c": dict}),
        all=("one", "two", "three"),
    )
    return ledger.start("all")


def statuses(of):
    return dict(of.values_list("name" if of.model is Step else "pipeline", "status"))


# --- What ends -------------------------------------------------------------------------------
def test_what_waits_and_what_is_being_done_ends_and_what_was_done_stays(planned, person):
    one, two = planned.steps.all()
    runner.execute(one.pk)
    claims.claim_step(two.pk)
    run = cancelling.cancel(planned.pk, by=person)
    assert (run.status, run.error, run.counts) == (
        "cancelled",
        "Cancelled by ops@example.com.",
        {"created": 1},
    )
    assert run.step_counts == {"succeeded": 1, "cancelled": 1}
    assert run.finished_at is not None
    assert [each["outcome"] for each in history.attempts(planned.steps.get(name="two"))] == ["cancelled"]


def test_a_worker_can_write_no_more_for_a_run_that_was_cancelled(planned, person):
    claim = claims.claim_step(planned.steps.first().pk)
    cancelling.cancel(planned.pk, by=person)
    with pytest.raises(LeaseLostError, match="or cancelled"), claim.writing():
        pytest.fail("the late writer got in")
    with pytest.raises(LeaseLostError):
        claim.end()
    with pytest.raises(LeaseLostError):
        claim.retry(error="throttled")


def test_a_plan_that_is_being_made_is_not_stored(pipelines, sent, person):
    pipelines(source=FakeHandler({"one": dict}))
    run = ledger.start("source")
    claim = claims.claim_run(run.pk)
    cancelling.cancel(run.pk, by=person)
    with pytest.raises(LeaseLostError):
        claim.plan([PlannedStep("one")])
    assert not run.steps.exists()


def test_a_run_that_nobody_has_begun_ends_as_well(pipelines, sent, person):
    pipelines(source=FakeHandler({"one": dict}))
    run = ledger.start("source")
    assert cancelling.cancel(run.pk, by=person).status == Status.CANCELLED
    assert claims.claim_run(run.pk) is None


def test_a_cancelled_run_is_not_concluded(monkeypatch, sent, person):
    monkeypatch.setattr(registry, "_pipelines", {})
    handler = FakeHandler({"one": dict})
    registry.register(registry.Pipeline(name="source", handler=handler, conclude=lambda _run: 1 / 0))
    run = ledger.start("source")
    runner.plan(run.pk)
    assert cancelling.cancel(run.pk, by=person).error == "Cancelled by ops@example.com."


def test_what_has_ended_cannot_be_cancelled(planned, person):
    work_off(planned)
    with pytest.raises(RunConflictError, match=f"Run {planned.pk} .* has ended as succeeded"):
        cancelling.cancel(planned.pk, by=person)


def test_a_cancelled_run_opens_no_alert_and_resolves_none(pipelines, sent, person):
    def denied():
        raise PermanentCloudError("denied")

    pipelines(source=FakeHandler({"one": denied}))
    work_off(ledger.start("source"))
    assert Alert.objects.unresolved().count() == 1
    cancelling.cancel(ledger.start("source").pk, by=person)
    assert Alert.objects.unresolved().count() == Alert.objects.count() == 1


# --- Families --------------------------------------------------------------------------------
def test_a_part_that_is_cancelled_lets_the_next_one_begin(family, person, sent):
    cancelling.cancel(family.children.get(pipeline="one").pk, by=person)
    assert sent[-1] == "two"
    work_off()
    family.refresh_from_db()
    assert statuses(family.children) == {"one": "cancelled", "two": "succeeded", "three": "succeeded"}
    assert (family.status, family.error) == ("partial", "one: Cancelled by ops@example.com.")


def test_all_that_a_run_consists_of_ends_with_it(family, person):
    first = family.children.get(pipeline="one")
    work_off(first)
    second = family.children.get(pipeline="two")
    runner.plan(second.pk)
    cancelling.cancel(family.pk, by=person)
    assert statuses(family.children) == {"one": "succeeded", "two": "cancelled", "three": "cancelled"}
    assert statuses(second.steps) == {"b": "cancelled"}
    family.refresh_from_db()
    assert (family.status, family.error) == ("cancelled", "Cancelled by ops@example.com.")


def test_parts_that_were_all_cancelled_make_a_cancelled_run(family, person):
    for child in family.children.order_by("position"):
        cancelling.cancel(child.pk, by=person)
    family.refresh_from_db()
    assert family.status == Status.CANCELLED


# --- Races -----------------------------------------------------------------------------------
def test_one_of_ten_that_cancel_at_once_has_done_it(planned, person):
    def cancel():
        try:
            return cancelling.cancel(planned.pk, by=person).status
        except RunConflictError:
            return "too late"

    assert Counter(in_threads(10, cancel)) == {"cancelled": 1, "too late": 9}


def test_a_step_is_claimed_before_or_not_at_all(planned, person):
    """Ten workers claim while somebody cancels: whoever won cannot write, and nothing is left active."""
    steps = list(planned.steps.values_list("pk", flat=True))
    turn = iter([None, *steps * 5])
    lock = threading.Lock()

    def race():
        with lock:
            step = next(turn)
        return cancelling.cancel(planned.pk, by=person) and None if step is None else claims.claim_step(step)

    won = [claim for claim in in_threads(11, race) if claim]
    assert statuses(planned.steps) == {"one": "cancelled", "two": "cancelled"}
    for claim in won:
        with pytest.raises(LeaseLostError):
            claim.renew()


def test_steps_that_end_while_their_run_is_cancelled_count_or_do_not(pipelines, sent, person):
    pipelines(source=FakeHandler({str(number): lambda: {"created": 1} for number in range(8)}))
    run = ledger.start("source")
    runner.plan(run.pk)
    held = [claims.claim_step(step.pk) for step in run.steps.all()]
    turn, lock = iter([*held[:4], None, *held[4:]]), threading.Lock()

    def race():
        with lock:
            claim = next(turn)
        try:
            if claim is None:
                cancelling.cancel(run.pk, by=person)
            else:
                claim.end(counts=Counter(created=1))
        except (LeaseLostError, RunConflictError):
            return 0
        return int(claim is not None)

    ended = sum(in_threads(9, race))
    run.refresh_from_db()
    assert not run.is_active
    assert run.steps.filter(status="succeeded").count() == run.counts.get("created", 0) == ended


def test_a_writer_that_is_about_to_commit_is_waited_for(planned, person):
    claim = claims.claim_step(planned.steps.first().pk)
    cancelled = threading.Event()

    def cancel():
        cancelling.cancel(planned.pk, by=person)
        cancelled.set()
        connection.close()

    other = threading.Thread(target=cancel)
    with transaction.atomic():
        claim.renew()
        other.start()
        claim.add([PlannedStep("late")])
        assert not cancelled.is_set()
    other.join(timeout=30)
    # What was added in that transaction ended with the others.
    assert statuses(planned.steps) == dict.fromkeys(("one", "two", "late"), "cancelled")
    assert Run.objects.get().status == Status.CANCELLED
