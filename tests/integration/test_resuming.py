"""Runs that are taken up again: what is done once more, what is not, and what stands in the way."""

from collections import Counter

import pytest

from alerts.models import Alert
from core.errors import InvalidInputError, PermanentCloudError
from pipelines import cancelling, claims, history, ledger, registry, resuming, runner
from pipelines.errors import RunConflictError
from pipelines.models import Run, Status, Step
from pipelines.registry import PlannedStep
from tests import builders
from tests.integration.conftest import FakeHandler, work_off
from tests.integration.test_ledger import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


class Source(FakeHandler):
    """Does steps of which some fail as long as they are `broken`, and notes which it did."""

    def __init__(self, *names, broken=()):
        super().__init__(dict.fromkeys(names))
        self.broken, self.done = set(broken), []

    def execute(self, step):
        self.claim.spend(calls=1)
        if step.name in self.broken:
            raise PermanentCloudError("denied")
        self.done.append(step.name)
        return Counter(created=1)


@pytest.fixture
def source(pipelines, sent):
    handler = Source("one", "two", "three", broken=["two"])
    pipelines(source=handler)
    return handler


def ended(run):
    work_off()
    return Run.objects.get(pk=run.pk)


def mended(source, run):
    source.broken.clear()
    resuming.resume(run.pk)
    return ended(run)


# --- A run -----------------------------------------------------------------------------------
def test_only_what_did_not_succeed_is_done_again(source):
    run = ended(ledger.start("source"))
    assert (run.status, source.done) == ("partial", ["one", "three"])
    run = mended(source, run)
    assert (run.status, run.error, run.counts) == ("succeeded", "", {"created": 3})
    assert source.done == ["one", "three", "two"]
    assert run.step_counts == {"succeeded": 3}


def test_it_is_queued_and_published_at_once(source, sent):
    run = ended(ledger.start("source"))
    sent.clear()
    assert (resuming.resume(run.pk).status, sent) == (Status.QUEUED, ["source"])


def test_the_attempts_before_are_kept(source):
    run = mended(source, ended(ledger.start("source")))
    told = [(each["attempt"], each["outcome"]) for each in history.attempts(run)]
    assert told == [(1, "partial"), (2, "succeeded")]
    told = [(each["attempt"], each["outcome"]) for each in history.attempts(run.steps.get(name="two"))]
    assert told == [(1, "failed"), (2, "succeeded")]


def test_calls_are_added_up_once(source):
    run = ended(ledger.start("source"))
    assert run.aws_calls == 3
    run = mended(source, run)
    assert (run.aws_calls, run.step_attempts) == (4, 4)


def test_calls_are_added_up_once_also_where_it_is_cancelled_before_it_goes_on(source):
    run = ended(ledger.start("source"))
    resuming.resume(run.pk)
    assert cancelling.cancel(run.pk, by=builders.user()).aws_calls == 3
    assert mended(source, run).aws_calls == 4


def test_it_has_all_its_retries_again(source):
    run = ended(ledger.start("source"))
    run.steps.update(retries=3)
    resuming.resume(run.pk)
    runner.plan(run.pk)
    assert set(run.steps.filter(status="queued").values_list("name", "retries")) == {("two", 0)}


def test_a_step_goes_on_from_what_it_had_stored(pipelines, sent):
    class Remembering(Source):
        def plan(self):
            return [PlannedStep("one", {"rows": [1, 2, 3]})]

        def execute(self, step):
            self.done.append(step.payload["rows"])
            if self.broken:
                self.claim.remember({"rows": [3]}, Counter(created=2))
                raise PermanentCloudError("denied")
            return Counter(created=1)

    handler = Remembering(broken=["one"])
    pipelines(source=handler)
    run = mended(handler, ended(ledger.start("source")))
    assert (handler.done, run.counts) == ([[1, 2, 3], [3]], {"created": 3})


def test_steps_that_were_not_tried_after_a_refusal_go_on_from_where_they_were(pipelines, sent):
    pipelines(source=Source("a/1", "a/2"))
    run = ledger.start("source")
    runner.plan(run.pk)
    Step.objects.filter(name="a/2").update(payload={"token": "next"})
    ledger.refuse(run.steps.get(name="a/1"), ledger.Refusal.OF_KIND, "denied")
    assert run.steps.get(name="a/2").payload == {"token": "next"}


def test_what_could_not_be_planned_is_planned_again(pipelines, sent):
    troubles = [PermanentCloudError("no credentials")]

    def plan():
        if troubles:
            raise troubles.pop()
        return [PlannedStep("one")]

    pipelines(source=FakeHandler({"one": lambda: {"created": 1}}, plan=plan))
    run = ended(ledger.start("source"))
    assert (run.status, run.error) == ("failed", "no credentials")
    resuming.resume(run.pk)
    assert (ended(run).status, ended(run).counts) == ("succeeded", {"created": 1})


