"""The pipelines of collection: the daily ETL, what it consists of, backfills, and the hourly metrics."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from collectors.services import backfill, metrics, partitions
from collectors.services.costs import CostHandler
from collectors.services.cpu import CpuHandler
from collectors.services.inventory import InventoryHandler, mark_gone
from collectors.services.metrics import MetricsHandler
from pipelines import registry
from pipelines.params import DAILY, VALIDATION
from pipelines.registry import ETL_RETRY, Pipeline
from pipelines.slots import Cron

SOURCES = ("ec2", "cost", "cpu")
"""What is asked of AWS's services, in this order: CPU is asked for the instances that EC2 found."""

CHILDREN = (*SOURCES, "billing", VALIDATION)
"""What the daily ETL consists of, in this order."""

AT_HALF_PAST_FOUR = Cron("30 4 * * *", ZoneInfo("America/New_York"))


def register() -> None:
    """Tell the ledger how each source is collected, and how partitions are kept."""
    registry.register(Pipeline(name="ec2", handler=InventoryHandler, conclude=mark_gone))
    registry.register(Pipeline(name="cost", handler=CostHandler))
    registry.register(Pipeline(name="cpu", handler=CpuHandler))
    registry.register(
        Pipeline(
            name=DAILY,
            children=CHILDREN,
            cron=AT_HALF_PAST_FOUR,
            title="Collect EC2, costs and CPU",
            follows_collect_every=True,
            retry=ETL_RETRY,
        )
    )
    sources = tuple(child for child in CHILDREN if child != VALIDATION)
    registry.register(Pipeline(name=backfill.PIPELINE, children=sources, retry=ETL_RETRY))
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
