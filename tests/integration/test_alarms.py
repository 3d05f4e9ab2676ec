"""Which alerts the endings of runs open and resolve."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.models import Alert
from collectors.aws.session import Cloud
from core.errors import AccessRefusedError, PermanentCloudError, TransientCloudError
from pipelines import ending, history, ledger, repair
from pipelines.models import Run, Step
from pipelines.registry import PlannedStep
from tests import builders
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db(transaction=True)

A, B = "111111111111", "222222222222"


def fail(error):
    raise error


def fine():
    return {"created": 1}


def denied():
    fail(AccessRefusedError("AccessDenied. Attach the policy."))


def broken():
    fail(PermanentCloudError("not today"))


def opened():
    """The open alerts' severities by key."""
    return dict(Alert.objects.unresolved().values_list("key", "severity"))


@pytest.fixture
def run(pipelines, sent):
    """Run a pipeline, `ec2` unless told otherwise, with these steps."""

    def execute(steps, pipeline="ec2", plan=None):
        pipelines(**{pipeline: FakeHandler(steps, plan=plan)})
        work_off(ledger.start(pipeline))

    return execute


# --- Runs ------------------------------------------------------------------------------------
def test_a_run_that_fails_is_an_error(run):
    run({f"{A}/eu-west-1": broken})
    alert = Alert.objects.get()
    assert (alert.key, alert.severity, alert.title) == ("run:ec2:all", "error", "ec2 (all) failed")
    assert alert.body == f"{A}/eu-west-1: not today"


def test_a_run_that_gets_part_is_a_warning(run):
    run({f"{A}/eu-west-1": fine, f"{A}/us-east-1": broken})
    assert opened() == {"run:ec2:all": "warning"}


def test_a_run_that_cannot_be_planned_is_an_error(run):
    run({}, plan=lambda: fail(TransientCloudError("no answer")))
    assert (opened(), Alert.objects.get().body) == ({"run:ec2:all": "error"}, "no answer")


def test_failing_again_is_the_same_alert(run):
    for _ in range(3):
        run({A: broken})
    assert Alert.objects.get().count == 3


def test_a_success_resolves_the_alert_of_the_same_pipeline_alone(run):
    run({A: broken}, pipeline="ec2")
    run({A: broken}, pipeline="cost")
    run({A: fine}, pipeline="ec2")
    assert opened() == {"run:cost:all": "error"}


def test_a_part_does_not_resolve(run):
    run({A: broken})
    run({A: broken, B: fine})
    assert opened() == {"run:ec2:all": "warning"}


def test_nothing_is_told_of_a_success(run):
    run({A: fine})
    assert not Alert.objects.exists()


def test_a_parent_leaves_it_to_its_children(pipelines, sent):
    pipelines(ec2=FakeHandler({A: broken}), cost=FakeHandler({A: fine}), daily=("ec2", "cost"))
    parent = ledger.start("daily")
    for child in parent.children.order_by("position"):
        work_off(child)
    parent.refresh_from_db()
    assert (parent.status, opened()) == ("partial", {"run:ec2:all": "error"})


def test_a_run_that_loses_worker_after_worker_is_critical(claimed):
    lost = history.MAX_LOST_WORKERS - 1
    Step.objects.update(lease_until=timezone.now() - timedelta(seconds=1), lost_workers=lost)
    repair.take_over_lost_work()
    alert = Alert.objects.get()
    assert (alert.key, alert.severity) == ("run:source:all", "critical")
    assert "worker was lost 4 times" in alert.body


def test_work_that_fails_after_it_was_taken_over_was_not_given_up(run):
    def lose_a_worker_and_fail():
        Step.objects.filter(name=B).update(lost_workers=1)
        broken()

    run({A: fine, B: lose_a_worker_and_fail})
    alert = Alert.objects.get()
    assert (alert.severity, alert.title) == ("warning", "ec2 (all) partial")


def test_a_run_that_is_taken_over_is_not_told(claimed):
    Step.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert repair.take_over_lost_work() == 1
    assert not Alert.objects.exists()


# --- Access ----------------------------------------------------------------------------------
def test_refused_access_is_one_alert_whatever_the_number_of_steps_and_runs(run):
    for pipeline in ("ec2", "cost", "cpu"):
        run({f"{A}/eu-west-1": denied, f"{A}/us-east-1": denied}, pipeline=pipeline)
    alert = Alert.objects.get()
    assert (alert.key, alert.count) == (f"access:{A}", 3)
    assert (alert.title, alert.body) == (f"Access to {A} is refused", "AccessDenied. Attach the policy.")


def test_each_account_that_refuses_has_its_alert(run):
    run({f"{A}/eu-west-1": denied, f"{B}/eu-west-1": denied})
    assert opened() == {f"access:{A}": "error", f"access:{B}": "error"}


def test_a_refusal_known_beforehand_is_told_too(run):
    run({}, plan=lambda: [PlannedStep(A, error="The role cannot be assumed.", refused=True)])
    assert opened() == {f"access:{A}": "error"}


def test_credentials_that_reach_no_account_are_one_alert(run):
    for pipeline in ("ec2", "cost"):
        run({}, pipeline=pipeline, plan=denied)
    assert opened() == {"access:all": "error"}
    run({A: fine}, pipeline="ec2")
    assert opened() == {"access:all": "error"}, "the costs met it last"
    run({A: fine}, pipeline="cost")
    assert opened() == {}


def test_expired_credentials_of_an_account_are_one_alert_over_all_sources(sent, monkeypatch):
    def expired(_cloud):
        raise AccessRefusedError("ExpiredToken. Renew the credentials.")

    monkeypatch.setattr(Cloud, "account_id", expired)
    builders.account(A, regions=["eu-west-1", "us-east-1"])
    for pipeline in ("ec2", "cost", "cpu"):
        work_off(ledger.start(pipeline))
    alert = Alert.objects.get()
    assert (alert.key, alert.count, alert.body) == (f"access:{A}", 3, "ExpiredToken. Renew the credentials.")


def test_what_else_went_wrong_in_the_run_is_told_beside_it(run):
    run({f"{A}/eu-west-1": denied, f"{B}/eu-west-1": broken})
    assert opened() == {f"access:{A}": "error", "run:ec2:all": "error"}


def test_access_is_regained_when_every_step_of_the_account_succeeds(run):
    run({f"{A}/eu-west-1": denied, f"{B}/eu-west-1": denied})
    run({f"{A}/eu-west-1": fine, f"{B}/eu-west-1": broken})
    assert opened() == {f"access:{B}": "error", "run:ec2:all": "warning"}


def test_a_pipeline_that_was_never_refused_does_not_resolve_for_another(run):
    run({A: denied}, pipeline="cost")
    run({A: fine}, pipeline="ec2")
    assert opened() == {f"access:{A}": "error"}


def test_an_alert_is_gone_with_the_ending_that_was_rolled_back(run, monkeypatch):
    def fails(_run):
        raise ZeroDivisionError

    monkeypatch.setattr(ending, "advance", fails)
    with pytest.raises(ZeroDivisionError):
        run({A: broken})
    assert (Alert.objects.count(), Run.objects.get().status) == (0, "running")
