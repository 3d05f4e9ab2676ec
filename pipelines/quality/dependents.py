"""What refuses to work with data that are not good enough; apps register theirs when Django starts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.models import QualityReport
from pipelines.quality import reports


@dataclass(frozen=True, slots=True)
class Dependent:
    """Something that needs data of a least quality: of the first of the data sets whose quality is known."""

    name: str
    datasets: tuple[str, ...]
    minimum: Callable[[], float]

    def refusal(self, now: datetime) -> str:
        """Say why it refuses to work; empty where it does not."""
        return reports.refusal(self.datasets, self.minimum(), now)

    def dataset(self, report: QualityReport) -> str:
        """Return the data set that decides."""
        known = (name for name in self.datasets if reports.total_of(report, name) is not None)
        return next(known, self.datasets[0])


_dependents: dict[str, Dependent] = {}


def register(dependent: Dependent) -> None:
    """Make something known under its name."""
    _dependents[dependent.name] = dependent


def of(report: QualityReport, now: datetime) -> list[dict[str, Any]]:
    """Return what depends on the latest report, and whether it refuses to work and why."""
    return [
        {
            "name": each.name,
            "dataset": each.dataset(report),
            "minimum": each.minimum(),
            "refuses": bool(reason := each.refusal(now)),
            "reason": reason,
        }
        for each in _dependents.values()
    ]
