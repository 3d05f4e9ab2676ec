"""The shapes in which the estate is shown."""

from typing import Any

from rest_framework import serializers

from collectors.models import (
    CloudAccount,
    CpuMetric,
    DailyCost,
    Instance,
    InstanceStateChange,
    Volume,
    validate_role_of,
)
from core.query import AmountField
from pipelines.waiting import StartedSerializer


class TagsField(serializers.DictField):
    """The tags of a resource, by key."""

    child = serializers.CharField()


class AccountSerializer(serializers.ModelSerializer[CloudAccount]):
    """An AWS account to collect from. The external id is generated; a role's trust policy must demand it."""

    regions = serializers.ListField(
        child=serializers.RegexField(
            r"\A[a-z]{2}(-[a-z]+)+-[0-9]\Z", error_messages={"invalid": "A region looks like eu-west-1."}
        ),
        required=False,
        max_length=100,
        help_text="Empty: every region that the account has enabled.",
    )

    class Meta:
        model = CloudAccount
        fields = (
            "account_id",
            "name",
            "role_arn",
            "external_id",
            "actor_role_arn",
            "regions",
            "cost_source",
            "enabled",
            "created_at",
        )
        read_only_fields = ("external_id", "created_at")

    def validate_account_id(self, value: str) -> str:
        if self.instance is not None and value != self.instance.account_id:
            raise serializers.ValidationError("An account keeps its id; add another account instead.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold what is given, and what is stored where nothing is, against each other."""
        account_id = attrs.get("account_id", getattr(self.instance, "account_id", ""))
        for field in ("role_arn", "actor_role_arn"):
            role_arn = attrs.get(field, getattr(self.instance, field, ""))
            validate_role_of(account_id, role_arn, field=field)
        return attrs


class PriceLineSerializer(serializers.Serializer[Any]):
    """What one source will cost; `metrics` has a schedule of its own, the others are the collection."""

    source = serializers.CharField()  # type: ignore[assignment]  # DRF takes fields out of the class
    usd = AmountField(
        allow_null=True, help_text="Each time; null: unknown before the inventory has been collected."
    )
    per_day_usd = AmountField(allow_null=True, help_text="In the coming 24 hours, by the present schedule.")
    basis = serializers.CharField(help_text="What is counted, and at what list price.")


class PriceSerializer(serializers.Serializer[Any]):
    """What the next collection of an account will cost."""

    account = serializers.CharField(source="account_id")
    usd = AmountField(
        allow_null=True,
        help_text="The sum of the lines but `metrics`; null while one of them is unknown.",
    )
    per_day_usd = AmountField(
        allow_null=True,
        help_text="All lines in the coming 24 hours, by the present schedules; null while one is unknown.",
    )
    lines = PriceLineSerializer(many=True)
    spent_today_usd = AmountField(help_text="Booked for the account since 00:00 UTC.")
    daily_budget_usd = AmountField(help_text="What scheduled collection may spend on an account a day.")


class StateChangeSerializer(serializers.ModelSerializer[InstanceStateChange]):
    """The moment an instance was found in another state; `from_state` is empty when it was first seen."""

    class Meta:
        model = InstanceStateChange
        fields = ("from_state", "to_state", "observed_at")


class InstanceSerializer(serializers.ModelSerializer[Instance]):
    """An EC2 instance, as the last scan found it."""

    account = serializers.CharField(source="account.account_id")
    tags = TagsField()

    class Meta:
        model = Instance
        fields: tuple[str, ...] = (
            "instance_id",
            "account",
            "region",
            "instance_type",
            "state",
            "launched_at",
            "first_seen",
            "last_seen",
            "gone_at",
            "tags",
            "name",
            "availability_zone",
            "platform",
            "lifecycle",
            "detailed_monitoring",
            "image_id",
            "vpc_id",
            "private_ip",
            "public_ip",
        )
        read_only_fields = fields


class InstanceDetailSerializer(InstanceSerializer):
    """An EC2 instance with its history."""

    state_changes = StateChangeSerializer(many=True)

    class Meta(InstanceSerializer.Meta):
        fields = (*InstanceSerializer.Meta.fields, "state_changes")
        read_only_fields = fields


class VolumeSerializer(serializers.ModelSerializer[Volume]):
    """An EBS volume, as the last scan found it."""

    account = serializers.CharField(source="account.account_id")
    tags = TagsField()

    class Meta:
        model = Volume
        fields = (
            "volume_id",
            "account",
            "region",
            "volume_type",
            "state",
            "size_gib",
            "iops",
            "throughput_mibps",
            "encrypted",
            "availability_zone",
            "attached_to",
            "device",
            "created_at",
            "first_seen",
            "last_seen",
            "gone_at",
            "tags",
        )
        read_only_fields = fields


class CostSerializer(serializers.ModelSerializer[DailyCost]):
    """What one service cost in one region of one account on one UTC day."""

    account = serializers.CharField(source="account.account_id")
    amount = AmountField()

    class Meta:
        model = DailyCost
        fields = ("date", "account", "service", "region", "basis", "amount", "unit", "estimated", "source")
        read_only_fields = fields


class CpuSerializer(serializers.ModelSerializer[CpuMetric]):
    """The CPU load of one instance on one UTC day, in percent."""

    account = serializers.CharField(source="ec2.account.account_id")
    region = serializers.CharField(source="ec2.region")

    class Meta:
        model = CpuMetric
        fields = (
            "date",
            "instance_id",
            "account",
            "region",
            "average_cpu",
            "maximum_cpu",
            "samples",
            "coverage",
        )
        read_only_fields = fields


class FinishedSerializer(StartedSerializer):
    """A collection that has ended, whatever its end was."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    error = serializers.CharField(required=False, help_text="What failed and why, where something did.")
