"""What the accounts cost by tag, as far as billing files tell."""

from collections.abc import Collection
from datetime import date
from typing import Any, Self

from django.contrib.postgres.aggregates import BoolOr
from django.db import models
from django.db.models import Case, F, Max, Sum, Value, When

from collectors.models.accounts import CloudAccount
from core.fields import ExactDecimalField

LONGEST_KEY = 128
LONGEST_VALUE = 256


class DailyTagCostQuerySet(models.QuerySet["DailyTagCost"]):
    def between(self, start: date, end: date) -> Self:
        """Keep days in the half-open range [start, end), UTC."""
        return self.filter(date__gte=start, date__lt=end)

    def of_key(self, key: str) -> Self:
        """Keep one key's rows; those of another tell of the same money."""
        return self.filter(key=key)

    def of_value(self, value: str) -> Self:
        """Keep one value's rows; the empty value is that of what has no tag of the key."""
        return self.filter(value=value, is_other=False)

    def others(self) -> Self:
        """Keep what is charged for values that are not told apart."""
        return self.filter(is_other=True)

    def dearest_values(self, most: int) -> list[str]:
        """Return the values that cost most, at most so many of them, the dearest first."""
        tagged = self.filter(is_other=False).exclude(value="").order_by().values_list("value")
        dearest = tagged.annotate(total=Sum("amount")).order_by("-total", "value")
        return [value for value, _ in dearest[:most]]

    def told_apart(self, values: Collection[str]) -> Self:
        """Have in `shown` these values, the empty one, and None for all others."""
        is_shown = When(is_other=False, value__in=["", *values], then=F("value"))
        return self.annotate(shown=Case(is_shown, default=Value(None), output_field=models.CharField()))

    def daily_totals(self, *by: str) -> "models.QuerySet[DailyTagCost, dict[str, Any]]":
        """Add each day up, by further columns if asked, estimated when any part of it is."""
        days: models.QuerySet[DailyTagCost, dict[str, Any]] = self.order_by("date", *by).values("date", *by)
        return days.annotate(total=Sum("amount"), any_estimated=BoolOr("estimated"))

    def values_told(self) -> "models.QuerySet[DailyTagCost, dict[str, Any]]":
        """Return the values by name, each with the last day on which it is told."""
        keys = ("value",)
        tagged = self.filter(is_other=False).exclude(value="")
        told: models.QuerySet[DailyTagCost, dict[str, Any]] = tagged.order_by(*keys).values(*keys)
        return told.annotate(last_day=Max("date"))


class DailyTagCost(models.Model):
    """What was charged for one value of a tag, by day, account, service, region and currency.

    The rows of a key for a day of an account add up to what the billing files that count were charged then.
    `value` is empty for what has no tag of the key; `is_other` stands for values that are not told apart. A
    day of an account without rows of a key is unknown: no file that counts tells of that key.
    """

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="tag_costs", db_index=False)
    date = models.DateField()
    service = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=60, blank=True)
    key = models.CharField(max_length=LONGEST_KEY)
    value = models.CharField(max_length=LONGEST_VALUE, blank=True)
    is_other = models.BooleanField(default=False)
    unit = models.CharField(max_length=10)
    amount = ExactDecimalField()
    estimated = models.BooleanField(default=False)

    objects = DailyTagCostQuerySet.as_manager()

    class Meta:
        db_table = "daily_tag_costs"
        ordering = ("date", "account", "key", "value", "service", "region")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "date", "key", "service", "region", "value", "is_other", "unit"),
                name="daily_tag_cost_key",
            ),
        )
        indexes = (models.Index(fields=("key", "date"), name="daily_tag_cost_by_key"),)

    def __str__(self) -> str:
        return f"{self.date} {self.key}={self.value}: {self.amount} {self.unit}"
