"""What is expected of costs and loads; each computation replaces what the last one said."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models

from collectors.models import CloudAccount, Instance
from core.fields import ExactDecimalField


class Tested(models.Model):
    """How something was forecast, and how such forecasts did before; or, without a method, why it was not.

    `coverage` is the share of values that ranges shall hold, `measured` the share that they held, 0 to 1.
    """

    method = models.CharField(max_length=40, blank=True)
    coverage = models.FloatField(null=True, blank=True)
    measured = models.FloatField(null=True, blank=True)
    origins = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="From how many moments in the past it was tried."
    )
    reason = models.TextField(blank=True, help_text="Why nothing is forecast.")

    class Meta:
        abstract = True


class Erring(models.Model):
    """How far forecasts of single values were off: `smape` in percent, `mase` in moves of a season."""

    mase = models.FloatField(null=True, blank=True)
    smape = models.FloatField(null=True, blank=True)

    class Meta:
        abstract = True


class CostForecastQuerySet(models.QuerySet["CostForecast"]):
    def currency(self) -> str:
        """Return the currency to answer in: US dollars if anything is forecast in those, else the first."""
        units = list(self.filter(account=None, service="").values_list("unit", flat=True))
        return "USD" if "USD" in units or not units else units[0]

    def scope_and_parts(self, account: CloudAccount | None, service: str | None) -> Self:
        """Keep a scope and what it consists of.

        All costs consist of accounts, and of services; an account of its services, a service of accounts.
        """
        if account and service:
            return self.filter(account=account, service=service)
        if account:
            return self.filter(account=account)
        if service:
            return self.filter(service=service)
        return self.filter(models.Q(account=None) | models.Q(service=""))


class CostForecast(Tested, Erring):
    """What the days from `start` on will cost: all accounts or one, all services or one.

    In the order of their keys the wider scopes come first, and then those that cost most.
    """

    account = models.ForeignKey(
        CloudAccount, models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: all."
    )
    service = models.CharField(max_length=200, blank=True, help_text="Empty: all.")
    unit = models.CharField(max_length=10, help_text="The currency.")
    final_through = models.DateField(null=True, blank=True, help_text="The last day that it was made from.")
    start = models.DateField()
    expected = ArrayField(ExactDecimalField(), default=list, blank=True)
    low = ArrayField(ExactDecimalField(), default=list, blank=True)
    high = ArrayField(ExactDecimalField(), default=list, blank=True)
    note = models.TextField(blank=True, help_text="What is not in it.")

    objects = CostForecastQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "service", "unit"), name="cost_forecast_key", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return f"{self.account or 'all accounts'}, {self.service or 'all services'}: {self.unit}"


class MonthEndQuerySet(models.QuerySet["MonthEndForecast"]):
    def of(self, account: CloudAccount | None, service: str | None, unit: str) -> Self:
        """Keep one scope: an account, a service, both, or with neither all costs, in one currency."""
        return self.filter(forecast__account=account, forecast__service=service or "", forecast__unit=unit)


class MonthEndForecast(Tested):
    """What a month will have cost. `actual` is what its final days did, and known where the rest is not."""

    forecast = models.OneToOneField(CostForecast, models.CASCADE, primary_key=True, related_name="month_end")
    month = models.DateField(help_text="Its first day.")
    expected = ExactDecimalField(null=True, blank=True)
    low = ExactDecimalField(null=True, blank=True)
    high = ExactDecimalField(null=True, blank=True)
    actual = ExactDecimalField()
    days_filled = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Unknown days that were taken as a week before."
    )
    days_ahead = models.PositiveSmallIntegerField(null=True, blank=True)

    objects = MonthEndQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.forecast}, {self.month:%Y-%m}: {self.expected}"


class Metric(models.TextChoices):
    """What is forecast of instances."""

    CPU = "cpu", "CPU, percent"
    MEMORY = "memory", "memory, percent"
    NETWORK_IN = "network_in", "network in, bytes a sample"
    NETWORK_OUT = "network_out", "network out, bytes a sample"


class LoadForecast(Tested, Erring):
    """What an instance will measure in the hours from `start` on, on average; the busiest come first."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="forecasts", db_index=False)
    metric = models.CharField(max_length=20, choices=Metric)
    start = models.DateTimeField()
    expected = ArrayField(models.FloatField(), default=list, blank=True)
    low = ArrayField(models.FloatField(), default=list, blank=True)
    high = ArrayField(models.FloatField(), default=list, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=("instance", "metric"), name="load_forecast_key"),)

    def __str__(self) -> str:
        return f"{self.instance}: {self.metric}"
