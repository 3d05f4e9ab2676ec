"""How good what was collected is: checks that apps register, scores and reports, and who goes by them."""

from functools import partial
from zoneinfo import ZoneInfo

from pipelines import registry
from pipelines.params import VALIDATION
from pipelines.quality import handler, reports
from pipelines.quality.reports import latest
from pipelines.registry import Pipeline
from pipelines.slots import Cron

__all__ = ["latest", "register"]


def register() -> None:
    """Make the two pipelines known, the second of which runs by itself, and for how long reports are kept."""
    scoring = partial(
        Pipeline,
        handler=handler.QualityHandler,
        conclude=handler.conclude,
        queue="etl",
        retry=registry.ETL_RETRY,
    )
    monday = Cron("0 5 * * 1", ZoneInfo("America/New_York"))
    registry.register(scoring(name=VALIDATION, title="Score what was collected"))
    registry.register(scoring(name=handler.WEEKLY, title="Validate the last week", cron=monday))
    reports.register_retention()
