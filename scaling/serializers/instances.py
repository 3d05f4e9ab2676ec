"""The shapes in which instances and policies are taken and shown."""

import re
from typing import Any

from rest_framework import serializers

from accounts.permissions import Role, has_role
from accounts.serializers import CompleteSerializer, TextField
from core.body import YesNoField
from core.moments import MomentField
from scaling.fields import ExactChoiceField, NumberField, WholeNumberField
from scaling.models import ManagedInstance, ScalingPolicy
from scaling.services import policies
from scaling.services.registration import obstacle

_EC2_ID = re.compile("i-([0-9a-f]{8}|[0-9a-f]{17})")
_EC2_REGION = re.compile("[a-z]{2}(-[a-z]+)+-[0-9]")
_MOCK_ID = re.compile("[A-Za-z0-9._:-]{1,64}")
_UNREACHABLE = ("simulate", "decisions", ".", "..")
"""Ids whose addresses lead elsewhere."""
_COLLECTED = ("account", "state", "gone_at")


# --- Instances -------------------------------------------------------------------------------
class InstanceRegistrationSerializer(CompleteSerializer):
    """An instance to register: one of EC2, or a mock, which exists here alone."""

    missing = "instance_id, instance_type, and region are required"
    instance_id = TextField(
        max_length=64,
        trim_whitespace=False,
        help_text="EC2's id, or for a mock up to 64 of A-Z a-z 0-9 . _ : -",
    )
    instance_type = TextField(max_length=40)
    region = TextField(max_length=30, help_text="Such as us-east-1; for a mock anything.")
    is_mock = YesNoField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold id and region against what EC2's look like. Raises: ValidationError."""
        wrong = _wrong_mock(attrs) if attrs["is_mock"] else _wrong_real(attrs)
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs


def _wrong_mock(attrs: dict[str, Any]) -> dict[str, str]:
    if not _MOCK_ID.fullmatch(attrs["instance_id"]):
        return {"instance_id": "A mock's id has 1 to 64 letters (A-Z, a-z), digits and . _ : - only."}
    if attrs["instance_id"] in _UNREACHABLE:
        return {"instance_id": f"{attrs['instance_id']!r} would have no address here; choose another id."}
    return {}


def _wrong_real(attrs: dict[str, Any]) -> dict[str, str]:
    wrong = {}
    if not _EC2_ID.fullmatch(attrs["instance_id"]):
        wrong["instance_id"] = (
            "An EC2 id is i- and 8 or 17 digits of 0-9 a-f, such as i-1234567890abcdef0; "
            "send is_mock true for a mock."
        )
    if not _EC2_REGION.fullmatch(attrs["region"]):
        wrong["region"] = "A region looks like us-east-1."
    return wrong


class RegisteredInstanceSerializer(serializers.ModelSerializer[ManagedInstance]):
    """An instance as its registration answers."""

    id = serializers.UUIDField(source="uuid")
    cpu_capacity = serializers.FloatField(
        source="capacity_percent", help_text="Percent of the first level's."
    )
    memory_capacity = serializers.FloatField(source="capacity_percent")
    network_capacity = serializers.FloatField(source="capacity_percent")
    current_scale_level = serializers.IntegerField(source="level")

    class Meta:
        model = ManagedInstance
        fields: tuple[str, ...] = (
            "id",
            "instance_id",
            "instance_type",
            "region",
            "is_monitoring",
            "is_mock",
            "cpu_capacity",
            "memory_capacity",
            "network_capacity",
            "current_scale_level",
        )
        read_only_fields: tuple[str, ...] = fields


class InstanceRegisteredSerializer(serializers.Serializer[Any]):
    """The answer to a registration."""

    message = serializers.CharField()
    instance = RegisteredInstanceSerializer()


class ManagedInstanceSerializer(RegisteredInstanceSerializer):
    """An instance among its owner's."""

    created_at = MomentField()

    class Meta(RegisteredInstanceSerializer.Meta):
        fields = (*RegisteredInstanceSerializer.Meta.fields, "created_at")
        read_only_fields = fields


