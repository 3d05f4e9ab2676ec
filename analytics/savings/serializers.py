"""What is asked about savings, and the shapes of the answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.models import FollowedSaving, PriceList, Saving, SavingsScope
from analytics.models.savings import KINDS
from analytics.serializers import AccountField
from core.body import StrictSerializer
from core.query import AmountField, Query


class _ResourceQuery(Query):
    account = AccountField(help_text="The 12 digits.")
    region = serializers.CharField(required=False, max_length=30)
    resource = serializers.CharField(required=False, max_length=40, help_text="An instance's or volume's id.")
    kind = serializers.ChoiceField(KINDS, required=False)
    page = serializers.IntegerField(required=False, min_value=1)
    page_size = serializers.IntegerField(
        required=False, min_value=1, help_text="100 unless told otherwise, 1000 at most."
    )


class SavingsQuery(_ResourceQuery):
    """Which recommendations are asked for."""

    min_confidence = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text="Leave out what is less sure."
    )
    min_monthly_usd = AmountField(
        required=False, min_value=0, help_text="Leave out what saves less, or has no price."
    )
    dismissed = serializers.ChoiceField(
        ["false", "true"], default="false", help_text="true: those that were dismissed, instead."
    )


class FollowedQuery(_ResourceQuery):
    """Which changes are asked for."""


class DismissalSerializer(StrictSerializer):
    """Why a recommendation is not to be followed."""

    reason = serializers.CharField(max_length=1000)


class DismissedSerializer(serializers.Serializer[Any]):
    """Who dismissed a recommendation, when and why."""

    at = serializers.DateTimeField(source="dismissed_at")
    by = serializers.EmailField(
        source="dismissed_by.email", default=None, allow_null=True, help_text="null: the user was deleted."
    )
    reason = serializers.CharField(source="dismissal_reason")


class EvidenceField(serializers.DictField):
    """Figures by name; null is unknown."""

    child = serializers.JSONField()


class SavingSerializer(serializers.ModelSerializer[Saving]):
    """A recommendation, with what it is based on and how far it can be relied on."""

    account = serializers.CharField(source="account.account_id")
    to_type = serializers.CharField(help_text="Empty where no other type is to take its place.")
    evidence = EvidenceField()
    notes = serializers.ListField(child=serializers.CharField())
    coverage = serializers.FloatField(help_text="The share of the expected samples that there were.")
    confidence = serializers.FloatField(help_text="0 to 1; docs/savings.md says how it is computed.")
    monthly_usd = AmountField(allow_null=True, help_text="For 730 hours; null: a price is not known.")
    dismissed = serializers.SerializerMethodField()

    class Meta:
        model = Saving
        fields = (
            "id",
            "kind",
            "resource",
            "name",
            "account",
            "region",
            "from_type",
            "to_type",
            "monthly_usd",
            "confidence",
            "coverage",
            "evidence",
            "notes",
            "price_date",
            "price_source",
            "recommended_at",
            "dismissed",
        )
        read_only_fields = fields

    def to_representation(self, instance: Saving) -> dict[str, Any]:
        """Return the row as it is stored: taking each value through its field doubles what a read takes."""
        own = {"account": instance.account.account_id, "dismissed": self.get_dismissed(instance)}
        return {name: own[name] if name in own else getattr(instance, name) for name in self.Meta.fields}

    @extend_schema_field(DismissedSerializer(allow_null=True))
    def get_dismissed(self, saving: Saving) -> dict[str, Any] | None:
        """Return who dismissed it; null where nobody did."""
        return None if saving.dismissed_at is None else dict(DismissedSerializer(saving).data)


class FollowedSerializer(serializers.ModelSerializer[FollowedSaving]):
    """A recommendation that was followed; what it saved is null, with a reason, while that is not known."""

    account = serializers.CharField(source="account.account_id")
    to_type = serializers.CharField(help_text="What it was changed to; empty where it was not.")
    promised_usd = AmountField(allow_null=True, help_text="A month, as it was recommended.")
    monthly_usd = AmountField(
        allow_null=True, help_text="What it has saved, for a month; below zero where it costs more."
    )
    reason = serializers.SerializerMethodField()

    class Meta:
        model = FollowedSaving
        fields = (
            "id",
            "kind",
            "resource",
            "name",
            "account",
            "region",
            "from_type",
            "to_type",
            "change",
            "recommended_at",
            "changed_at",
            "promised_usd",
            "monthly_usd",
            "of_promised",
            "held",
            "reason",
            "price_date",
            "price_source",
            "computed_at",
        )
        read_only_fields = fields

    def get_reason(self, row: FollowedSaving) -> str | None:
        """Return why it is not known what it saved; null where it is."""
        if row.computed_at is None:
            return "It is computed once a fortnight has passed since the change."
        return row.reason or None


# --- Answers ---------------------------------------------------------------------------------
class TotalSerializer(serializers.Serializer[Any]):
    """What the best recommendation of each resource comes to."""

    monthly_usd = AmountField(allow_null=True, help_text="null before the first computation.")
    resources = serializers.IntegerField(help_text="How many resources there are recommendations about.")
    unpriced = serializers.IntegerField(help_text="Of how many of them no price is known.")


class KindSerializer(serializers.Serializer[Any]):
    """What the recommendations of one kind come to in the account and region asked for.

    Kinds of one resource exclude each other, so that they do not add up to the total.
    """

    kind = serializers.CharField()
    recommendations = serializers.IntegerField()
    monthly_usd = AmountField()


class WithheldSerializer(serializers.Serializer[Any]):
    """Why nothing was recommended, and of how many resources."""

    kind = serializers.CharField()
    reason = serializers.CharField()
    resources = serializers.IntegerField()


class RealisedSerializer(serializers.Serializer[Any]):
    """What changes have saved since; `pending` are those of which that is not known yet."""

    monthly_usd = AmountField()
    promised_usd = AmountField(help_text="What had been recommended for the same changes.")
    changes = serializers.IntegerField()
    pending = serializers.IntegerField()


class ComparedSerializer(serializers.Serializer[Any]):
    """In how many of the prices that both tables have the shipped one differs, and by how much at most."""

    common = serializers.IntegerField()
    differ = serializers.IntegerField()
    largest_percent = serializers.FloatField()


class DifferencesSerializer(serializers.Serializer[Any]):
    """How the shipped prices differ from those that were fetched."""

    shipped_date = serializers.DateField()
    instance_types = ComparedSerializer()
    volume_types = ComparedSerializer()


class ScopeSerializer(serializers.ModelSerializer[SavingsScope]):
    """What was looked at in a region, and at which prices."""

    compared = serializers.SerializerMethodField()

    class Meta:
        model = SavingsScope
        fields = ("region", "instances", "volumes", "price_date", "price_source", "compared")
        read_only_fields = fields

    @extend_schema_field(DifferencesSerializer(allow_null=True))
    def get_compared(self, scope: SavingsScope) -> dict[str, Any] | None:
        """Return how the shipped prices differ; null where they are used, or none are shipped."""
        stored: PriceList | None = self.context["price_lists"].get(scope.region)
        return (stored.compared or None) if stored else None


class _StandingSerializer(serializers.Serializer[Any]):
    computed_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(
        allow_null=True, help_text="Why nothing was computed yet, or not when it should have been."
    )


class _PageSerializer(_StandingSerializer):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class SavingsSerializer(_PageSerializer):
    """What could be saved; the total and the count are of all that the filters keep, not of a page.

    `withheld` heeds account, region and kind alone.
    """

    currency = serializers.CharField()
    total = TotalSerializer()
    kinds = KindSerializer(many=True)
    withheld = WithheldSerializer(many=True)
    realised = RealisedSerializer()
    regions = ScopeSerializer(many=True)
    results = SavingSerializer(many=True)


class FollowedSavingsSerializer(_PageSerializer):
    """What was followed, the latest first."""

    realised = RealisedSerializer()
    results = FollowedSerializer(many=True)
