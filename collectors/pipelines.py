"""The pipelines of collection: three sources, and the daily run that takes them one after the other."""

from datetime import timedelta

from collectors.services.costs import CostHandler
from collectors.services.cpu import CpuHandler
from collectors.services.inventory import InventoryHandler
from pipelines import registry
from pipelines.registry import Pipeline

SOURCES = ("ec2", "cost", "cpu")
DAILY = "daily"


def register() -> None:
    """Tell the ledger how each source is collected."""
    registry.register(Pipeline(name="ec2", handler=InventoryHandler))
    registry.register(Pipeline(name="cost", handler=CostHandler))
    registry.register(Pipeline(name="cpu", handler=CpuHandler))
    registry.register(
        Pipeline(
            name=DAILY,
            children=SOURCES,
            every=timedelta(hours=24),
            title="Collect EC2, costs and CPU",
        )
    )
