"""What the ledger keeps of attempts, and the backoff between them."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from core.errors import PermanentCloudError, TransientCloudError
from pipelines import claims, history, ledger, registry, repair, runner, workers
from pipelines.models import Run, Status, Step
from pipelines.registry import ETL_RETRY, PlannedStep
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NODE = workers.name().partition("/")[0]


class Failing:
    """Fails so many times, then succeeds."""

    def __init__(self, times, error=None):
        self.left, self.error = times, error or TransientCloudError("throttled")

    def __call__(self):
        if self.left:
            self.left -= 1
            raise self.error
        return {"created": 1}


@pytest.fixture
def clock(now, monkeypatch):
    """Set all clocks, PostgreSQL's as well: `clock(3.5)` is that many seconds after the beginning."""

    def set_to(seconds):
        moment = BEGIN + timedelta(seconds=seconds)
        now(moment)
        monkeypatch.setattr(Now, "as_postgresql", lambda *_, **__: ("%s::timestamptz", [moment]))

    set_to(0)
    return set_to


@pytest.fixture
def etl(monkeypatch, sent):
    """Start a run, by the document's policy, of steps that are done so; chance adds a fifth to each pause."""
    monkeypatch.setattr(registry, "_pipelines", {})
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 1.2)

    def start(plan=None, **steps):
        handler = FakeHandler(steps, plan=plan)
        registry.register(registry.Pipeline(name="cost", handler=handler, retry=ETL_RETRY))
        run = ledger.start("cost")
        runner.plan(run.pk)
        return run

    return start


def told(work):
    """The attempts of a piece of work, each by its outcome and the seconds from its beginning to its end."""
    work.refresh_from_db()
    return [
        (each["attempt"], each["outcome"], *((each[name] - BEGIN).total_seconds() for name in ENDS))
        for each in history.attempts(work)
    ]


ENDS = ("started_at", "ended_at")


# --- Backoff ---------------------------------------------------------------------------------
def test_a_run_that_fails_twice_succeeds_third_after_the_pauses_of_the_document(etl, clock):
    run = etl(one=Failing(2))
    step = run.steps.get()
    runner.execute(step.pk)
    step.refresh_from_db()
    assert (step.status, step.retries, step.not_before) == ("queued", 1, BEGIN + timedelta(seconds=30 * 1.2))

    clock(35.9)
    assert claims.claim_step(step.pk) is None
    clock(40)
    runner.execute(step.pk)
    step.refresh_from_db()
    assert (step.retries, step.not_before) == (2, BEGIN + timedelta(seconds=40 + 60 * 1.2))

    clock(111.9)
    assert claims.claim_step(step.pk) is None
    clock(112)
    runner.execute(step.pk)
    assert told(step) == [(1, "retried", 0, 0), (2, "retried", 40, 40), (3, "succeeded", 112, 112)]
    assert [entry["error"] for entry in step.history] == ["throttled", "throttled"]
    assert [datetime.fromisoformat(entry["not_before"]) for entry in step.history] == [
        BEGIN + timedelta(seconds=36),
        BEGIN + timedelta(seconds=112),
    ]
    run.refresh_from_db()
    assert (run.status, run.counts, run.step_attempts) == ("succeeded", {"created": 1}, 3)


def test_it_has_failed_after_the_third_retry(etl, clock):
    run = etl(one=Failing(9))
    step = run.steps.get()
    for moment in (0, 100, 200, 400):
        clock(moment)
        runner.execute(step.pk)
    assert [outcome for _, outcome, *_ in told(step)] == ["retried"] * 3 + ["failed"]


def test_no_retry_is_planned_for_later_than_an_hour_after_the_first_attempt_began(etl, clock):
    run = etl(one=Failing(9))
    step = run.steps.get()
    for moment in (0, 3560):
        clock(moment)
        runner.execute(step.pk)
    # The second retry would have come after 3,560 s and another 72 s.
    assert [outcome for _, outcome, *_ in told(step)] == ["retried", "failed"]


