"""What is known of the estate: its accounts, instances, volumes, costs and load."""

from collectors.models.accounts import (
    AwsSpend,
    CloudAccount,
    CostSource,
    Purpose,
    new_external_id,
    validate_regions,
    validate_role_of,
)
from collectors.models.billing import (
    BillingCost,
    BillingFile,
    BillingManifest,
    FileState,
    Layout,
    QuarantinedLine,
    Reconciliation,
)
from collectors.models.costs import Basis, DailyCost, DailyCostQuerySet
from collectors.models.inventory import (
    CpuMetric,
    CpuMetricQuerySet,
    Instance,
    InstanceQuerySet,
    InstanceStateChange,
    Volume,
)
from collectors.models.metrics import (
    MemoryListing,
    MetricDay,
    MetricDayQuerySet,
    MetricHour,
    MetricRollup,
    MetricSample,
    MetricSeries,
)

__all__ = [
    "AwsSpend",
    "Basis",
    "BillingCost",
    "BillingFile",
    "BillingManifest",
    "CloudAccount",
    "CostSource",
    "CpuMetric",
    "CpuMetricQuerySet",
    "DailyCost",
    "DailyCostQuerySet",
    "FileState",
    "Instance",
    "InstanceQuerySet",
    "InstanceStateChange",
    "Layout",
    "MemoryListing",
    "MetricDay",
    "MetricDayQuerySet",
    "MetricHour",
    "MetricRollup",
    "MetricSample",
    "MetricSeries",
    "Purpose",
    "QuarantinedLine",
    "Reconciliation",
    "Volume",
    "new_external_id",
    "validate_regions",
    "validate_role_of",
]
