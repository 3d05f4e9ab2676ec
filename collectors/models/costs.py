"""What the accounts cost."""

from datetime import date
from typing import Any, Self

from django.contrib.postgres.aggregates import BoolOr
from django.db import models
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Sum

from collectors.models.accounts import CloudAccount, CostSource
from collectors.models.tags import DailyTagCost
from core.fields import ExactDecimalField


class Basis(models.TextChoices):
    """What an amount means; amounts of different bases are never added."""

    UNBLENDED = "unblended", "as charged"
    AMORTIZED = "amortized", "with reservations and savings plans spread over their time"
    EFFECTIVE = "effective", "amortized, after all discounts, as FOCUS has it"
    CONTRACTED = "contracted", "at negotiated prices, before commitments"
    LIST = "list", "at public prices"


class DailyCostQuerySet(models.QuerySet["DailyCost"]):
    def between(self, start: date, end: date) -> Self:
        """Keep days in the half-open range [start, end), UTC."""
        return self.filter(date__gte=start, date__lt=end)

    def final_through(self) -> date | None:
        """Return the last day up to which no amount is estimated; None when there is no such day."""
        # What a disabled account left open is not read again, and would hold the others back for ever.
        open_days = self.filter(estimated=True, account__enabled=True)
        first_estimated = open_days.aggregate(day=Min("date"))["day"]
        final = self.filter(date__lt=first_estimated) if first_estimated else self
        last: date | None = final.aggregate(day=Max("date"))["day"]
        return last

    def unblended(self) -> Self:
        """Keep what was charged, before credits and reservations are spread over accounts.

        Of each account from one source: both tell of the same money.
        """
        return self.filter(basis=Basis.UNBLENDED, source=F("account__cost_source"))

    def untold_by(self, tag_key: str) -> Self:
        """Keep the days of accounts of which no billing file that counts tells by that tag."""
        told = DailyTagCost.objects.of_key(tag_key).filter(account=OuterRef("account"), date=OuterRef("date"))
        return self.filter(~Exists(told))

    def explorer(self) -> Self:
        """Keep what Cost Explorer answered."""
        return self.filter(source=CostSource.EXPLORER)

    def currency(self) -> str:
        """Return the currency to answer in: US dollars if anything costs those, else the most frequent."""
        charged = self.exclude(amount=0)
        if charged.filter(unit="USD").exists():
            return "USD"
        units = charged.order_by().values("unit").annotate(rows=Count("pk")).order_by("-rows", "unit")
        first = units.first()
        return str(first["unit"]) if first else "USD"

    def daily_totals(self, *by: str) -> "models.QuerySet[DailyCost, dict[str, Any]]":
        """Add each day up, by further columns if asked, estimated when any part of it is."""
        days: models.QuerySet[DailyCost, dict[str, Any]] = self.order_by("date", *by).values("date", *by)
        return days.annotate(total=Sum("amount"), any_estimated=BoolOr("estimated"))


class DailyCost(models.Model):
    """What one service cost in one region of one account on one UTC day.

    `service` and `region` are empty where the source did not tell them apart. Amounts of different
    `source`, `basis` or `unit` (the currency) are never added.
    """

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="costs", db_index=False)
    date = models.DateField(db_index=True)
    service = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=60, blank=True)
    source = models.CharField(
        max_length=10, choices=CostSource, default=CostSource.EXPLORER, db_default=CostSource.EXPLORER
    )
    basis = models.CharField(max_length=30, default=Basis.UNBLENDED, choices=Basis)
    unit = models.CharField(max_length=10)
    amount = ExactDecimalField()
    estimated = models.BooleanField(default=False)

    objects = DailyCostQuerySet.as_manager()

    class Meta:
        db_table = "daily_costs"
        ordering = ("date", "account", "service", "region")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "date", "service", "region", "source", "basis", "unit"),
                name="daily_cost_key",
            ),
        )

    def __str__(self) -> str:
        return f"{self.date} {self.service}: {self.amount} {self.unit}"
