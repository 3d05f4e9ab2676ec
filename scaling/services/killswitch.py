"""The kill switch: the one row that stops all scaling actions."""

from django.db import transaction

from accounts.models import User
from scaling import audit
from scaling.models import KillSwitch


def current() -> KillSwitch:
    """Return the switch as it is; where nobody ever touched it, not engaged."""
    return KillSwitch.objects.select_related("changed_by").first() or KillSwitch()


def turn(*, engaged: bool, reason: str, by: User) -> KillSwitch:
    """Engage or release the switch; what changes something is noted in the audit trail."""
    with transaction.atomic():
        KillSwitch.objects.get_or_create(pk=1)
        switch = KillSwitch.objects.select_for_update(of=("self",)).select_related("changed_by").get()
        if (switch.engaged, switch.reason) == (engaged, reason):
            return switch
        switch.engaged, switch.reason, switch.changed_by = engaged, reason, by
        switch.save()
        kind = "kill-switch-engaged" if engaged else "kill-switch-released"
        audit.record(kind, user=by, reason=reason)
    return switch