def test_what_was_cancelled_goes_on(source):
    source.broken.clear()
    run = ledger.start("source")
    runner.plan(run.pk)
    runner.execute(run.steps.first().pk)
    cancelling.cancel(run.pk, by=builders.user())
    run = mended(source, run)
    assert (run.status, source.done) == ("succeeded", ["one", "two", "three"])


def test_it_is_concluded_at_its_new_end(monkeypatch, sent):
    concluded = []
    handler = Source("one", broken=["one"])
    monkeypatch.setattr(registry, "_pipelines", {})

    def conclude(run):
        concluded.append(run.steps.get().status)
        return Counter()

    registry.register(registry.Pipeline(name="source", handler=handler, conclude=conclude))
    mended(handler, ended(ledger.start("source")))
    assert concluded == ["failed", "succeeded"]


def test_its_alert_is_resolved_when_it_succeeds(source):
    run = ended(ledger.start("source"))
    assert Alert.objects.unresolved().exists()
    mended(source, run)
    assert not Alert.objects.unresolved().exists()


def test_a_step_that_killed_its_workers_has_as_many_again_in_a_process_of_its_own(source):
    run = ended(ledger.start("source"))
    run.steps.filter(name="two").update(lost_workers=history.MAX_LOST_WORKERS)
    resuming.resume(run.pk)
    assert run.steps.get(name="two").lost_workers == 1


# --- What stands in the way ------------------------------------------------------------------
def test_what_succeeded_or_is_active_cannot_be_resumed(source):
    run = ledger.start("source")
    with pytest.raises(RunConflictError, match="is queued"):
        resuming.resume(run.pk)
    source.broken.clear()
    with pytest.raises(RunConflictError, match=f"Run {run.pk} .* is succeeded"):
        resuming.resume(ended(run).pk)


def test_another_run_of_its_kind_that_is_active_stands_in_the_way(source):
    run = ended(ledger.start("source"))
    other = ledger.start("source")
    with pytest.raises(RunConflictError, match=f"Run {other.pk} .* is active"):
        resuming.resume(run.pk)
    assert Run.objects.get(pk=run.pk).status == Status.PARTIAL


def test_a_pipeline_that_is_no_more_cannot_be_resumed(source, pipelines):
    old = builders.run("retired", Status.FAILED)
    with pytest.raises(InvalidInputError, match="There is no pipeline"):
        resuming.resume(old.pk)


def test_one_of_ten_that_resume_at_once_has_done_it(source):
    run = ended(ledger.start("source"))

    def resume():
        try:
            return resuming.resume(run.pk).status
        except RunConflictError:
            return "too late"

    assert Counter(in_threads(10, resume)) == {"queued": 1, "too late": 9}


# --- Families --------------------------------------------------------------------------------
@pytest.fixture
def family(pipelines, sent):
    """Three sources of which the first and the last fail, and their run, which has ended."""
    sources = {name: Source("a", broken=["a"]) for name in ("one", "two", "three")}
    sources["two"].broken.clear()
    pipelines(**sources, all=("one", "two", "three"))
    return sources, ended(ledger.start("all"))


def test_parts_that_did_not_succeed_follow_each_other(family):
    sources, parent = family
    for source in sources.values():
        source.broken.clear()
    resuming.resume(parent.pk)
    assert list(ledger.ready_runs().values_list("pipeline", flat=True)) == ["one"]
    parent = ended(parent)
    assert (parent.status, parent.error, parent.counts) == ("succeeded", "", {"created": 3})
    assert [source.done for source in sources.values()] == [["a"], ["a"], ["a"]]
    assert [each["outcome"] for each in history.attempts(parent)] == ["partial", "succeeded"]


def test_a_part_takes_up_the_run_that_it_is_a_part_of(family):
    sources, parent = family
    sources["one"].broken.clear()
    resuming.resume(parent.children.get(pipeline="one").pk)
    parent.refresh_from_db()
    assert parent.status == Status.QUEUED
    parent = ended(parent)
    assert (parent.status, parent.error) == ("partial", "three: a: denied")


def test_a_part_of_a_run_whose_like_is_active_cannot_be_resumed(family):
    _, parent = family
    other = ledger.start("all")
    with pytest.raises(RunConflictError, match=rf"Run {other.children.get(pipeline='one').pk} "):
        resuming.resume(parent.children.get(pipeline="one").pk)


def test_a_part_whose_elders_run_still_is_claimed_in_its_turn(family):
    _, parent = family
    resuming.resume(parent.pk)
    assert claims.claim_run(parent.children.get(pipeline="three").pk) is None
