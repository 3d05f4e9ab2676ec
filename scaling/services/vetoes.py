"""What speaks against a decision at the last moment: whatever may have changed since it was made."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.permissions import Role, has_role
from collectors.models import CloudAccount
from scaling import guard, maintenance
from scaling.actuators.actuator import wished_level
from scaling.models import (
    ACTING,
    Direction,
    KillSwitch,
    Kind,
    Mode,
    Outcome,
    Prediction,
    ScalingDecision,
)

BUDGETED = timedelta(hours=1)
OLDEST = timedelta(minutes=10)
"""A decision that waited for longer was made for a load that may be gone."""


def budgeted(account: CloudAccount, now: datetime) -> "QuerySet[ScalingDecision]":
    """Return the actions of the last hour for which AWS was asked in an account, or may yet be."""
    ordered = ScalingDecision.objects.filter(
        instance__inventory__account=account,
        mode__in=ACTING,
        timestamp__gt=now - BUDGETED,
    ).exclude(decision=Direction.NO_ACTION)
    return ordered.filter(Q(outcome=Outcome.PENDING) | ~Q(target={}))


def against(decision: ScalingDecision, account: CloudAccount, now: datetime) -> Iterator[str]:
    """Yield the reasons not to act, each a sentence; the rows are read anew, so that locks protect them."""
    yield from _about_decision(decision, now)
    yield from _about_permission(decision, account)
    yield from _about_mode(decision, now)
    asked = budgeted(account, now).exclude(pk=decision.pk).count()
    if asked >= settings.SCALING_ACTIONS_PER_HOUR:
        yield (
            f"Account {account.account_id} had {asked} scaling actions within an hour, and "
            f"SCALING_ACTIONS_PER_HOUR allows {settings.SCALING_ACTIONS_PER_HOUR}."
        )


def _about_decision(decision: ScalingDecision, now: datetime) -> Iterator[str]:
    instance, policy = decision.instance, decision.instance.policy
    if decision.simulated:
        yield "Simulated samples had a part in the decision, and those never act at AWS."
    if now - decision.timestamp > OLDEST:
        yield f"The decision waited for more than {OLDEST // timedelta(minutes=1)} minutes."
    if instance.level != decision.level_before:
        yield f"The level is {instance.level} by now, and was {decision.level_before}."
    direction = wished_level(decision) - decision.level_before
    for veto in guard.beyond_limits(direction, decision.level_before, policy):
        yield f"The policy's limits were changed since: {veto.sentence}"


def _about_permission(decision: ScalingDecision, account: CloudAccount) -> Iterator[str]:
    instance, inventory = decision.instance, decision.instance.inventory
    if switch := KillSwitch.objects.filter(engaged=True).first():
        yield f"The kill switch is engaged: {switch.reason or 'no reason was given'}."
    if not instance.is_monitoring:
        yield f"{instance} is not monitored any more."
    if inventory is None or inventory.gone_at is not None or inventory.region != instance.region:
        yield f"{instance} is not in the inventory of {instance.region} any more."
    if not has_role(instance.owner, Role.OPERATOR):
        yield f"Its owner, {instance.owner}, is neither operator nor administrator any more."
    if not account.enabled:
        yield f"Account {account.account_id} is disabled."
    if not account.actor_role_arn:
        yield f"Account {account.account_id} has no actor role; an administrator can give it one."


def _about_mode(decision: ScalingDecision, now: datetime) -> Iterator[str]:
    policy = decision.instance.policy
    if policy.mode != decision.mode:
        yield f"The policy's mode was changed to {policy.mode}."
    acts_on_forecasts = policy.kind == Kind.PREDICTIVE and policy.prediction == Prediction.ACT
    if decision.level_wanted is not None and not acts_on_forecasts:
        yield "The policy does not act on forecasts any more."
    if decision.mode != Mode.EC2_RESIZE:
        return
    if not policy.allow_restart:
        yield "The policy does not allow a restart any more."
    if not maintenance.is_open(policy.maintenance_window, now):
        yield f"The maintenance window ({policy.maintenance_window or 'none is set'}) is not open."


def actions_left(account: CloudAccount, now: datetime) -> int:
    """Return how many actions the account has left for this hour."""
    return max(0, settings.SCALING_ACTIONS_PER_HOUR - budgeted(account, now).count())
