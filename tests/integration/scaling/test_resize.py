"""Instances that are resized, end to end through the ledger: never left stopped."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.models import Alert
from pipelines import ledger, runner
from pipelines.models import Step
from scaling.actuators.actuator import PATIENCE
from scaling.models import ScalingDecision, ScalingEvent
from scaling.services import acting, registration
from tests.integration.conftest import work_off
from tests.integration.scaling.acting import (
    Wire,
    always,
    carried_out,
    decided,
    grouped,
    killed,
    launched,
    managed,
    owner,
    reread,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sent")]


@pytest.fixture
def wire(monkeypatch, moto_aws):
    return Wire(monkeypatch)


@pytest.fixture
def at_once(monkeypatch):
    """Have no call be under way any more."""
    monkeypatch.setattr("scaling.actuators.actuator.IN_FLIGHT", timedelta(0))


@pytest.fixture
def instance(moto_aws):
    return managed(launched(moto_aws, InstanceType="t3.medium"), mode="ec2-resize")


@pytest.fixture
def at_aws(moto_aws, instance):
    """What EC2 says of the instance: `at_aws()` is its state and type."""

    def look():
        found = owner("ec2", moto_aws).describe_instances(InstanceIds=[instance.instance_id])
        seen = found["Reservations"][0]["Instances"][0]
        return seen["State"]["Name"], seen["InstanceType"]

    return look


def test_up_and_down_are_the_next_sizes_of_the_family(instance, at_aws):
    assert carried_out(instance).outcome == "applied"
    assert at_aws() == ("running", "t3.large")
    assert (instance.level, instance.instance_type) == (2, "t3.large")
    down = carried_out(instance, up=False)
    assert (down.outcome, instance.level, at_aws()) == ("applied", 1, ("running", "t3.medium"))


def test_every_step_is_in_the_audit_trail(instance):
    decision = carried_out(instance)
    kinds = ScalingEvent.objects.filter(decision=decision).order_by("pk").values_list("kind", flat=True)
    calls = ["stop-instance", "change-type", "start-instance"]
    assert list(kinds) == ["action-ordered", *calls, "action-applied"]


# --- What is refused -------------------------------------------------------------------------
def refused(instance):
    decision = carried_out(instance)
    assert (decision.outcome, decision.target, instance.level) == ("failed", {}, 1)
    return decision.outcome_detail


def test_an_instance_of_a_group_is_left_to_the_group(moto_aws):
    assert "is in the Auto Scaling group web" in refused(managed(grouped(moto_aws), mode="ec2-resize"))


def test_spot_instances_are_not_resized(moto_aws):
    spot = launched(moto_aws, InstanceType="t3.medium", InstanceMarketOptions={"MarketType": "spot"})
    assert "is a spot instance" in refused(managed(spot, mode="ec2-resize"))


def test_an_instance_that_lives_in_an_instance_store_is_not_stopped(instance, monkeypatch):
    seen = acting.actuators.ResizeActuator._machine
    monkeypatch.setattr(
        acting.actuators.ResizeActuator,
        "_machine",
        lambda self: type(seen(self))(
            instance.instance_id, "t3.medium", "running", root_device="instance-store"
        ),
    )
    assert "root device in an instance store" in refused(instance)


def test_a_stopped_instance_is_not_started_by_resizing_it(moto_aws, instance):
    owner("ec2", moto_aws).stop_instances(InstanceIds=[instance.instance_id])
    assert "is stopped; only what runs is resized" in refused(instance)


def test_the_largest_size_stays(moto_aws):
    largest = managed(launched(moto_aws, InstanceType="t3.2xlarge"), mode="ec2-resize")
    assert refused(largest) == "t3.2xlarge is the largest size of its family."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"allow_restart": False}, "does not allow a restart"),
        ({"maintenance_window": ""}, "The maintenance window (none is set) is not open."),
    ],
    ids=["restart", "window"],
)
def test_policies_that_forbid_it_by_now_stop_it(change, told, instance, at_aws):
    decision = decided(instance)
    type(instance.policy).objects.update(**change)
    work_off()
    assert told in reread(instance, decision).outcome_detail
    assert at_aws() == ("running", "t3.medium")


def test_a_window_that_closes_does_not_leave_it_stopped(instance, at_aws, wire, monkeypatch):
    changed = acting.actuators.ResizeActuator.ask

    def ask(self, aim):
        type(instance.policy).objects.update(maintenance_window="")
        return changed(self, aim)

    monkeypatch.setattr(acting.actuators.ResizeActuator, "ask", ask)
    assert always()
    assert (carried_out(instance).outcome, at_aws()) == ("applied", ("running", "t3.large"))


# --- What goes wrong on the way --------------------------------------------------------------
def test_a_stop_that_is_refused_changes_nothing(instance, at_aws, wire):
    wire.refusals["StopInstances"] = ("OperationNotPermitted", 400)
    decision = carried_out(instance)
    assert (decision.outcome, at_aws()) == ("failed", ("running", "t3.medium"))
    assert "OperationNotPermitted" in decision.outcome_detail


def test_a_type_that_is_refused_leaves_it_running_with_its_old_one(instance, at_aws, wire):
    wire.refusals["ModifyInstanceAttribute"] = ("InvalidParameterValue", 400)
    decision = carried_out(instance)
    assert (decision.outcome, at_aws(), instance.level) == ("failed", ("running", "t3.medium"), 1)
    assert "InvalidParameterValue" in decision.outcome_detail
    assert Alert.objects.get().resolved_at is None


@pytest.mark.parametrize("status", [400, 500], ids=["refused", "no capacity"])
def test_a_start_that_fails_gives_it_its_old_type_back(status, instance, at_aws, wire, monkeypatch):
    wire.refusals["StartInstances"] = ("InsufficientInstanceCapacity", status)
    asked = acting.actuators.ResizeActuator.ask

    def ask(self, aim):
        if aim.call == "start-instance-again":
            wire.well()
        return asked(self, aim)

    monkeypatch.setattr(acting.actuators.ResizeActuator, "ask", ask)
    decision = carried_out(instance)
    assert (decision.outcome, at_aws(), instance.level) == ("failed", ("running", "t3.medium"), 1)
    assert "InsufficientInstanceCapacity" in decision.outcome_detail


@pytest.mark.usefixtures("at_once")
def test_a_start_that_is_throttled_is_asked_for_again(instance, at_aws, wire, monkeypatch):
    wire.refusals["StartInstances"] = ("RequestLimitExceeded", 503)
    asked = acting.actuators.ResizeActuator.ask

    def ask(self, aim):
        if wire.calls["StartInstances"] == 2:
            wire.well()
        return asked(self, aim)

    monkeypatch.setattr(acting.actuators.ResizeActuator, "ask", ask)
    assert (carried_out(instance).outcome, at_aws()) == ("applied", ("running", "t3.large"))
    assert (wire.calls["StartInstances"], wire.calls["ModifyInstanceAttribute"]) == (3, 1)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("lost", "outcome", "instance_type"),
    [
        ({"killed_before": "StopInstances"}, "failed", "t3.medium"),
        ({"killed_after": "StopInstances"}, "failed", "t3.medium"),
        ({"killed_before": "ModifyInstanceAttribute"}, "failed", "t3.medium"),
        ({"killed_after": "ModifyInstanceAttribute"}, "applied", "t3.large"),
        ({"killed_before": "StartInstances"}, "applied", "t3.large"),
        ({"killed_after": "StartInstances"}, "applied", "t3.large"),
    ],
    ids=str,
)
def test_a_lost_worker_never_leaves_it_stopped(lost, outcome, instance_type, instance, at_aws, wire):
    decision = killed(instance, wire, **lost)
    assert (decision.outcome, at_aws()) == (outcome, ("running", instance_type))
    assert instance.level == (2 if outcome == "applied" else 1)


# --- What nobody can look after any more -----------------------------------------------------
@pytest.fixture
def stopped(instance):
    """A decision about the instance, which was told to stop, and how to go on with it."""
    decision = decided(instance)
    run = ledger.ready_runs().get()
    runner.plan(run.pk)

    def go_on():
        Step.objects.update(not_before=None)
        runner.execute(run.steps.get().pk)
        return reread(instance, decision)

    go_on()
    return go_on


def out_of_patience(decision):
    began_at = timezone.now() - PATIENCE - timedelta(minutes=1)
    decision.target = {**decision.target, "began_at": began_at.isoformat()}
    decision.save()


def urgent_alert(instance):
    return Alert.objects.get(key=f"scaling:{instance.instance_id}")


REFUSALS = [("UnauthorizedOperation", 403), ("RequestExpired", 400)]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_look_that_is_refused_is_tried_again_and_the_resize_goes_on(
    refusal, instance, stopped, wire, at_aws
):
    wire.refusals["DescribeInstances"] = refusal
    assert stopped().outcome == "pending"
    wire.well()
    work_off()
    assert (stopped().outcome, at_aws()) == ("applied", ("running", "t3.large"))


def test_a_look_that_is_refused_for_too_long_is_an_urgent_alert(instance, stopped, wire):
    wire.refusals["DescribeInstances"] = REFUSALS[0]
    out_of_patience(stopped())
    decision = stopped()
    assert decision.outcome == "unknown"
    assert decision.outcome_detail.endswith("The instance may be stopped: start it.")
    alert = urgent_alert(instance)
    assert (alert.severity, alert.body) == ("critical", decision.outcome_detail)


def test_the_urgent_alert_is_resolved_by_the_next_action_that_is_applied(moto_aws, instance, stopped, wire):
    wire.refusals["DescribeInstances"] = REFUSALS[0]
    out_of_patience(stopped())
    stopped()
    wire.well()
    owner("ec2", moto_aws).start_instances(InstanceIds=[instance.instance_id])
    assert carried_out(instance).outcome == "applied"
    assert urgent_alert(instance).resolved_at is not None


def test_an_instance_that_left_the_inventory_is_resized_to_the_end(instance, stopped, at_aws):
    instance.inventory.delete()
    work_off()
    assert (stopped().outcome, at_aws()) == ("applied", ("running", "t3.large"))


def test_an_account_that_was_deleted_leaves_an_urgent_alert(instance, stopped):
    instance.inventory.account.delete()
    decision = stopped()
    assert (decision.outcome, urgent_alert(instance).severity) == ("unknown", "critical")
    assert "may be stopped: start it" in decision.outcome_detail
    # Within the hour the action counts, and its instance stays.
    ScalingDecision.objects.update(timestamp=timezone.now() - timedelta(hours=2))
    registration.delete(instance, by=instance.owner)
    assert Alert.objects.get(key=f"scaling:{instance.instance_id}").resolved_at is not None


def test_a_run_that_is_given_up_after_the_stop_leaves_an_urgent_alert(instance, stopped, monkeypatch):
    monkeypatch.setattr(acting.actuators.ResizeActuator, "judge", lambda *_: 1 / 0)
    decision = stopped()
    assert (decision.outcome, urgent_alert(instance).severity) == ("unknown", "critical")
    assert "may be stopped: start it" in decision.outcome_detail