class ManagedInstanceListSerializer(serializers.Serializer[Any]):
    """All of a user's instances, the newest first."""

    instances = ManagedInstanceSerializer(many=True)


class ManagedInstanceDetailSerializer(ManagedInstanceSerializer):
    """All that its owner may know about an instance.

    Anybody may register any id, so what was collected of it is for those who may read the estate.
    """

    mode = serializers.CharField(source="policy.mode", help_text="Who makes decisions come true.")
    policy_version = serializers.IntegerField(source="policy.version")
    level_is_simulated = serializers.BooleanField(
        help_text="Simulated samples had a part in the decision that led to this level."
    )
    last_action_at = MomentField(allow_null=True, help_text="Cooldowns begin here.")
    account = serializers.CharField(
        source="inventory.account.account_id",
        default=None,
        allow_null=True,
        help_text="The 12 digits; null to owners without a role, as are state and gone_at.",
    )
    state = serializers.CharField(
        source="inventory.state", default=None, allow_null=True, help_text="As it was last seen at AWS."
    )
    gone_at = MomentField(source="inventory.gone_at", default=None, allow_null=True)
    monitoring_obstacle = serializers.SerializerMethodField(
        help_text="What keeps it from being monitored, even where that was started; null: nothing."
    )

    class Meta(ManagedInstanceSerializer.Meta):
        fields = (
            *ManagedInstanceSerializer.Meta.fields,
            "mode",
            "policy_version",
            "level_is_simulated",
            "last_action_at",
            "account",
            "state",
            "gone_at",
            "monitoring_obstacle",
        )
        read_only_fields = fields

    def to_representation(self, instance: ManagedInstance) -> dict[str, Any]:
        """Show the instance, without what was collected of it to an owner who has no role."""
        shown = super().to_representation(instance)
        may_read = has_role(instance.owner, Role.VIEWER, Role.OPERATOR)
        return shown if may_read else shown | dict.fromkeys(_COLLECTED)

    def get_monitoring_obstacle(self, instance: ManagedInstance) -> str | None:
        """Say what stands in the way."""
        found = obstacle(instance)
        return None if found is None else str(found.detail)


class MessageSerializer(serializers.Serializer[Any]):
    """That something was done."""

    message = serializers.CharField()


# --- Policies --------------------------------------------------------------------------------
class PolicySerializer(serializers.ModelSerializer[ScalingPolicy]):
    """By which rules an instance is scaled, within which limits, and who carries it out.

    Any of the fields can be sent to change them; the two of a pair (low and high, least and most) are
    checked together with what is stored.
    """

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        **{
            kind: {
                serializers.FloatField: NumberField,
                serializers.IntegerField: WholeNumberField,
                serializers.BooleanField: YesNoField,
                serializers.CharField: TextField,
            }.get(field, field)
            for kind, field in serializers.ModelSerializer.serializer_field_mapping.items()
        },
    }
    serializer_choice_field = ExactChoiceField
    default_error_messages = {"invalid": "The body must be a JSON object, not {datatype}."}

    instance_id = serializers.CharField(source="instance.instance_id", read_only=True)
    updated_at = MomentField()
    updated_by = serializers.CharField(
        source="updated_by.email", default=None, read_only=True, allow_null=True
    )

    class Meta:
        model = ScalingPolicy
        fields = ("instance_id", "version", *policies.FIELDS, "updated_at", "updated_by")
        read_only_fields = ("version",)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what is not a policy's to change. Raises: ValidationError."""
        strange = self.initial_data.keys() - set(policies.FIELDS)
        if strange:
            known = ", ".join(policies.FIELDS)
            told = {name[:100]: f"This cannot be changed; what can is: {known}." for name in sorted(strange)}
            raise serializers.ValidationError(told)
        return attrs
