"""What was computed of the estate's emissions, and its score."""

from typing import Any, Self

from django.db import models

from collectors.models import Instance


class CarbonReport(models.Model):
    """What all instances and volumes caused over some days; each computation replaces it.

    `totals`, `accounts`, `services` and `hints` are as they are answered.
    """

    start = models.DateField()
    end = models.DateField(help_text="Exclusive.")
    coefficients_as_of = models.DateField(help_text="When the method's figures were put together.")
    price_dates = models.JSONField(default=dict, help_text="Of which day the prices are, by region.")
    totals = models.JSONField(default=dict)
    accounts = models.JSONField(default=list)
    services = models.JSONField(default=list)
    hints = models.JSONField(default=list, help_text="Where the same would cost less and cause less.")

    class Meta:
        ordering = ("-end",)

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


_PARTS, _BOUNDS = ("operational", "embodied"), ("low", "high")


class FootprintQuerySet(models.QuerySet["InstanceFootprint"]):
    def largest_first(self) -> Self:
        """Order by what was caused by running, what is unknown last."""
        return self.order_by(models.F("operational_high_kg").desc(nulls_last=True), "pk")

    def by_region(self) -> "models.QuerySet[InstanceFootprint, Any]":
        """Add up the instances of each region, the largest first; null where nothing of one is known."""
        sums = {f"{part}_{bound}": models.Sum(f"{part}_{bound}_kg") for part in _PARTS for bound in _BOUNDS}
        regions = self.order_by().values(region=models.F("instance__region"))
        counted = regions.annotate(
            instances=models.Count("*"), estimated=models.Count("operational_high_kg"), **sums
        )
        return counted.order_by(models.F("operational_high").desc(nulls_last=True), "region")


class InstanceFootprint(models.Model):
    """What one instance caused over the report's days, in kgCO2e; null is unknown."""

    instance = models.OneToOneField(Instance, models.CASCADE, primary_key=True, related_name="footprint")
    instance_type = models.CharField(max_length=40)
    vcpus = models.PositiveIntegerField(null=True, blank=True)
    hours = models.FloatField(null=True, blank=True, help_text="That it is known to have run.")
    unknown_hours = models.FloatField(help_text="Of which it is not known whether it ran.")
    cpu_percent = models.FloatField(null=True, blank=True)
    measured_share = models.FloatField(help_text="Of the hours, 0 to 1, in which CPU was measured.")
    energy_low_kwh = models.FloatField(null=True, blank=True)
    energy_high_kwh = models.FloatField(null=True, blank=True)
    operational_low_kg = models.FloatField(null=True, blank=True)
    operational_high_kg = models.FloatField(null=True, blank=True)
    embodied_low_kg = models.FloatField(null=True, blank=True)
    embodied_high_kg = models.FloatField(null=True, blank=True)
    assumptions = models.JSONField(default=list)
    reasons = models.JSONField(default=list)
    hints = models.JSONField(default=list)
    no_hint = models.CharField(max_length=250, blank=True, help_text="Why no region is named.")

    objects = FootprintQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(
                models.F("operational_high_kg").desc(nulls_last=True), "instance", name="footprint_largest"
            ),
        )

    def __str__(self) -> str:
        return str(self.instance)


class SustainabilityScore(models.Model):
    """How sustainably the estate ran up to a day, 0 to 100; null where too little is known."""

    date = models.DateField(primary_key=True, help_text="The last day that it is about.")
    score = models.FloatField(null=True, blank=True)
    known_weight = models.FloatField()
    parts = models.JSONField(default=list)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-date",)

    def __str__(self) -> str:
        return f"{self.date}: {'unknown' if self.score is None else round(self.score, 1)}"
