"""The sink of alerts and reports, as others use it; what is told of them is in the modules beside it."""

from alerts.services.outbox import report
from alerts.services.sink import open, resolve  # noqa: A004 - the word for it

__all__ = ["open", "report", "resolve"]
