"""Decisions carried out at AWS, end to end through the ledger: what every actuator shares, and groups."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from alerts.models import Alert
from pipelines import ledger, runner
from pipelines.models import Run, Step
from scaling import aws as scaling_aws
from scaling import capacity
from scaling.models import KillSwitch, ScalingDecision, ScalingEvent, ScalingPolicy
from scaling.services import acting, extent, policies, registration, vetoes
from tests import builders
from tests.integration.conftest import work_off
from tests.integration.scaling.acting import (
    ACCOUNT,
    Wire,
    carried_out,
    decided,
    group,
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
    return managed(grouped(moto_aws))


def desired(url):
    return group(url)["DesiredCapacity"]


# --- Groups ----------------------------------------------------------------------------------
def test_up_and_down_set_the_desired_capacity_and_the_level(moto_aws, wire, instance):
    up = carried_out(instance)
    assert (up.outcome, desired(moto_aws), instance.level, instance.base_desired) == ("applied", 6, 2, 4)
    assert (up.level_before, up.level_after) == (1, 2)
    assert up.outcome_detail == "The desired capacity of web was set from 4 to 6."
    assert instance.last_action_at == up.outcome_at
    down = carried_out(instance, up=False)
    assert (down.outcome, desired(moto_aws), instance.level) == ("applied", 4, 1)
    assert wire.calls["SetDesiredCapacity"] == 2
    assert wire.calls["AssumeRole"] == 1


FORESEEN = {"rule": "predictive", "level_wanted": 3, "units_before": 4.0, "units_wanted": 10.0}


def test_what_was_foreseen_sets_units_between_levels(moto_aws):
    """Level 3 of a base of 4 are 9."""
    instance = managed(grouped(moto_aws))
    ScalingPolicy.objects.filter(instance=instance).update(kind="predictive", prediction="act")
    decision = carried_out(instance, **FORESEEN)
    assert (decision.outcome, decision.level_after, desired(moto_aws)) == ("applied", 3, 10)
    assert (instance.level, instance.base_desired, instance.last_desired) == (3, 4, 10)
    assert extent.of(instance) == extent.Extent(capacity.Group(4), 10.0)


@pytest.mark.parametrize("changed", [{"kind": "three_tier"}, {"prediction": "forecast_only"}], ids=str)
def test_what_was_foreseen_is_not_done_once_the_policy_does_not_act_on_it(moto_aws, wire, changed):
    instance = managed(grouped(moto_aws))
    acts = {"kind": "predictive", "prediction": "act"}
    ScalingPolicy.objects.filter(instance=instance).update(**acts | changed)
    decision = carried_out(instance, **FORESEEN)
    assert (decision.outcome, decision.outcome_detail) == (
        "failed",
        "The policy does not act on forecasts any more.",
    )
    assert not wire.calls["SetDesiredCapacity"]


def test_every_step_is_in_the_audit_trail_and_its_calls_on_the_run(instance, wire):
    decision = carried_out(instance)
    events = ScalingEvent.objects.filter(decision=decision).order_by("pk")
    kinds = [event.kind for event in events]
    assert kinds == ["action-ordered", "set-desired-capacity", "action-applied"]
    assert (events[1].detail["from"], events[1].detail["to"]) == (4, 6)
    run = Run.objects.get()
    assert (run.status, run.counts, run.aws_calls, run.aws_cost_usd) == ("succeeded", {"applied": 1}, 4, 0)


def test_what_others_changed_since_is_told_and_becomes_the_base(moto_aws, instance):
    carried_out(instance)
    owner("autoscaling", moto_aws).set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=9)
    decision = carried_out(instance)
    assert (decision.target["to"], instance.base_desired, instance.level) == (14, 6, 3)
    assert decision.outcome_detail.endswith("It had been changed by others from 6 to 9.")


def test_the_base_outlives_the_decisions(moto_aws):
    instance = managed(grouped(moto_aws, desired=10, largest=12))
    carried_out(instance)
    assert (desired(moto_aws), instance.base_desired, instance.last_desired) == (12, 10, 12)
    ScalingDecision.objects.all().delete()
    down = carried_out(instance, up=False)
    assert (desired(moto_aws), instance.base_desired) == (10, 10)
    assert "by others" not in down.outcome_detail


@pytest.fixture
def sibling(moto_aws, instance):
    """Another instance of the same group and owner."""
    others = [one["InstanceId"] for one in group(moto_aws)["Instances"]]
    others.remove(instance.instance_id)
    return managed(others[0], account=instance.inventory.account, owner=instance.owner)


def test_one_instance_alone_speaks_for_a_group(moto_aws, instance, sibling):
    assert carried_out(instance).outcome == "applied"
    refused = carried_out(sibling)
    assert (refused.outcome, refused.target, sibling.level, desired(moto_aws)) == ("failed", {}, 1, 6)
    told = f"{instance.instance_id} speaks for the Auto Scaling group web already"
    assert told in refused.outcome_detail
    assert (carried_out(instance).outcome, desired(moto_aws)) == ("applied", 9)


def test_of_two_first_actions_of_a_group_at_once_one_is_carried_out(moto_aws, instance, sibling, monkeypatch):
    both = [(one, decided(one)) for one in (instance, sibling)]
    set_desired = scaling_aws.set_desired

    def meanwhile(*asked):
        monkeypatch.setattr(scaling_aws, "set_desired", set_desired)
        work_off()
        set_desired(*asked)

    monkeypatch.setattr(scaling_aws, "set_desired", meanwhile)
    run = Run.objects.get(scope=instance.instance_id)
    runner.plan(run.pk)
    runner.execute(run.steps.get().pk)
    assert [reread(*one).outcome for one in both] == ["applied", "failed"]
    assert desired(moto_aws) == 6


@pytest.mark.parametrize("how", ["monitoring", "mode", "gone", "deleted"])
def test_an_instance_that_ceased_to_act_leaves_its_group_to_another(how, instance, sibling):
    carried_out(instance)
    match how:
        case "monitoring":
            registration.stop_monitoring(instance, by=instance.owner)
        case "mode":
            type(instance.policy).objects.filter(instance=instance).update(mode="recommend")
        case "gone":
            type(instance.inventory).objects.filter(pk=instance.inventory_id).update(gone_at=timezone.now())
        case "deleted":
            # Within the hour the action counts, and its instance stays.
            ScalingDecision.objects.update(timestamp=timezone.now() - timedelta(hours=2))
            registration.delete(instance, by=instance.owner)
    assert carried_out(sibling).outcome == "applied"


def test_an_instance_that_is_monitored_again_does_not_speak_for_what_another_took(instance, sibling):
    carried_out(instance)
    registration.stop_monitoring(instance, by=instance.owner)
    carried_out(sibling)
    registration.start_monitoring(instance, by=instance.owner)
    assert [carried_out(one).outcome for one in (instance, sibling)] == ["failed", "applied"]


def test_a_group_at_its_limit_keeps_the_level_and_says_so(moto_aws, wire):
    instance = managed(grouped(moto_aws, desired=5, largest=5))
    decision = carried_out(instance)
    assert (decision.outcome, instance.level, desired(moto_aws)) == ("failed", 1, 5)
    assert "at its largest size, 5" in decision.outcome_detail
    assert wire.calls["SetDesiredCapacity"] == 0
    assert instance.last_action_at is not None


def test_an_instance_outside_any_group_cannot_be_scaled_by_one(moto_aws):
    decision = carried_out(managed(launched(moto_aws)))
    assert (decision.outcome, "is in no Auto Scaling group" in decision.outcome_detail) == ("failed", True)


# --- Vetoes at the last moment ---------------------------------------------------------------
def engage(instance):
    KillSwitch.objects.update_or_create(pk=1, defaults={"engaged": True, "reason": "freeze"})


def change(what, instance, **values):
    what(instance).refresh_from_db()
    for name, value in values.items():
        setattr(what(instance), name, value)
    what(instance).save()


def demote(instance):
    instance.owner.groups.set([Group.objects.get_or_create(name="viewer")[0]])


def the(path):
    def follow(instance):
        for name in path.split("."):
            instance = getattr(instance, name)
        return instance

    return follow


VETOES = {
    "kill switch": (engage, "The kill switch is engaged: freeze."),
    "role": (demote, "neither operator nor administrator"),
    "owner": (partial(change, the("owner"), is_active=False), "neither operator nor administrator"),
    "actor": (partial(change, the("inventory.account"), actor_role_arn=""), "has no actor role"),
    "account": (partial(change, the("inventory.account"), enabled=False), "is disabled"),
    "mode": (partial(change, the("policy"), mode="recommend"), "mode was changed to recommend"),
    "limits": (
        partial(change, the("policy"), max_level=1),
        "limits were changed since: Level 1 is not to be exceeded",
    ),
    "gone": (partial(change, the("inventory"), gone_at=timezone.now()), "not in the inventory"),
    "lost": (partial(change, lambda instance: instance, inventory=None), "not in the inventory"),
    "monitoring": (partial(change, lambda instance: instance, is_monitoring=False), "not monitored any more"),
    "level": (partial(change, lambda instance: instance, level=3), "The level is 3 by now, and was 1."),
}


@pytest.mark.parametrize("veto", VETOES)
def test_what_changed_after_the_decision_stops_it(veto, wire, instance):
    happen, told = VETOES[veto]
    decision = decided(instance)
    happen(instance)
    work_off()
    reread(instance, decision)
    assert (decision.outcome, decision.target, wire.calls["AssumeRole"]) == ("failed", {}, 0)
    assert told in decision.outcome_detail


@pytest.mark.parametrize("veto", VETOES)
def test_what_changes_while_aws_is_looked_at_stops_it_too(veto, wire, instance, monkeypatch):
    happen, told = VETOES[veto]
    looked = acting.actuators.AsgActuator.begin

    def begin(self, now):
        aim = looked(self, now)
        happen(type(instance).objects.get())
        return aim

    monkeypatch.setattr(acting.actuators.AsgActuator, "begin", begin)
    decision = carried_out(instance)
    assert (decision.outcome, told in decision.outcome_detail) == ("failed", True)
    assert wire.calls["SetDesiredCapacity"] == 0


@pytest.mark.parametrize(
    ("level", "up", "limits"),
    [(5, False, {"max_level": 3}), (1, True, {"min_level": 4})],
    ids=["above", "below"],
)
def test_a_level_outside_changed_limits_comes_back_step_by_step(level, up, limits, moto_aws):
    instance = managed(grouped(moto_aws, desired=8), level=level)
    type(instance.policy).objects.update(**limits)
    decision = carried_out(instance, up=up)
    assert (decision.outcome, instance.level) == ("applied", level + (1 if up else -1))


def test_a_decision_that_waited_too_long_is_not_carried_out(wire, instance):
    long_ago = timezone.now() - timedelta(minutes=11)
    decision = carried_out(instance, timestamp=long_ago, slot=long_ago)
    assert (decision.outcome, wire.calls["AssumeRole"]) == ("failed", 0)
    assert "waited for more than 10 minutes" in decision.outcome_detail


def test_simulated_samples_never_act_at_aws(wire, instance):
    decision = carried_out(instance, simulated=True)
    assert (decision.outcome, wire.calls["AssumeRole"]) == ("failed", 0)


# --- The budget of actions -------------------------------------------------------------------
def test_actions_left_are_those_of_the_account_and_the_hour(instance, settings):
    settings.SCALING_ACTIONS_PER_HOUR = 3
    account, now = instance.inventory.account, timezone.now()
    past = {"mode": "asg", "slot": now - timedelta(hours=2)}
    assert vetoes.actions_left(account, now) == 3
    decided(instance)
    for outcome, ago in (("failed", 59), ("applied", 61)):
        decided(
            instance,
            **past | {"slot": now - timedelta(minutes=ago)},
            outcome=outcome,
            timestamp=now - timedelta(minutes=ago),
            target={"call": "set-desired-capacity"},
        )
    decided(instance, mode="recommend", outcome="recommended", slot=now - timedelta(minutes=3))
    assert vetoes.actions_left(account, now) == 1
    assert vetoes.actions_left(builders.account(), now) == 3


def test_what_aws_was_not_asked_for_leaves_the_budget_as_it_was(moto_aws, wire, settings):
    settings.SCALING_ACTIONS_PER_HOUR = 3
    instance = managed(grouped(moto_aws, desired=5, largest=5))
    for _ in range(3):
        assert carried_out(instance).outcome == "failed"
    assert vetoes.actions_left(instance.inventory.account, timezone.now()) == 3


def test_of_two_decisions_at_once_one_is_carried_out_when_one_action_is_left(moto_aws, wire, settings):
    settings.SCALING_ACTIONS_PER_HOUR = 1
    first = managed(grouped(moto_aws))
    second = managed(group(moto_aws)["Instances"][1]["InstanceId"], account=first.inventory.account)
    both = [decided(first), decided(second)]
    work_off()
    for one in both:
        one.refresh_from_db()
    assert sorted(one.outcome for one in both) == ["applied", "failed"]
    assert wire.calls["SetDesiredCapacity"] == 1
    (refused,) = [one for one in both if one.outcome == "failed"]
    assert "SCALING_ACTIONS_PER_HOUR allows 1" in refused.outcome_detail


# --- AWS that refuses or is silent -----------------------------------------------------------
def test_a_refused_actor_role_is_one_alert_about_access(wire, instance):
    wire.refusals["AssumeRole"] = ("AccessDenied", 403)
    decision = carried_out(instance)
    assert (decision.outcome, wire.calls["AssumeRole"], wire.calls["SetDesiredCapacity"]) == ("failed", 1, 0)
    alert = Alert.objects.get()
    assert (alert.key, alert.source) == (f"access:{ACCOUNT} (actor)", "scale")
    wire.well()
    assert carried_out(instance).outcome == "applied"
    alert.refresh_from_db()
    assert alert.resolved_at is not None


def test_a_refused_action_fails_with_what_aws_says_and_is_an_alert_until_one_is_applied(wire, instance):
    wire.refusals["SetDesiredCapacity"] = ("ScalingActivityInProgress", 400)
    decision = carried_out(instance)
    assert (decision.outcome, instance.level, wire.calls["SetDesiredCapacity"]) == ("failed", 1, 1)
    assert "ScalingActivityInProgress" in decision.outcome_detail
    alert = Alert.objects.get()
    assert (alert.key, decision.outcome_detail in alert.body) == (f"run:scale:{instance.instance_id}", True)
    wire.well()
    carried_out(instance)
    alert.refresh_from_db()
    assert alert.resolved_at is not None


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("happened", [True, False])
def test_an_answer_that_was_lost_is_looked_for_and_not_asked_again(happened, moto_aws, wire, instance):
    if happened:
        wire.silent.add("SetDesiredCapacity")
    else:
        wire.refusals["SetDesiredCapacity"] = ("Throttling", 400)
    decision = carried_out(instance)
    wanted = ("applied", 2, 6) if happened else ("failed", 1, 4)
    assert (decision.outcome, instance.level, desired(moto_aws)) == wanted
    assert wire.calls["SetDesiredCapacity"] == 1


def test_aws_that_cannot_be_looked_at_is_tried_again_and_then_given_up(wire, instance):
    wire.refusals["DescribeAutoScalingInstances"] = ("ServiceUnavailable", 503)
    decision = carried_out(instance)
    assert wire.calls["DescribeAutoScalingInstances"] == 4
    assert (decision.outcome, decision.target) == ("failed", {})
    assert decision.outcome_detail == "AWS was not asked for anything; the run's error says why."


# --- Workers that are lost -------------------------------------------------------------------
@pytest.mark.usefixtures("at_once")
def test_a_worker_lost_before_the_call_leaves_a_failed_decision(moto_aws, wire, instance):
    decision = killed(instance, wire, killed_before="SetDesiredCapacity")
    assert (decision.outcome, instance.level, desired(moto_aws)) == ("failed", 1, 4)
    assert decision.outcome_detail.startswith("The worker was lost before AWS was asked.")
    assert wire.calls["SetDesiredCapacity"] == 0


def test_a_worker_lost_after_the_call_leaves_an_applied_decision(moto_aws, wire, instance):
    decision = killed(instance, wire, killed_after="SetDesiredCapacity")
    assert (decision.outcome, instance.level, desired(moto_aws)) == ("applied", 2, 6)
    assert wire.calls["SetDesiredCapacity"] == 1


@pytest.mark.usefixtures("at_once")
def test_what_others_did_while_the_worker_was_lost_is_unknown_and_an_alert(
    moto_aws, wire, instance, monkeypatch
):
    def well():
        Wire.well(wire)
        owner("autoscaling", moto_aws).set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)

    monkeypatch.setattr(wire, "well", well)
    decision = killed(instance, wire, killed_after="SetDesiredCapacity")
    assert (decision.outcome, instance.level) == ("unknown", 1)
    assert "it was 4 before and is 3 now" in decision.outcome_detail
    assert Alert.objects.get().key == f"run:scale:{instance.instance_id}"


def test_a_call_that_may_be_under_way_is_waited_for(wire, instance):
    decision = decided(instance)
    wire.refusals["SetDesiredCapacity"] = ("Throttling", 400)
    run = ledger.ready_runs().get()
    runner.plan(run.pk)
    for _ in range(3):
        Step.objects.update(not_before=None)
        runner.execute(run.steps.get().pk)
    reread(instance, decision)
    assert (decision.outcome, run.steps.get().status) == ("pending", "queued")
    assert wire.calls["SetDesiredCapacity"] == 1


def test_a_worker_that_lost_its_claim_while_it_stood_still_does_not_ask(
    moto_aws, wire, instance, monkeypatch
):
    asked = acting.actuators.AsgActuator.ask

    def stalled(self, aim):
        Step.objects.update(fence=100)
        monkeypatch.setattr("time.monotonic", lambda: 1e9)
        return asked(self, aim)

    monkeypatch.setattr(acting.actuators.AsgActuator, "ask", stalled)
    decided(instance)
    run = ledger.ready_runs().get()
    runner.plan(run.pk)
    runner.execute(run.steps.get().pk)
    assert (wire.calls["SetDesiredCapacity"], desired(moto_aws)) == (0, 4)


def test_a_decision_without_a_run_gets_one(wire, instance):
    decision = decided(instance)
    Run.objects.all().delete()
    assert acting.resume_forgotten() == 1
    assert acting.resume_forgotten() == 0
    work_off()
    assert reread(instance, decision).outcome == "applied"


def test_a_run_that_is_started_again_does_nothing_more(wire, instance):
    carried_out(instance)
    again = ledger.start("scale", scope=instance.instance_id)
    work_off()
    again.refresh_from_db()
    assert (again.status, wire.calls["SetDesiredCapacity"]) == ("succeeded", 1)


def test_the_end_of_a_run_leaves_a_newer_decision_to_a_run_of_its_own(moto_aws, monkeypatch):
    instance = managed(grouped(moto_aws, desired=4, largest=4))
    settle, newer = acting.ScaleHandler._settle, []

    def settled(self, decision, outcome):
        settle(self, decision, outcome)
        monkeypatch.setattr(acting.ScaleHandler, "_settle", settle)
        newer.append(decided(instance))

    monkeypatch.setattr(acting.ScaleHandler, "_settle", settled)
    decided(instance)
    run = ledger.ready_runs().get()
    runner.plan(run.pk)
    runner.execute(run.steps.get().pk)
    assert reread(instance, newer[0]).outcome == "pending"
    assert acting.resume_forgotten() == 1
    work_off()
    assert "at its largest size, 4" in reread(instance, newer[0]).outcome_detail


@pytest.mark.parametrize("how", ["deleted", "monitoring", "mode"])
def test_the_alert_on_a_failed_action_ends_with_what_it_was_for(how, moto_aws):
    instance = managed(grouped(moto_aws, desired=4, largest=4))
    carried_out(instance)
    assert Alert.objects.get().resolved_at is None
    match how:
        case "deleted":
            # Within the hour the action counts, and its instance stays.
            ScalingDecision.objects.update(timestamp=timezone.now() - timedelta(hours=2))
            registration.delete(instance, by=instance.owner)
        case "monitoring":
            registration.stop_monitoring(instance, by=instance.owner)
        case "mode":
            policies.change(instance, {"mode": "recommend"}, by=instance.owner)
    assert Alert.objects.get().resolved_at is not None


def test_an_instance_that_was_deleted_ends_its_run(instance):
    decided(instance)
    instance.delete()
    work_off()
    assert (Run.objects.get().status, ScalingDecision.objects.count()) == ("succeeded", 0)
