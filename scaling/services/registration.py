"""What owners do with their instances: register them, have them monitored or not, and give them up."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import APIException

from accounts.models import User
from accounts.permissions import Role, has_role
from collectors.models import Instance
from scaling import audit
from scaling.errors import (
    ActionPendingError,
    ActionRecentError,
    AlreadyMonitoredError,
    AlreadyRegisteredError,
    NotInInventoryError,
    NotMonitoredError,
    NotOwnerError,
    RoleMissingError,
    UnknownInstanceError,
)
from scaling.models import ACTING, ManagedInstance, Mode, Outcome, ScalingPolicy
from scaling.services import alarming, groups
from scaling.services.vetoes import BUDGETED

_NEEDS_VIEWER = (
    "Monitoring a real instance needs its owner to have the role viewer or operator; "
    "an administrator can give it. Mock instances need no role."
)


def owned(user: User, instance_id: str) -> ManagedInstance:
    """Return the user's instance with its policy. Raises: UnknownInstanceError, NotOwnerError."""
    same = ManagedInstance.objects.filter(instance_id=instance_id)
    instance = same.select_related("policy__updated_by", "inventory__account", "owner").first()
    if instance is None:
        raise UnknownInstanceError
    if instance.owner_id != user.pk:
        raise NotOwnerError
    return instance


def locked(instance: ManagedInstance) -> ManagedInstance:
    """Return the instance as it is now, its row locked. Raises: UnknownInstanceError when it is deleted."""
    found = ManagedInstance.objects.select_for_update().filter(pk=instance.pk).first()
    if found is None:
        raise UnknownInstanceError
    return found


def register(
    owner: User, *, instance_id: str, instance_type: str, region: str, is_mock: bool
) -> ManagedInstance:
    """Store an instance with its policy. Raises: AlreadyRegisteredError, also to the loser of a race."""
    instance = ManagedInstance(
        owner=owner, instance_id=instance_id, instance_type=instance_type, region=region, is_mock=is_mock
    )
    if ManagedInstance.objects.filter(instance_id=instance_id).exists():
        raise AlreadyRegisteredError
    try:
        with transaction.atomic():
            _store(instance)
    except IntegrityError as error:
        raise AlreadyRegisteredError from error
    return instance


def _store(instance: ManagedInstance) -> None:
    instance.inventory = listed(instance)
    instance.save(force_insert=True)
    ScalingPolicy.objects.create(
        instance=instance, mode=Mode.MOCK if instance.is_mock else Mode.RECOMMEND, updated_by=instance.owner
    )
    audit.record(
        "instance-registered",
        instance=instance,
        user=instance.owner,
        instance_type=instance.instance_type,
        region=instance.region,
        is_mock=instance.is_mock,
    )


def listed(instance: ManagedInstance) -> Instance | None:
    """Return what collection found at AWS under that id and region, if it is still there."""
    if instance.is_mock:
        return None
    same = Instance.objects.present().filter(instance_id=instance.instance_id, region=instance.region)
    return same.order_by("-last_seen", "pk").first()


def obstacle(instance: ManagedInstance) -> APIException | None:
    """Return what keeps a real instance from being monitored: its owner's role, or that AWS has none such."""
    if instance.is_mock:
        return None
    if not has_role(instance.owner, Role.VIEWER, Role.OPERATOR):
        return RoleMissingError(_NEEDS_VIEWER)
    if listed(instance) is None:
        return NotInInventoryError(instance.instance_id, instance.region)
    return None


def start_monitoring(instance: ManagedInstance, *, by: User) -> None:
    """Have the instance monitored from now on.

    Raises: AlreadyMonitoredError, RoleMissingError, NotInInventoryError, UnknownInstanceError.
    """
    with transaction.atomic():
        current = locked(instance)
        if current.is_monitoring:
            raise AlreadyMonitoredError
        if (found := obstacle(current)) is not None:
            raise found
        current.is_monitoring, current.inventory = True, listed(current)
        current.save(update_fields=["is_monitoring", "inventory"])
        audit.record("monitoring-started", instance=current, user=by)


def stop_monitoring(instance: ManagedInstance, *, by: User) -> None:
    """Have the instance no longer monitored. Raises: NotMonitoredError, UnknownInstanceError."""
    with transaction.atomic():
        current = locked(instance)
        if not current.is_monitoring:
            raise NotMonitoredError
        current.is_monitoring = False
        # Another instance may speak for its group meanwhile.
        for name, value in groups.NONE.items():
            setattr(current, name, value)
        current.save(update_fields=["is_monitoring", *groups.NONE])
        alarming.excuse(current)
        audit.record("monitoring-stopped", instance=current, user=by)


def attachment(instance: ManagedInstance) -> APIException | None:
    """Return what keeps an instance from being deleted: what was asked of AWS, for as long as it is counted.

    Who registers it anew would else begin with the account's actions, cooldown and base unspent.
    """
    if instance.decisions.filter(outcome=Outcome.PENDING).exists():
        return ActionPendingError()
    counted = instance.decisions.filter(mode__in=ACTING, timestamp__gt=timezone.now() - BUDGETED)
    last = counted.exclude(target={}).order_by("-timestamp").first()
    return None if last is None else ActionRecentError(last.timestamp + BUDGETED + timedelta(seconds=1))


def delete(instance: ManagedInstance, *, by: User) -> None:
    """Forget the instance with its samples and decisions; the audit trail stays.

    Raises: ActionPendingError, ActionRecentError, UnknownInstanceError.
    """
    with transaction.atomic():
        current = locked(instance)
        if (found := attachment(current)) is not None:
            raise found
        alarming.forget(current)
        audit.record("instance-deleted", instance=current, user=by, level=current.level)
        current.delete()


# --- Owners that leave -----------------------------------------------------------------------
def why_owners_stay(users: Iterable[User], **_signal: object) -> list[str]:
    """Return what keeps users from being deleted: what is, or was just, done at AWS with their instances."""
    theirs = ManagedInstance.objects.filter(owner__in=users).order_by("instance_id")
    return [f"{each}: {found.detail}" for each in theirs if (found := attachment(each)) is not None]


def delete_all_of(user: User, by: User, **_signal: object) -> None:
    """Forget all of a user's instances. Raises: APIException for one that has to stay."""
    for instance in user.managed_instances.order_by("pk"):
        delete(instance, by=by)
