"""The autoscaler's audit trail is written here, and never changed; the audit log has who changed a row."""

from typing import Any

from auditlog.registry import auditlog

from accounts.models import User
from scaling.models import KillSwitch, ManagedInstance, ScalingDecision, ScalingEvent, ScalingPolicy


def register() -> None:
    """Have the audit log tell who changed what the autoscaler goes by."""
    auditlog.register(
        ManagedInstance,
        include_fields=["owner", "instance_id", "instance_type", "region", "is_mock", "is_monitoring"],
    )
    auditlog.register(ScalingPolicy, exclude_fields=["updated_at", "updated_by"])
    auditlog.register(KillSwitch, include_fields=["engaged", "reason"])


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
