"""Which checks of quality there are; apps register theirs when Django starts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipelines.quality.scores import Finding
from pipelines.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question about the data of some days: `find` answers it at a moment.

    `dimension` is one of scores.DIMENSIONS, `datasets` are some of scores.DATASETS: what fails is filed
    under the first of them.
    """

    name: str
    title: str
    dimension: str
    datasets: tuple[str, ...]
    find: Callable[[Window, datetime], Finding]


_checks: dict[str, Check] = {}


def register(check: Check) -> None:
    """Make a check known under its name."""
    _checks[check.name] = check


def every() -> dict[str, Check]:
    """Return all checks by name, in the order in which they were registered."""
    return dict(_checks)
