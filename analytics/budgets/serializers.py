"""The shapes in which budgets are given and shown."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.budgets.rules import THRESHOLDS, Measure
from analytics.models import Budget, BudgetStatus
from collectors.models import CloudAccount
from core.body import StrictSerializer
from core.query import AmountField

_MOST_THRESHOLDS = 20
_HIGHEST_PERCENT = 1000
_MOST_DIGITS = 30


class ThresholdSerializer(serializers.Serializer[Any]):
    """Whether a threshold is crossed; null, with the reason, where that is not known."""

    measure = serializers.ChoiceField(
        [(each.value, each.value) for each in Measure], help_text="What is held against it."
    )
    percent = serializers.IntegerField()
    amount = AmountField(help_text="Where it lies.")
    crossed = serializers.BooleanField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


class BudgetStatusSerializer(serializers.Serializer[Any]):
    """How far a month is along its budget; null is unknown."""

    computed_at = serializers.DateTimeField()
    month = serializers.DateField(help_text="Its first day.")
    spent = AmountField(allow_null=True, help_text="As far as known: days of `unknown_days` are missing.")
    used_percent = AmountField(allow_null=True, help_text="What is spent, in percent of the budget.")
    unknown_days = serializers.ListField(child=serializers.DateField())
    reason = serializers.CharField(allow_null=True, help_text="Why days are missing, or all is unknown.")
    forecast = AmountField(allow_null=True, help_text="What the whole month is expected to come to.")
    thresholds = ThresholdSerializer(many=True)


class BudgetSerializer(StrictSerializer, serializers.ModelSerializer[Budget]):
    """So much a month for what account, service and tag, as far as given, have in common."""

    account = serializers.SlugRelatedField(
        slug_field="account_id",
        queryset=CloudAccount.objects.all(),
        required=False,
        allow_null=True,
        help_text="The 12 digits; null: all accounts together.",
        error_messages={"does_not_exist": "No account {value} is known."},
    )
    service = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="As the bill names it; empty: all."
    )
    tag_key = serializers.CharField(
        max_length=128, required=False, allow_blank=True, help_text="Empty: whatever the tags."
    )
    tag_value = serializers.CharField(max_length=256, required=False, allow_blank=True)
    amount = serializers.DecimalField(
        max_digits=_MOST_DIGITS,
        decimal_places=None,
        coerce_to_string=False,
        normalize_output=True,
        help_text="More than nothing.",
    )
    currency = serializers.RegexField(
        r"\A[A-Z]{3}\Z",
        default="USD",
        trim_whitespace=False,
        error_messages={"invalid": "A currency is three capital letters, such as USD."},
    )
    thresholds = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=_HIGHEST_PERCENT),
        min_length=1,
        max_length=_MOST_THRESHOLDS,
        required=False,
        help_text=f"Percent of the amount; {list(THRESHOLDS)} unless given.",
    )
    created_by = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField(
        help_text="Of the present month, as it was when costs were last looked at."
    )

    class Meta:
        model = Budget
        fields = (
            "id",
            "name",
            "account",
            "service",
            "tag_key",
            "tag_value",
            "amount",
            "currency",
            "thresholds",
            "created_by",
            "created_at",
            "updated_at",
            "status",
        )
        read_only_fields = ("id", "created_by", "created_at", "updated_at")

    def validate_amount(self, value: Decimal) -> Decimal:
        """Refuse nothing, and less. Raises: ValidationError."""
        if value <= 0:
            raise serializers.ValidationError("A budget is more than nothing.")
        return value

    def validate_thresholds(self, value: list[int]) -> list[int]:
        """Return them in order, each once."""
        return sorted(set(value))

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse a tag's value without its key. Raises: ValidationError."""
        key, value = (given.get(name, getattr(self.instance, name, "")) for name in ("tag_key", "tag_value"))
        if value and not key:
            raise serializers.ValidationError({"tag_key": ["A tag's value needs its key."]})
        return given

    @extend_schema_field(serializers.EmailField(allow_null=True))
    def get_created_by(self, budget: Budget) -> str | None:
        """Return the e-mail address of who made it; None where nobody did, or they are gone."""
        return budget.created_by.email if budget.created_by else None

    @extend_schema_field(BudgetStatusSerializer(allow_null=True))
    def get_status(self, budget: Budget) -> dict[str, Any] | None:
        """Return what was stored when the budget was last looked at; None where it never was."""
        status: BudgetStatus | None = getattr(budget, "status", None)
        if status is None:
            return None
        return {
            "computed_at": status.computed_at,
            "month": status.month,
            "spent": status.spent,
            "used_percent": None if status.spent is None else 100 * status.spent / budget.amount,
            "unknown_days": status.unknown_days,
            "reason": status.reason or None,
            "forecast": status.forecast,
            "thresholds": [{**each, "amount": Decimal(each["amount"])} for each in status.thresholds],
        }
