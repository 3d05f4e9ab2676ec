"""By what the estate can be narrowed down."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from collectors.models import CloudAccount, CpuMetric, DailyCost, Instance, Volume
from core.filters import PeriodFilterSet, StableOrderingFilter, YesNoFilter


class AccountFilter(django_filters.FilterSet):
    """Keeps some of the accounts."""

    enabled = YesNoFilter()
    name = django_filters.CharFilter(lookup_expr="icontains", help_text="A part of the name.")
    ordering = StableOrderingFilter(fields=("account_id", "name", "created_at"))

    class Meta:
        model = CloudAccount
        fields = ()


class _ResourceFilter(django_filters.FilterSet):
    """What instances and volumes have in common."""

    account = django_filters.CharFilter(field_name="account__account_id", help_text="The 12 digits.")
    region = django_filters.CharFilter()
    state = django_filters.CharFilter()
    gone = YesNoFilter(
        field_name="gone_at", lookup_expr="isnull", exclude=True, help_text="false: what is still there."
    )
    tag = django_filters.CharFilter(method="with_tag", help_text="A tag's key, or key=value.")

    def with_tag(self, queryset: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Keep what has the tag, with that value if one is given."""
        key, given, wanted = value.partition("=")
        return queryset.filter(tags__contains={key: wanted}) if given else queryset.filter(tags__has_key=key)


class InstanceFilter(_ResourceFilter):
    """Keeps some of the EC2 instances."""

    instance_id = django_filters.CharFilter()
    instance_type = django_filters.CharFilter()
    lifecycle = django_filters.CharFilter(help_text="Such as spot.")
    name = django_filters.CharFilter(lookup_expr="icontains", help_text="A part of the name.")
    ordering = StableOrderingFilter(
        fields=("instance_id", "region", "instance_type", "state", "launched_at", "first_seen", "last_seen")
    )

    class Meta:
        model = Instance
        fields = ()


class VolumeFilter(_ResourceFilter):
    """Keeps some of the EBS volumes."""

    volume_id = django_filters.CharFilter()
    volume_type = django_filters.CharFilter()
    attached_to = django_filters.CharFilter(help_text="An instance's id.")
    encrypted = YesNoFilter()
    ordering = StableOrderingFilter(
        fields=("volume_id", "region", "volume_type", "state", "size_gib", "created_at", "first_seen")
    )

    class Meta:
        model = Volume
        fields = ()


class CostFilter(PeriodFilterSet):
    """Keeps some of the daily costs."""

    account = django_filters.CharFilter(field_name="account__account_id", help_text="The 12 digits.")
    service = django_filters.CharFilter()
    region = django_filters.CharFilter()
    source = django_filters.CharFilter(help_text="Whose figures: `explorer` or `files`.")
    basis = django_filters.CharFilter(help_text="Such as unblended.")
    unit = django_filters.CharFilter(help_text="The currency.")
    estimated = YesNoFilter()
    ordering = StableOrderingFilter(fields=("date", "service", "region", "amount"))

    class Meta:
        model = DailyCost
        fields = ()


class CpuFilter(PeriodFilterSet):
    """Keeps some of the daily CPU figures."""

    account = django_filters.CharFilter(field_name="ec2__account__account_id", help_text="The 12 digits.")
    region = django_filters.CharFilter(field_name="ec2__region")
    instance_id = django_filters.CharFilter()
    ordering = StableOrderingFilter(fields=("date", "instance_id", "average_cpu", "maximum_cpu", "coverage"))

    class Meta:
        model = CpuMetric
        fields = ()
