"""The autoscaler's pipelines in the ledger."""

from datetime import timedelta

from pipelines import registry
from pipelines.registry import Pipeline
from scaling.services import acting, alarming, upkeep


def register() -> None:
    """Tell the ledger how decisions are carried out, and kept from piling up."""
    registry.register(
        Pipeline(
            name=alarming.PIPELINE, handler=acting.ScaleHandler, conclude=acting.conclude, queue="actions"
        )
    )
    registry.register(
        Pipeline(
            name=upkeep.PIPELINE,
            handler=upkeep.UpkeepHandler,
            every=timedelta(hours=24),
            title="Keep scaling decisions and their audit trail short",
        )
    )
