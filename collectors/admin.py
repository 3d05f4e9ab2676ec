"""The estate in the admin: accounts to edit, what was collected from them to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

import collectors.billing.admin  # noqa: F401 - its pages register themselves
from accounts.permissions import Role, asking, has_role
from collectors.models import (
    AwsSpend,
    CloudAccount,
    CpuMetric,
    DailyCost,
    Instance,
    InstanceStateChange,
    Volume,
)
from collectors.services import pricing
from core.admin import Admin, EmptyFilter, ReadOnlyAdmin, ReadOnlyInline, link_to
from pipelines.admin import start_and_tell
from pipelines.params import DAILY


@admin.register(CloudAccount)
class CloudAccountAdmin(Admin):
    """The accounts, and the buttons that collect from them at once."""

    list_display = ("account_id", "name", "role_arn", "region_names", "cost_source", "enabled", "created_at")
    list_filter = ("enabled", "cost_source")
    search_fields = ("account_id", "name", "role_arn")
    fields = (
        "account_id",
        "name",
        "role_arn",
        "external_id",
        "actor_role_arn",
        "regions",
        "cost_source",
        "enabled",
        "next_collection",
        "created_at",
    )
    actions = ("sync_all", "sync_ec2", "sync_cost", "sync_cpu", "sync_billing")

    def get_readonly_fields(self, _request: HttpRequest, found: Any = None) -> tuple[str, ...]:
        """Let an account's id be chosen once."""
        fixed = ("external_id", "next_collection", "created_at")
        return (*fixed, "account_id") if found else fixed

    @admin.display(description="regions")
    def region_names(self, account: CloudAccount) -> str:
        return ", ".join(account.regions) or "all enabled"

    @admin.display(description="price of the next collection")
    def next_collection(self, account: CloudAccount) -> str:
        if not account.account_id:
            return "-"
        usd = pricing.quote(account).usd
        return "unknown until the inventory has been collected" if usd is None else f"${usd:f}"

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return has_role(asking(request), Role.OPERATOR)

    @admin.action(description="Sync everything now, in all enabled accounts", permissions=["sync"])
    def sync_all(self, request: HttpRequest, _chosen: QuerySet[CloudAccount]) -> None:
        start_and_tell(request, DAILY)

    @admin.action(description="Sync EC2 now, in all enabled accounts", permissions=["sync"])
    def sync_ec2(self, request: HttpRequest, _chosen: QuerySet[CloudAccount]) -> None:
        start_and_tell(request, "ec2")

    @admin.action(description="Sync costs now, in all enabled accounts", permissions=["sync"])
    def sync_cost(self, request: HttpRequest, _chosen: QuerySet[CloudAccount]) -> None:
        start_and_tell(request, "cost")

    @admin.action(description="Sync CPU now, in all enabled accounts", permissions=["sync"])
    def sync_cpu(self, request: HttpRequest, _chosen: QuerySet[CloudAccount]) -> None:
        start_and_tell(request, "cpu")

    @admin.action(description="Read new billing files now", permissions=["sync"])
    def sync_billing(self, request: HttpRequest, _chosen: QuerySet[CloudAccount]) -> None:
        start_and_tell(request, "billing")


@admin.register(AwsSpend)
class AwsSpendAdmin(ReadOnlyAdmin):
    """What CloudIntel's own calls cost."""

    list_display = ("date", "account", "purpose", "amount_usd")
    list_filter = ("account", "purpose")
    list_select_related = ("account",)
    date_hierarchy = "date"


class StateChangeInline(ReadOnlyInline):
    """The history of an instance."""

    model = InstanceStateChange
    fields = ("observed_at", "from_state", "to_state")
    show_change_link = False


class GoneFilter(EmptyFilter):
    """Tells what is gone from what is still there."""

    title = "presence"
    parameter_name = "gone"
    field = "gone_at"
    names = ("still there", "gone")


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    """The EC2 instances, those that are gone included."""

    list_display = (
        "instance_id",
        "name",
        "state",
        "instance_type",
        "account",
        "region",
        "last_seen",
        "gone_at",
    )
    list_filter = ("state", "account", "region", GoneFilter, "instance_type")
    list_select_related = ("account",)
    search_fields = ("instance_id", "name", "private_ip", "public_ip")
    date_hierarchy = "launched_at"
    inlines = (StateChangeInline,)


@admin.register(InstanceStateChange)
class InstanceStateChangeAdmin(ReadOnlyAdmin):
    """When instances were started, stopped and terminated, over all of them."""

    list_display = ("observed_at", "instance", "from_state", "to_state")
    list_filter = ("to_state", "instance__region")
    list_select_related = ("instance",)
    date_hierarchy = "observed_at"
    search_fields = ("=instance__instance_id",)
    show_full_result_count = False


@admin.register(Volume)
class VolumeAdmin(ReadOnlyAdmin):
    """The EBS volumes, those that are gone included."""

    list_display = (
        "volume_id",
        "account",
        "region",
        "volume_type",
        "size_gib",
        "state",
        "attached_to",
        "encrypted",
        "last_seen",
        "gone_at",
    )
    list_filter = (
        "state",
        "account",
        "region",
        "volume_type",
        "encrypted",
        GoneFilter,
    )
    list_select_related = ("account",)
    search_fields = ("volume_id", "attached_to")
    date_hierarchy = "created_at"


@admin.register(DailyCost)
class DailyCostAdmin(ReadOnlyAdmin):
    """The bill, by day, service and region."""

    list_display = ("date", "account", "service", "region", "amount", "unit", "source", "basis", "estimated")
    list_filter = ("account", "estimated", "region", "unit", "source", "basis")
    list_select_related = ("account",)
    search_fields = ("service",)
    date_hierarchy = "date"
    ordering = ("-date", "account_id", "service", "region")


@admin.register(CpuMetric)
class CpuMetricAdmin(ReadOnlyAdmin):
    """The CPU load, by day and instance."""

    list_display = (
        "date",
        "instance",
        "account",
        "region",
        "average_cpu",
        "maximum_cpu",
        "samples",
        "coverage",
    )
    list_filter = ("ec2__account", "ec2__region")
    list_select_related = ("ec2__account",)
    search_fields = ("instance_id",)
    date_hierarchy = "date"
    ordering = ("-date", "ec2_id")

    @admin.display(description="instance", ordering="instance_id")
    def instance(self, day: CpuMetric) -> SafeString:
        return link_to(day.ec2)

    @admin.display(description="account")
    def account(self, day: CpuMetric) -> str:
        return str(day.ec2.account)

    @admin.display(description="region")
    def region(self, day: CpuMetric) -> str:
        return day.ec2.region
