"""The shapes in which billing files are shown."""

from typing import Any

from rest_framework import serializers

from collectors.billing.tagging import ToldKey
from collectors.models import BillingFile, QuarantinedLine, Reconciliation
from core.query import AmountField


class BillingFileSerializer(serializers.ModelSerializer[BillingFile]):
    """A version of a file of a billing export; `period_end` is exclusive."""

    location = serializers.CharField(source="manifest.location")
    export = serializers.CharField(source="manifest.export")
    period_start = serializers.DateField(source="manifest.period_start")
    period_end = serializers.DateField(source="manifest.period_end")
    layout = serializers.CharField(help_text="`cur` or `focus`; empty before it was read.")
    skipped = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many lines were left out on purpose, by reason."
    )
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="Columns that no specification has, and that are not kept."
    )
    tag_keys = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="The tags by which its costs are kept; null where its tags were not read.",
    )
    tags_left_out = serializers.ListField(
        child=serializers.CharField(), help_text="Further tags that its lines have."
    )
    run = serializers.IntegerField(
        source="run_id",
        allow_null=True,
        help_text="The run that found or read it; null once that is deleted.",
    )

    class Meta:
        model = BillingFile
        fields = (
            "id",
            "location",
            "export",
            "period_start",
            "period_end",
            "key",
            "etag",
            "size",
            "layout",
            "state",
            "lines",
            "quarantined",
            "skipped",
            "left_out",
            "tag_keys",
            "tags_left_out",
            "error",
            "run",
            "found_at",
            "read_at",
        )
        read_only_fields = fields


class QuarantinedLineSerializer(serializers.ModelSerializer[QuarantinedLine]):
    """A line that could not be understood, by its number; the header is line 1."""

    class Meta:
        model = QuarantinedLine
        fields = ("line", "reason", "text")
        read_only_fields = fields


class TagKeySerializer(serializers.Serializer[ToldKey]):
    """A tag of which billing files tell; `end` is exclusive. A bill in between may not tell of it."""

    tag_key = serializers.CharField()
    start = serializers.DateField(help_text="Of the first billing period whose bill tells of it.")
    end = serializers.DateField(help_text="Of the last one.")


class TagValueSerializer(serializers.Serializer[Any]):
    """A value of a tag, as far as it is told apart."""

    tag_value = serializers.CharField(source="value")
    last_day = serializers.DateField(help_text="The last day on which it was charged for.")


class ReconciliationSerializer(serializers.ModelSerializer[Reconciliation]):
    """An account's day as charged, by billing files and by Cost Explorer."""

    account = serializers.CharField(source="account.account_id")
    files_amount = AmountField()
    explorer_amount = AmountField()
    difference = AmountField(help_text="Files less Cost Explorer.")

    class Meta:
        model = Reconciliation
        fields = ("date", "account", "unit", "files_amount", "explorer_amount", "difference", "compared_at")
        read_only_fields = fields
