"""The autoscaler's pipeline in the ledger."""

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
    upkeep.register()