def test_what_waited_for_its_first_attempt_has_the_whole_hour_before_it(etl, clock):
    run = etl(one=Failing(1))
    clock(7200)
    step = run.steps.get()
    runner.execute(step.pk)
    step.refresh_from_db()
    assert (step.status, step.retries) == ("queued", 1)


def test_a_run_that_cannot_be_planned_for_now_has_the_same_pauses(etl, clock):
    tries = Failing(1)
    run = etl(plan=lambda: tries() and [PlannedStep("one")], one=dict)
    run.refresh_from_db()
    assert (run.status, run.not_before) == ("queued", BEGIN + timedelta(seconds=36))
    assert [outcome for _, outcome, *_ in told(run)] == ["retried"]


# --- What is kept ----------------------------------------------------------------------------
def outcomes(work):
    work.refresh_from_db()
    return [(entry["outcome"], entry["error"]) for entry in work.history]


def test_an_attempt_that_ends_well_leaves_nothing_behind(etl):
    run = etl(one=dict)
    work_off(run)
    assert outcomes(run) == outcomes(run.steps.get()) == []
    (attempt,) = history.attempts(run.steps.get())
    assert (attempt["attempt"], attempt["outcome"], attempt["worker"]) == (1, "succeeded", workers.name())


def test_a_failure_for_good_is_kept_of_the_step_and_of_its_run(etl):
    run = etl(one=Failing(1, PermanentCloudError("denied")))
    work_off(run)
    assert outcomes(run.steps.get()) == [("failed", "denied")]
    assert outcomes(run) == [("failed", "one: denied")]
    assert len(history.attempts(run.steps.get())) == 1


def test_an_attempt_whose_worker_was_lost_is_kept(claimed):
    Step.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    repair.take_over_lost_work()
    assert outcomes(claimed.work) == [("lost", "")]
    assert claimed.work.history[0]["worker"] == workers.name()


def test_an_attempt_that_was_given_back_is_kept(claimed):
    repair.give_back(NODE)
    assert outcomes(claimed.work) == [("given back", "")]


def test_work_that_waits_untried_has_no_attempt(claimed):
    claimed.put_back(wait_s=60)
    claimed.work.refresh_from_db()
    assert history.attempts(claimed.work) == []


def test_the_attempt_that_is_going_on_is_told(claimed):
    (attempt,) = history.attempts(claimed.work)
    assert (attempt["attempt"], attempt["outcome"], attempt["ended_at"]) == (1, "running", None)


def test_the_last_twenty_attempts_are_kept(claimed):
    Step.objects.update(history=[{"attempt": number, "outcome": "lost"} for number in range(20)])
    repair.give_back(NODE)
    kept = Step.objects.get().history
    assert [entry["outcome"] for entry in kept] == ["lost"] * 19 + ["given back"]


def test_what_ended_before_there_was_a_history_has_its_last_attempt(etl):
    run = etl(one=Failing(1, PermanentCloudError("denied")))
    work_off(run)
    Step.objects.update(history=[], claimed_at=None)
    (attempt,) = history.attempts(run.steps.get())
    assert (attempt["outcome"], attempt["error"], attempt["started_at"]) == ("failed", "denied", None)


# --- Inputs and outputs ----------------------------------------------------------------------
class Telling(FakeHandler):
    """Begins from something, and tells what came of it."""

    def plan(self):
        self.claim.note(accounts=1)
        return [PlannedStep("one", {"rows": [1]}, inputs={"region": "eu-west-1"})]

    def execute(self, step):
        self.claim.note(found=len(step.payload["rows"]), region=step.inputs["region"])
        return {}


def test_a_step_keeps_what_it_began_from_and_what_came_of_it(pipelines, sent):
    pipelines(source=Telling({}))
    work_off(ledger.start("source"))
    step = Step.objects.get()
    assert (step.status, step.payload, step.inputs) == (Status.SUCCEEDED, {}, {"region": "eu-west-1"})
    assert step.outputs == {"found": 1, "region": "eu-west-1"}
    assert Run.objects.get().outputs == {"accounts": 1}
