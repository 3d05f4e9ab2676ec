"""Policies are changed here, whoever does it: checked, numbered anew, and noted in the audit trail."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from accounts.permissions import Role, has_role
from core.errors import InvalidInputError
from scaling import audit, capacity, maintenance
from scaling.errors import ActionPendingError, RoleMissingError
from scaling.models import ACTING, ManagedInstance, Mode, Outcome, ScalingPolicy
from scaling.services import alarming, groups, registration

FIELDS = (
    "mode",
    "kind",
    "prediction",
    "worth",
    "cpu_high",
    "memory_high",
    "cpu_low",
    "memory_low",
    "share",
    "window_s",
    "min_samples",
    "min_span_s",
    "min_level",
    "max_level",
    "cooldown_up_s",
    "cooldown_down_s",
    "source_period_s",
    "allow_restart",
    "maintenance_window",
)
"""What can be changed."""

_NEEDS_OPERATOR = (
    "Modes that change something at AWS (asg, ec2-resize) need the instance's owner to have the role "
    "operator; an administrator can give it."
)


def modes(instance: ManagedInstance) -> tuple[Mode, ...]:
    """Return the modes that such an instance can have, whoever owns it."""
    return (Mode.MOCK, Mode.RECOMMEND) if instance.is_mock else (Mode.RECOMMEND, *ACTING)


def check_mode(instance: ManagedInstance, mode: str) -> None:
    """Accept a mode that is possible and the owner's to choose.

    Raises: ValidationError, RoleMissingError, ActionPendingError where one that acts has to wait.
    """
    possible = modes(instance)
    if mode not in possible:
        kind = "mock" if instance.is_mock else "real"
        raise ValidationError({"mode": f"A {kind} instance can have {' or '.join(possible)}, not {mode}."})
    if mode in ACTING and not has_role(instance.owner, Role.OPERATOR):
        raise RoleMissingError(_NEEDS_OPERATOR)
    if mode in ACTING and instance.decisions.filter(outcome=Outcome.PENDING).exists():
        raise ActionPendingError


def check_window(text: str) -> None:
    """Accept a maintenance window. Raises: ValidationError."""
    try:
        maintenance.validate(text)
    except InvalidInputError as error:
        raise ValidationError({"maintenance_window": str(error)}) from error


def change(instance: ManagedInstance, changes: dict[str, Any], *, by: User) -> ScalingPolicy:
    """Return the policy with the changes made; where they change something, as a new version.

    Raises: ValidationError by field, RoleMissingError for a mode that the owner may not choose,
    ActionPendingError for one that acts while an action is pending, UnknownInstanceError when the instance is
    deleted.
    """
    with transaction.atomic():
        policy = _locked(instance)
        told = _differences(policy, changes)
        if told:
            _apply(policy, {name: each["new"] for name, each in told.items()})
            policy.version += 1
            policy.updated_by = by
            policy.save()
            if "mode" in told:
                alarming.excuse(policy.instance)
            detail: dict[str, Any] = {"version": policy.version, "changes": told}
            if "mode" in told and policy.mode in ACTING:
                detail["reset"] = _begun_anew(policy.instance)
            audit.record("policy-changed", instance=instance, user=by, **detail)
    return policy


def _locked(instance: ManagedInstance) -> ScalingPolicy:
    """Return the policy under the lock of its instance, which decisions are made under, too."""
    current = registration.locked(instance)
    return ScalingPolicy.objects.select_related("instance__owner", "updated_by").get(instance=current)


def _begun_anew(instance: ManagedInstance) -> dict[str, Any]:
    """Have level 1 stand for what the instance is at AWS now; return what it was of before.

    A level that came by another mode says nothing of this one's capacity.
    """
    fresh = {"level": capacity.FIRST_LEVEL, "level_is_simulated": False, **groups.NONE}
    before = {name: getattr(instance, name) for name in fresh}
    ManagedInstance.objects.filter(pk=instance.pk).update(**fresh)
    return before


def _differences(policy: ScalingPolicy, changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    pairs = {name: {"old": getattr(policy, name), "new": value} for name, value in changes.items()}
    return {name: pair for name, pair in pairs.items() if pair["old"] != pair["new"]}


def _apply(policy: ScalingPolicy, changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        setattr(policy, name, value)
    policy.full_clean(exclude={"instance"})
    if "mode" in changed:
        check_mode(policy.instance, policy.mode)
    if "maintenance_window" in changed:
        check_window(policy.maintenance_window)
