"""Which instance speaks for an Auto Scaling group: one alone, for the levels of two would multiply."""

from typing import Any

from collectors.models import CloudAccount
from scaling.models import ManagedInstance, Mode

NONE: dict[str, Any] = {"group_name": "", "base_desired": None, "last_desired": None}
"""What is known of the group of an instance that speaks for none."""


def other_voice(instance: ManagedInstance, account: CloudAccount, name: str) -> str:
    """Say which other instance speaks for the group, empty for none; for use under the account's lock."""
    voices = ManagedInstance.objects.monitored().filter(
        group_name=name,
        region=instance.region,
        policy__mode=Mode.ASG,
        inventory__account=account,
        inventory__gone_at=None,
    )
    other = voices.exclude(pk=instance.pk).first()
    if other is None:
        return ""
    return (
        f"{other} speaks for the Auto Scaling group {name} already, and one instance does: "
        "stop monitoring one of the two, or change its mode."
    )


def speak_for(instance: ManagedInstance, name: str) -> None:
    """Note whom the instance speaks for; for use with its row and the account's locked."""
    if instance.group_name != name:
        ManagedInstance.objects.filter(pk=instance.pk).update(**NONE | {"group_name": name})
