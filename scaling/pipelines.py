"""The autoscaler's pipeline in the ledger."""

from pipelines import registry
from pipelines.registry import Pipeline
from scaling.services import acting


def register() -> None:
    """Tell the ledger how decisions are carried out."""
    registry.register(Pipeline(name=acting.PIPELINE, handler=acting.ScaleHandler, conclude=acting.conclude))
