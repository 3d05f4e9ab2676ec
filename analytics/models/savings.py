"""What could be saved, what became of it, and the prices that it is counted at."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Max, Q, Sum

from analytics.savings.records import Kind
from collectors.models import CloudAccount, Instance, Volume
from core.fields import ExactDecimalField
from pipelines.models import Run

KINDS = [(kind.value, kind.value) for kind in Kind]


class SavingQuerySet(models.QuerySet["Saving"]):
    def standing(self) -> Self:
        """Keep what is recommended at present and was not dismissed."""
        return self.filter(is_standing=True, dismissed_at=None)

    def largest_first(self) -> Self:
        """Order by amount, the unknown last; of equal ones the surer first."""
        return self.order_by(F("monthly_usd").desc(nulls_last=True), "-confidence", "pk")

    def total(self) -> dict[str, Any]:
        """Add up the best of each resource; tell apart how many resources have no amount at all."""
        best = self.order_by().values("account", "region", "resource").annotate(best=Max("monthly_usd"))
        found = best.aggregate(usd=Sum("best", default=0), resources=Count("*"), priced=Count("best"))
        return {
            "monthly_usd": found["usd"],
            "resources": found["resources"],
            "unpriced": found["resources"] - found["priced"],
        }


class _OfResource(models.Model):
    """The resource that something is recommended about: an instance, or a volume attached to nothing."""

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="+", db_index=False)
    region = models.CharField(max_length=30)
    resource = models.CharField(max_length=40, help_text="The instance's or the volume's id.")
    name = models.CharField(max_length=256, blank=True)
    instance = models.ForeignKey(Instance, models.CASCADE, null=True, blank=True, related_name="+")
    volume = models.ForeignKey(Volume, models.CASCADE, null=True, blank=True, related_name="+")
    volumes = models.JSONField(default=list, blank=True, help_text="The rows of its volumes.")
    kind = models.CharField(max_length=20, choices=KINDS)
    from_type = models.CharField(max_length=40, blank=True)
    to_type = models.CharField(max_length=40, blank=True)
    price_date = models.DateField(null=True, blank=True)
    price_source = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True


class Saving(_OfResource):
    """Something that would save money, as the last computation recommended it.

    What is recommended no more is deleted, unless it was dismissed: then it is not standing, so that the
    dismissal holds when it is recommended again.
    """

    evidence = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    coverage = models.FloatField()
    confidence = models.FloatField()
    monthly_usd = ExactDecimalField(null=True, blank=True)
    recommended_at = models.DateTimeField(help_text="When it was first recommended.")
    is_standing = models.BooleanField(default=True, db_default=True)
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    dismissal_reason = models.CharField(max_length=1000, blank=True, db_default="")

    objects = SavingQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("account", "region", "resource", "kind"), name="saving_key"),
        )
        indexes = (
            models.Index(
                F("monthly_usd").desc(nulls_last=True),
                F("confidence").desc(),
                F("id"),
                name="saving_largest",
                condition=Q(is_standing=True, dismissed_at=None),
            ),
            models.Index(fields=("resource",), name="saving_resource"),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.resource}"


class FollowedSaving(_OfResource):
    """A recommendation that was followed, and what that has saved once a fortnight has passed."""

    change = models.CharField(
        max_length=10, choices=[(each, each) for each in ("resized", "stopped", "deleted")]
    )
    promised_usd = ExactDecimalField(null=True, blank=True, help_text="A month, as it was recommended.")
    recommended_at = models.DateTimeField()
    changed_at = models.DateTimeField(db_index=True)
    monthly_usd = ExactDecimalField(null=True, blank=True, help_text="What it has saved, for a month.")
    of_promised = models.FloatField(null=True, blank=True)
    held = models.BooleanField(null=True, blank=True, help_text="Whether the CPU stayed within its limit.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why that is not known.")
    computed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-changed_at", "-id")

    def __str__(self) -> str:
        return f"{self.kind}: {self.resource} {self.change}"


class SavingTally(models.Model):
    """What the standing recommendations of an account, a region and a kind come to.

    Those that are the best of their resource are counted apart: only these add up.
    """

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="+", db_index=False)
    region = models.CharField(max_length=30)
    kind = models.CharField(max_length=20, choices=KINDS)
    recommendations = models.PositiveIntegerField()
    monthly_usd = ExactDecimalField()
    unpriced = models.PositiveIntegerField()
    best_resources = models.PositiveIntegerField()
    best_usd = ExactDecimalField()
    best_unpriced = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("account", "region", "kind"), name="saving_tally_key"),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.monthly_usd}"


class WithheldSaving(models.Model):
    """How often nothing was recommended for the same reason, at the last computation."""

    account = models.ForeignKey(CloudAccount, models.CASCADE, related_name="+")
    region = models.CharField(max_length=30)
    kind = models.CharField(max_length=20, choices=KINDS)
    reason = models.CharField(max_length=500)
    resources = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("account", "region", "kind", "reason"), name="withheld_saving_key"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason} {self.resources}"


class SavingsScope(models.Model):
    """What the last computation looked at in a region, and at which prices."""

    region = models.CharField(max_length=30, primary_key=True)
    instances = models.PositiveIntegerField()
    volumes = models.PositiveIntegerField(help_text="Those that are attached to nothing.")
    price_date = models.DateField(null=True, blank=True)
    price_source = models.CharField(max_length=200)

    class Meta:
        ordering = ("region",)

    def __str__(self) -> str:
        return self.region


class PriceList(models.Model):
    """A region's prices as the Pricing API told them last; amounts are decimals, as text."""

    region = models.CharField(max_length=30, primary_key=True)
    source = models.CharField(max_length=200)
    date = models.DateField(help_text="When AWS published them.")
    hourly = models.JSONField(help_text="USD an hour by instance type: Linux, on demand.")
    gb_month = models.JSONField(help_text="USD a GB-month by volume type.")
    compared = models.JSONField(default=dict, help_text="How the shipped prices differ from these.")
    fetched_at = models.DateTimeField()
    run = models.ForeignKey(Run, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("region",)

    def __str__(self) -> str:
        return f"{self.region} {self.date}"
