"""Budgets that people make, change and take away: each is looked at in the transaction that changes it."""

from django.db import transaction
from django.utils import timezone
from rest_framework.serializers import BaseSerializer

from accounts.models import User
from alerts.services import audit
from analytics.budgets import alarming, service
from analytics.models import Budget


def create(serializer: BaseSerializer[Budget], *, by: User) -> Budget:
    """Save a budget whose values were found valid, and hold it against the month."""
    with audit.by(by), transaction.atomic():
        budget = serializer.save(created_by=by)
        service.look(budget.pk, timezone.now())
    budget.refresh_from_db()
    return budget


def update(serializer: BaseSerializer[Budget], *, was: Budget, by: User) -> Budget:
    """Save a change of a budget; alerts on what it does not cross any more are over."""
    before = service.rule_of(was)
    with audit.by(by), transaction.atomic():
        budget = serializer.save()
        service.look(budget.pk, timezone.now(), is_changed=service.rule_of(budget) != before)
    budget.refresh_from_db()
    return budget


def delete(budget: Budget, *, by: User) -> None:
    """Take a budget away, and end its alerts."""
    with audit.by(by), transaction.atomic():
        alarming.end_all(budget)
        budget.delete()
