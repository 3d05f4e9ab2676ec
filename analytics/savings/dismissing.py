"""Recommendations that are not to be followed: they are left out, also when they are made again."""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.models import User
from analytics.models import Saving
from analytics.savings import tallies


def dismiss(pk: int, *, reason: str, by: User) -> Saving:
    """Leave a recommendation out; doing so again replaces the reason. Raises: Http404."""
    return _changed(pk, dismissed_at=timezone.now(), dismissed_by=by, dismissal_reason=reason)


def restore(pk: int) -> Saving:
    """Take the dismissal back. Raises: Http404."""
    return _changed(pk, dismissed_at=None, dismissed_by=None, dismissal_reason="")


def _changed(pk: int, **values: Any) -> Saving:
    with transaction.atomic():
        Saving.objects.filter(pk=pk).update(**values)
        saving = get_object_or_404(Saving.objects.select_related("account", "dismissed_by"), pk=pk)
        tallies.renew(account=saving.account_id, region=saving.region)
    return saving
