"""The pipelines of collection: three sources in a daily run, one after the other, and the hourly metrics."""

from datetime import timedelta

from collectors.services import metrics, partitions
from collectors.services.costs import CostHandler
from collectors.services.cpu import CpuHandler
from collectors.services.inventory import InventoryHandler, mark_gone
from collectors.services.metrics import MetricsHandler
from pipelines import registry
from pipelines.registry import Pipeline

SOURCES = ("ec2", "cost", "cpu")
DAILY = "daily"


def register() -> None:
    """Tell the ledger how each source is collected, and how partitions are kept."""
    registry.register(Pipeline(name="ec2", handler=InventoryHandler, conclude=mark_gone))
    registry.register(Pipeline(name="cost", handler=CostHandler))
    registry.register(Pipeline(name="cpu", handler=CpuHandler))
    registry.register(
        Pipeline(
            name=DAILY,
            children=SOURCES,
            every=timedelta(hours=24),
            title="Collect EC2, costs and CPU",
            follows_collect_every=True,
        )
    )
    registry.register(
        Pipeline(
            name=metrics.PIPELINE,
            handler=MetricsHandler,
            conclude=metrics.conclude,
            every=timedelta(hours=1),
            title="Collect metric samples",
        )
    )
    registry.register(
        Pipeline(
            name="partitions",
            handler=partitions.PartitionsHandler,
            every=timedelta(hours=6),
            title="Keep the partitions of metric samples",
        )
    )
    partitions.register_retention()
