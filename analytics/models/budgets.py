"""Budgets of months, how far along they are, and which thresholds somebody was told of."""

from django.conf import settings
from django.core.validators import MinLengthValidator
from django.db import models
from django.utils import timezone

from analytics.budgets.rules import THRESHOLDS, Measure
from collectors.models import CloudAccount
from core.fields import ExactDecimalField


def usual_thresholds() -> list[int]:
    """Return the percentages that are told of unless others are given."""
    return list(THRESHOLDS)


class Budget(models.Model):
    """So much a month for all that the account, the service and the tag given have in common.

    Without any of them, for everything.
    """

    name = models.CharField(max_length=100, unique=True)
    account = models.ForeignKey(
        CloudAccount, models.CASCADE, null=True, blank=True, related_name="budgets", help_text="Empty: all."
    )
    service = models.CharField(max_length=200, blank=True, help_text="As the bill names it; empty: all.")
    tag_key = models.CharField(max_length=128, blank=True, help_text="Empty: whatever the tags.")
    tag_value = models.CharField(max_length=256, blank=True)
    amount = ExactDecimalField()
    currency = models.CharField(max_length=3, default="USD", validators=[MinLengthValidator(3)])
    thresholds = models.JSONField(default=usual_thresholds, help_text="Percent of the amount.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.CheckConstraint(condition=models.Q(amount__gt=0), name="budget_amount"),)

    def __str__(self) -> str:
        return self.name


class BudgetStatus(models.Model):
    """How far a month's spend, and what is expected of it, are along a budget; null is unknown."""

    budget = models.OneToOneField(Budget, models.CASCADE, primary_key=True, related_name="status")
    month = models.DateField(help_text="Its first day.")
    spent = ExactDecimalField(null=True, blank=True)
    unknown_days = models.JSONField(default=list)
    reason = models.TextField(blank=True, help_text="Why days are missing, or nothing is known.")
    forecast = ExactDecimalField(null=True, blank=True)
    thresholds = models.JSONField(default=list)
    computed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.budget} {self.month:%Y-%m}"


class BudgetNotice(models.Model):
    """Somebody was told that a threshold is crossed."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="notices", db_index=False)
    month = models.DateField(help_text="Its first day.")
    measure = models.CharField(max_length=10, choices=[(each.value, each.value) for each in Measure])
    percent = models.PositiveIntegerField()
    told_at = models.DateTimeField()

    class Meta:
        ordering = ("-told_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("budget", "month", "measure", "percent"), name="budget_notice_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.budget} {self.month:%Y-%m}: {self.measure} {self.percent} %"
