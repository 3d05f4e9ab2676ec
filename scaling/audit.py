"""The audit trail is written here, and never changed."""

from typing import Any

from accounts.models import User
from scaling.models import ManagedInstance, ScalingDecision, ScalingEvent


def record(
    kind: str,
    *,
    instance: ManagedInstance | None = None,
    decision: ScalingDecision | None = None,
    user: User | None = None,
    **detail: Any,
) -> None:
    """Note that something happened, such as "policy-changed"; `detail` says, as JSON, what exactly."""
    ScalingEvent.objects.create(
        kind=kind,
        instance_id=instance.instance_id if instance else "",
        decision=decision,
        user=user,
        detail=detail,
    )
