"""What becomes of work that failed for now, was refused, or was held by a worker that ends."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from core.errors import AccessRefusedError, CredentialsRefusedError, PermanentCloudError, TransientCloudError
from pipelines import claims, history, ledger, messages, registry, repair, runner, tasks, workers
from pipelines.models import Run, Status, Step
from pipelines.registry import PlannedStep
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db(transaction=True)


class Flaky:
    """Fails so many times, then succeeds."""

    def __init__(self, times, error=None):
        self.left, self.calls = times, 0
        self.error = error or TransientCloudError("throttled")

    def __call__(self):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return {"created": 1}


def planned(pipelines, **steps):
    pipelines(source=FakeHandler(steps))
    run = ledger.start("source")
    runner.plan(run.pk)
    return run


def ended(run):
    return Run.objects.get(pk=run.pk)


# --- Retries ---------------------------------------------------------------------------------
def test_a_failure_that_may_pass_is_tried_again_after_a_pause(pipelines, sent):
    run = planned(pipelines, one=Flaky(1))
    runner.execute(run.steps.get().pk)
    step = run.steps.get()
    assert (step.status, step.retries, step.error) == (Status.QUEUED, 1, "throttled")
    assert timedelta(seconds=3) < step.not_before - timezone.now() <= timedelta(seconds=6)
    assert claims.claim_step(step.pk) is None
    work_off(run)
    assert (ended(run).status, ended(run).counts, run.steps.get().error) == ("succeeded", {"created": 1}, "")


def test_it_fails_once_it_has_been_tried_four_times(pipelines, sent):
    flaky = Flaky(9)
    run = planned(pipelines, one=flaky)
    work_off(run)
    assert (flaky.calls, ended(run).status, ended(run).error) == (4, "failed", "one: throttled")


def test_a_failure_that_lasts_is_not_tried_again(pipelines, sent):
    flaky = Flaky(1, PermanentCloudError("no such thing"))
    work_off(planned(pipelines, one=flaky))
    assert flaky.calls == 1


def test_a_run_that_cannot_be_planned_for_now_is_planned_again(pipelines, sent):
    tries = Flaky(2)
    pipelines(source=FakeHandler({"one": dict}, plan=lambda: tries() and [PlannedStep("one")]))
    run = ledger.start("source")
    work_off(run)
    assert (ended(run).status, ended(run).error) == ("succeeded", "")


def test_work_that_the_database_interrupted_is_given_back_and_done(pipelines, sent, monkeypatch):
    monkeypatch.setattr("pipelines.later.later.do", lambda what, after_s=0: after_s or what())
    run = planned(pipelines, one=Flaky(5, OperationalError("terminating connection")))
    for _ in range(5):
        step = run.steps.get()
        with pytest.raises(OperationalError):
            runner.execute(step.pk)
        Step.objects.update(not_before=None)
    work_off(run)
    assert (ended(run).status, run.steps.get().retries) == ("succeeded", 0)


def test_what_the_database_refuses_for_ever_fails_in_the_end(pipelines, sent):
    run = planned(pipelines, one=Flaky(99, OperationalError("disk full")))
    Step.objects.update(attempt=runner.MOST_ATTEMPTS)
    runner.execute(run.steps.get().pk)
    assert "one: Internal error (OperationalError); the worker's log has the details." in ended(run).error


# --- Adding ----------------------------------------------------------------------------------
class Chain(FakeHandler):
    """A first step that adds two more, and can be done again."""

    def __init__(self):
        super().__init__({})

    def plan(self):
        return [PlannedStep("1", {"next": ["2", "3"]})]

    def execute(self, step):
        self.claim.add(PlannedStep(name, {"from": step.name}) for name in step.payload.get("next", ()))
        return Counter(created=1)


def test_a_run_ends_with_the_last_of_the_steps_that_were_added(pipelines, sent):
    pipelines(source=Chain())
    run = ledger.start("source")
    runner.plan(run.pk)
    runner.execute(run.steps.get().pk)
    assert sent == ["source", "1", "2", "3"]
    assert ended(run).status == Status.RUNNING
    work_off(run)
    assert (ended(run).status, ended(run).counts) == ("succeeded", {"created": 3})


def test_a_step_that_is_done_again_adds_nothing_twice(pipelines, sent):
    pipelines(source=Chain())
    run = ledger.start("source")
    runner.plan(run.pk)
    first = run.steps.get()
    runner.execute(first.pk)
    Step.objects.filter(pk=first.pk).update(status=Status.QUEUED, payload={"next": ["2", "3"]})
    runner.execute(first.pk)
    assert run.steps.count() == 3
    assert sent == ["source", "1", "2", "3"]


def test_a_step_loses_its_payload_when_it_has_ended(pipelines, sent):
    pipelines(source=Chain())
    work_off(ledger.start("source"))
    assert set(Step.objects.values_list("name", flat=True)) == {"1", "2", "3"}
    assert not Step.objects.exclude(payload={}).exists()


# --- Concluding ------------------------------------------------------------------------------
def concluding(monkeypatch, conclude, **steps):
    monkeypatch.setattr(registry, "_pipelines", {})
    registry.register(registry.Pipeline(name="source", handler=FakeHandler(steps), conclude=conclude))
    run = ledger.start("source")
    work_off(run)
    return ended(run)


def test_a_run_is_concluded_once_all_its_steps_have_ended(monkeypatch, sent):
    seen = []

    def conclude(run):
        seen.append(run.steps.active().count())
        return Counter(gone=2)

    run = concluding(monkeypatch, conclude, one=lambda: {"created": 1}, two=lambda: {"created": 1})
    assert (seen, run.counts) == ([0], {"created": 2, "gone": 2})


def test_a_conclusion_that_fails_makes_the_run_partial_and_keeps_nothing_up(monkeypatch, sent):
    run = concluding(monkeypatch, lambda run: {}["secret"], one=lambda: {"created": 1})
    assert (run.status, run.counts) == ("partial", {"created": 1})
    assert run.error == "Its conclusion failed (KeyError); the worker's log has the details."


def database_error(run):
    raise IntegrityError("duplicate key")


def test_a_conclusion_that_the_database_refuses_is_one_that_failed(monkeypatch, sent):
    run = concluding(monkeypatch, database_error, one=lambda: {"created": 1})
    assert (run.status, run.error.partition(" (")[0]) == ("partial", "Its conclusion failed")


def test_a_conclusion_that_the_database_never_lets_end_is_left_out(monkeypatch, sent):
    def conclude(run):
        raise OperationalError("statement timeout")

    monkeypatch.setattr(runner, "MOST_ATTEMPTS", 1)
    run = concluding(monkeypatch, conclude, one=lambda: {"created": 1})
    assert run.status == "failed"
    assert "Its conclusion was left out." in run.error


def lost(run):
    """Let the workers of all that is being done have died, once too often."""
    past = timezone.now() - timedelta(seconds=1)
    run.steps.filter(status=Status.RUNNING).update(
        lease_until=past, lost_workers=history.MAX_LOST_WORKERS - 1
    )


def test_work_that_cannot_be_taken_over_holds_up_no_other(monkeypatch, sent):
    def conclude(run):
        if run.scope == "stuck":
            raise OperationalError("statement timeout")
        return Counter()

    monkeypatch.setattr(registry, "_pipelines", {})
    registry.register(registry.Pipeline(name="source", handler=FakeHandler({"one": dict}), conclude=conclude))
    runs = [ledger.start("source", scope=scope) for scope in ("stuck", "fine")]
    for run in runs:
        runner.plan(run.pk)
        claims.claim_step(run.steps.get().pk)
        lost(run)
    assert repair.take_over_lost_work() == 1
    assert [ended(run).status for run in runs] == ["running", "failed"]


def test_a_part_of_the_repair_that_fails_leaves_the_others_to_be_done(monkeypatch):
    done = []

    def fail():
        raise ValueError("unforeseen")

    monkeypatch.setattr(tasks, "_REPAIRS", (fail, lambda: done.append("second")))
    with pytest.raises(ValueError, match="unforeseen"):
        tasks.reconcile()
    assert done == ["second"]


# --- Refusals --------------------------------------------------------------------------------
NAMES = ("a/eu/metrics/1", "a/eu/metrics/2", "a/eu/volumes/1", "a/us/metrics/1", "b/eu/metrics/1")


def refused(pipelines, error):
    """Run steps of which the first meets the error; return which others were done."""
    done = []
    steps = {name: lambda name=name: done.append(name) for name in NAMES}
    steps[NAMES[0]] = Flaky(1, error)
    pipelines(source=FakeHandler(steps))
    run = ledger.start("source")
    work_off(run)
    return ended(run), done


def test_refused_credentials_are_not_tried_again_by_other_steps_of_the_account(pipelines, sent):
    run, done = refused(pipelines, CredentialsRefusedError("expired"))
    assert done == ["b/eu/metrics/1"]
    assert run.steps.filter(refused=True, error="Not tried after a/eu/metrics/1: expired").count() == 3


def test_a_refused_action_is_not_tried_again_by_steps_of_that_kind_and_region(pipelines, sent):
    _, done = refused(pipelines, AccessRefusedError("denied"))
    assert done == ["a/eu/volumes/1", "a/us/metrics/1", "b/eu/metrics/1"]


def test_a_step_that_is_added_after_steps_like_it_were_refused_is_not_tried(pipelines, sent):
    tried = []

    class Pages(FakeHandler):
        def plan(self):
            return [PlannedStep("a/eu/pages/1"), PlannedStep("a/eu/metrics/1")]

        def execute(self, step):
            if step.name == "a/eu/pages/1":
                self.claim.add([PlannedStep("a/eu/metrics/2"), PlannedStep("a/eu/pages/2")])
                return Counter()
            tried.append(step.name)
            if "metrics" in step.name:
                raise AccessRefusedError("denied")
            return Counter()

    pipelines(source=Pages({}))
    run = ledger.start("source")
    runner.plan(run.pk)
    runner.execute(run.steps.get(name="a/eu/metrics/1").pk)
    work_off(run)
    assert tried == ["a/eu/metrics/1", "a/eu/pages/2"]
    assert run.steps.get(name="a/eu/metrics/2").refused


# --- Workers that end ------------------------------------------------------------------------
NODE = workers.name().partition("/")[0]


def test_what_an_ending_worker_gives_back_is_ready_at_once_and_was_not_lost(claimed):
    assert repair.give_back(NODE) == 1
    again = claims.claim_step(claimed.work.pk)
    assert (again.work.lost_workers, again.work.fence) == (0, claimed.work.fence + 2)


def test_a_worker_that_gave_back_its_work_can_write_no_more(claimed):
    repair.give_back(NODE)
    with pytest.raises(claims.LeaseLostError), claimed.writing():
        pytest.fail("the late writer got in")


def test_the_work_of_other_workers_is_not_given_back(claimed):
    assert repair.give_back(NODE[:-1]) == repair.give_back(f"{NODE}2") == 0


def test_a_worker_takes_over_what_one_of_its_name_left_behind(claimed):
    assert repair.take_over_from(NODE) == 1
    assert claims.claim_step(claimed.work.pk).work.lost_workers == 1


def test_a_run_whose_steps_are_being_done_is_held_by_nobody(claimed):
    assert Run.objects.get().status == Status.RUNNING
    Step.objects.update(status=Status.SUCCEEDED)
    assert repair.give_back(NODE) == repair.take_over_from(NODE) == 0


# --- Messages --------------------------------------------------------------------------------
@pytest.fixture
def in_broker(monkeypatch):
    """Say that there are so many messages in the usual queue, and in the one for lost work."""

    def say(count, alone=0):
        found = {registry.USUAL_QUEUE: count, messages.ALONE: alone}
        monkeypatch.setattr(messages, "waiting", found.__getitem__)

    return say


def test_publishes_nothing_again_while_the_broker_holds_a_message_for_each(pipelines, sent, in_broker):
    planned(pipelines, one=dict, two=dict)
    in_broker(2)
    assert repair.publish_waiting() == 0


def test_publishes_the_oldest_again_of_which_messages_are_missing(pipelines, sent, in_broker):
    planned(pipelines, one=dict, two=dict, three=dict)
    Step.objects.filter(name="two").update(published_at=timezone.now() - timedelta(hours=1))
    in_broker(2)
    sent.clear()
    assert repair.publish_waiting() == 1
    assert sent == ["two"]


def test_publishes_all_again_once_the_broker_has_forgotten_everything(pipelines, sent, in_broker):
    planned(pipelines, one=dict, two=dict)
    in_broker(0)
    assert repair.publish_waiting() == 2


def test_messages_of_one_queue_do_not_stand_for_those_of_the_other(pipelines, sent, in_broker):
    planned(pipelines, one=dict, two=dict)
    Step.objects.filter(name="two").update(lost_workers=1)
    in_broker(0, alone=2)
    sent.clear()
    assert repair.publish_waiting() == 1
    assert sent == ["one"]


def test_publishes_nothing_while_the_broker_is_away(pipelines, sent, in_broker):
    planned(pipelines, one=dict)
    in_broker(None)
    assert repair.publish_waiting() == 0
