"""The run ledger's promises, on a real PostgreSQL."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core.errors import InvalidInputError, LeaseLostError, PermanentCloudError
from pipelines import claims, ledger, messages, repair, runner
from pipelines.models import Run, Status, Step, Trigger
from pipelines.registry import PlannedStep
from tests.integration.conftest import FakeHandler, work_off

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fail(error):
    raise error


def in_threads(count, work):
    """Call `work` in that many threads at the same moment and return the results."""
    barrier, results = threading.Barrier(count), []

    def target():
        barrier.wait()
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=target) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


@pytest.fixture
def source(pipelines, sent):
    pipelines(
        source=FakeHandler({"one": lambda: {"created": 2}, "two": lambda: {"created": 3, "updated": 1}})
    )


@pytest.mark.django_db(transaction=True)
class TestStarting:
    def test_publishes_the_run_once_it_is_committed(self, source, sent):
        with transaction.atomic():
            ledger.start("source")
            assert sent == []
        assert sent == ["source"]

    def test_returns_the_active_run_to_a_second_start(self, source):
        assert ledger.start("source") == ledger.start("source")

    def test_returns_the_run_that_had_the_slot_though_it_has_ended(self, source):
        first = ledger.start("source", slot=NOON)
        work_off(first)
        assert ledger.start("source", slot=NOON) == first

    def test_starts_anew_once_the_last_run_has_ended(self, source):
        first = ledger.start("source")
        work_off(first)
        assert ledger.start("source") != first

    def test_makes_one_run_of_ten_starts_at_once(self, source):
        runs = in_threads(10, lambda: ledger.start("source").pk)
        assert len(runs) == 10
        assert set(runs) == {Run.objects.get().pk}

    def test_names_the_pipelines_there_are_when_asked_for_another(self, source):
        with pytest.raises(InvalidInputError, match="no pipeline 'sauce'; the pipelines are source"):
            ledger.start("sauce")


@pytest.mark.django_db(transaction=True)
class TestClaiming:
    def test_gives_the_run_to_one_of_ten_workers(self, source):
        run = ledger.start("source")
        won = in_threads(10, lambda: claims.claim_run(run.pk))
        assert len([claim for claim in won if claim]) == 1

    def test_refuses_a_run_that_ended(self, source):
        run = ledger.start("source")
        work_off(run)
        assert claims.claim_run(run.pk) is None

    def test_gives_a_step_to_one_of_ten_workers(self, source):
        run = ledger.start("source")
        runner.plan(run.pk)
        step = run.steps.first()
        won = in_threads(10, lambda: claims.claim_step(step.pk))
        assert len([claim for claim in won if claim]) == 1

    def test_refuses_the_writes_of_a_worker_that_lost_its_lease(self, claimed):
        Step.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert repair.take_over_lost_work() == 1
        claims.claim_step(claimed.work.pk)
        with pytest.raises(LeaseLostError), claimed.writing():
            pytest.fail("the late writer got in")

    def test_leaves_a_run_alone_while_its_lease_lasts(self, claimed):
        assert repair.take_over_lost_work() == 0

    def test_prolongs_the_lease_with_every_write(self, claimed):
        Step.objects.update(lease_until=timezone.now() + timedelta(seconds=1))
        with claimed.writing():
            pass
        left = Step.objects.get().lease_until - timezone.now()
        assert timedelta(seconds=80) < left <= claims.lease()

    def test_books_calls_and_dollars_on_step_and_run(self, claimed):
        claimed.spend(calls=2)
        claimed.spend(calls=1, usd=Decimal("0.01"))
        claimed.spend(calls=1)
        claimed.end()
        for work in (Step.objects.get(), Run.objects.get()):
            assert (work.aws_calls, work.aws_cost_usd) == (4, Decimal("0.01"))

    def test_books_calls_again_when_the_transaction_that_held_them_is_rolled_back(self, claimed):
        claimed.spend(calls=3)
        with pytest.raises(ZeroDivisionError), claimed.writing():
            1 / 0  # noqa: B018 - any error does
        claimed.end()
        assert Run.objects.get().aws_calls == 3


@pytest.mark.django_db(transaction=True)
class TestTakeOver:
    def lose(self, step):
        assert claims.claim_step(step.pk)
        Step.objects.filter(pk=step.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        repair.take_over_lost_work()

    def planned(self, pipeline):
        run = ledger.start(pipeline)
        runner.plan(run.pk)
        return run

    def test_repeats_only_the_step_that_had_not_ended(self, pipelines, sent):
        done = []
        pipelines(source=FakeHandler({"one": lambda: done.append(1), "two": lambda: done.append(2)}))
        run = self.planned("source")
        one, two = run.steps.all()
        runner.execute(one.pk)
        self.lose(two)
        work_off()
        assert done == [1, 2]
        assert Run.objects.get().status == Status.SUCCEEDED

    def test_plans_again_what_was_lost_while_it_was_planned(self, source):
        run = ledger.start("source")
        claims.claim_run(run.pk)
        Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        repair.take_over_lost_work()
        work_off()
        assert Run.objects.get().status == Status.SUCCEEDED

    def test_gives_up_after_the_fourth_lost_worker(self, pipelines, sent):
        pipelines(source=FakeHandler({"poison": dict, "good": dict}))
        run = self.planned("source")
        poison, good = run.steps.all()
        runner.execute(good.pk)
        for _ in range(4):
            self.lose(poison)
        run.refresh_from_db()
        assert run.status == Status.PARTIAL
        assert "poison: Its worker was lost 4 times" in run.error

    def test_sends_a_step_that_lost_its_worker_to_a_process_of_its_own(self, source, monkeypatch):
        run = self.planned("source")
        self.lose(run.steps.first())
        queues = []
        monkeypatch.undo()
        monkeypatch.setattr(messages.app, "send_task", lambda *_args, queue, **_options: queues.append(queue))
        for each in run.steps.all():
            messages.send(each)
        assert queues == ["alone", "aws"]

    def test_lets_the_next_source_begin_after_giving_up_on_one(self, pipelines, sent):
        pipelines(one=FakeHandler({"a": dict}), two=FakeHandler({}), both=("one", "two"))
        parent = ledger.start("both")
        child = parent.children.get(pipeline="one")
        runner.plan(child.pk)
        for _ in range(4):
            self.lose(child.steps.get())
        assert sent[-1] == "two"

    def test_waits_with_what_was_put_back_until_its_time(self, claimed):
        claimed.put_back(wait_s=3600)
        assert claims.claim_step(claimed.work.pk) is None
        Step.objects.update(not_before=timezone.now())
        again = claims.claim_step(claimed.work.pk)
        assert again.work.attempt == 1

    def test_publishes_a_run_again_whose_message_was_lost(self, source, sent):
        ledger.start("source")
        Run.objects.update(published_at=timezone.now() - timedelta(seconds=61))
        assert repair.publish_waiting(unheard_for=timedelta(seconds=60)) == 1
        assert sent == ["source", "source"]

    def test_does_not_publish_again_what_was_published_just_now(self, source, sent):
        ledger.start("source")
        assert repair.publish_waiting(unheard_for=timedelta(seconds=60)) == 0

    def test_publishes_what_was_started_while_the_broker_was_away(self, source, sent, monkeypatch):
        monkeypatch.setattr("pipelines.messages.send", lambda run: False)
        ledger.start("source")
        monkeypatch.setattr("pipelines.messages.send", lambda run: sent.append(run.pipeline) or True)
        repair.publish_waiting(unheard_for=timedelta(seconds=60))
        assert sent == ["source"]


@pytest.mark.django_db(transaction=True)
class TestOutcome:
    def run(self, pipelines, **steps):
        pipelines(source=FakeHandler(steps))
        run = ledger.start("source")
        work_off(run)
        run.refresh_from_db()
        return run

    def test_adds_up_what_the_steps_counted(self, source):
        run = ledger.start("source")
        work_off(run)
        run.refresh_from_db()
        assert run.status == Status.SUCCEEDED
        assert run.counts == {"created": 5, "updated": 1}

    def test_adds_up_how_often_workers_took_the_steps(self, source):
        run = ledger.start("source")
        runner.plan(run.pk)
        Step.objects.filter(name="one").update(attempt=2)
        work_off(run)
        run.refresh_from_db()
        # The run was taken once, to be planned; step one for the third time, two for the first.
        assert (run.attempt, run.step_attempts) == (1, 3 + 1)

    def test_is_partial_and_says_which_step_failed_and_why(self, pipelines, sent):
        denied = PermanentCloudError("not allowed")
        run = self.run(pipelines, good=lambda: {"created": 1}, bad=lambda: fail(denied))
        assert (run.status, run.error) == (Status.PARTIAL, "bad: not allowed")

    def test_says_how_many_steps_ended_in_which_way(self, pipelines, sent):
        run = self.run(pipelines, one=dict, two=dict, bad=lambda: fail(PermanentCloudError("not allowed")))
        assert run.step_counts == {"succeeded": 2, "failed": 1}

    def test_names_the_first_fifty_of_very_many_failed_steps(self, pipelines, sent):
        plan = [PlannedStep(f"step {number}", error="denied") for number in range(53)]
        pipelines(source=FakeHandler({}, plan=lambda: plan))
        work_off(ledger.start("source"))
        lines = Run.objects.get().error.splitlines()
        assert lines == [*(f"step {number}: denied" for number in range(50)), "... and 3 more."]

    def test_is_a_failure_when_every_step_failed(self, pipelines, sent):
        run = self.run(pipelines, bad=lambda: fail(PermanentCloudError("not allowed")))
        assert run.status == Status.FAILED

    def test_hides_the_details_of_an_unforeseen_error_from_the_ledger(self, pipelines, sent):
        run = self.run(pipelines, bad=lambda: fail(RuntimeError("secret")))
        assert run.error == "bad: Internal error (RuntimeError); the worker's log has the details."

    def test_is_a_failure_with_the_reason_when_planning_fails(self, pipelines, sent):
        pipelines(source=FakeHandler({}, plan=lambda: fail(PermanentCloudError("no credentials"))))
        run = ledger.start("source")
        work_off(run)
        run.refresh_from_db()
        assert (run.status, run.error) == (Status.FAILED, "no credentials")

    def test_keeps_a_step_that_was_known_to_fail(self, pipelines, sent):
        plan = [PlannedStep("good"), PlannedStep("gone", error="no such role")]
        pipelines(source=FakeHandler({"good": dict}, plan=lambda: plan))
        run = ledger.start("source")
        work_off(run)
        run.refresh_from_db()
        assert (run.status, run.error) == (Status.PARTIAL, "gone: no such role")


@pytest.mark.django_db(transaction=True)
class TestFamily:
    @pytest.fixture
    def order(self, pipelines, sent):
        done = []
        pipelines(
            one=FakeHandler({"a": lambda: done.append("one") or {"created": 1}}),
            two=FakeHandler({"b": lambda: done.append("two") or fail(PermanentCloudError("denied"))}),
            three=FakeHandler({"c": lambda: done.append("three") or {"created": 2}}),
            all=("one", "two", "three"),
        )
        return done

    def test_runs_its_members_in_their_order_though_one_fails(self, order):
        parent = ledger.start("all")
        work_off()
        parent.refresh_from_db()
        assert order == ["one", "two", "three"]
        assert (parent.status, parent.counts) == (Status.PARTIAL, {"created": 3})
        assert parent.error == "two: b: denied"

    def test_refuses_a_member_whose_turn_has_not_come(self, order):
        parent = ledger.start("all")
        assert claims.claim_run(parent.children.get(pipeline="two").pk) is None

    def test_is_running_while_a_member_is(self, order):
        parent = ledger.start("all")
        claims.claim_run(parent.children.get(pipeline="one").pk)
        parent.refresh_from_db()
        assert (parent.status, parent.started_at is not None) == (Status.RUNNING, True)

    def test_takes_in_a_run_that_was_active_before_it(self, order):
        by_hand = ledger.start("two")
        parent = ledger.start("all")
        assert list(parent.children.order_by("position").values_list("pipeline", flat=True)) == [
            "one",
            "two",
            "three",
        ]
        by_hand.refresh_from_db()
        assert by_hand.parent == parent
        work_off()
        parent.refresh_from_db()
        assert parent.status == Status.PARTIAL

    def test_starts_a_member_anew_whose_slot_a_run_of_its_own_has_had(self, order):
        alone = ledger.start("three", slot=NOON)
        work_off()
        parent = ledger.start("all", slot=NOON)
        assert parent.children.get(pipeline="three") != alone

    def test_is_running_when_it_takes_in_a_member_that_is(self, order):
        claims.claim_run(ledger.start("two").pk)
        parent = ledger.start("all")
        parent.refresh_from_db()
        assert parent.status == Status.RUNNING

    def test_sums_the_calls_and_dollars_of_its_members(self, order):
        parent = ledger.start("all")
        for name, usd in (("one", "0.01"), ("two", "0.02"), ("three", "0")):
            claim = claims.claim_run(parent.children.get(pipeline=name).pk)
            claim.spend(calls=1, usd=Decimal(usd))
            claim.plan([])
        parent.refresh_from_db()
        assert (parent.aws_calls, parent.aws_cost_usd) == (3, Decimal("0.03"))

    def test_sums_how_often_workers_took_and_lost_its_members(self, order):
        parent = ledger.start("all")
        parent.children.filter(pipeline="one").update(attempt=2, lost_workers=1)
        work_off()
        parent.refresh_from_db()
        assert (parent.step_attempts, parent.lost_workers) == (3 + 1 + 1, 1)

    def test_tells_a_start_by_hand_of_the_member_that_is_waiting(self, order):
        parent = ledger.start("all", trigger=Trigger.SCHEDULE)
        assert ledger.start("three").parent == parent
