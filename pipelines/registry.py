"""Which pipelines exist; apps register theirs when Django starts."""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError
from pipelines.misfires import Misfire
from pipelines.slots import Cron

if TYPE_CHECKING:
    from pipelines.claims import Claim
    from pipelines.models import Run

Counts = Counter[str]
USUAL_QUEUE = "aws"


def no_rows() -> Counts:
    """Return the counts of a step that wrote nothing."""
    return Counts(created=0, updated=0, unchanged=0)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A part of a run by its name, which is unique in the run; with `error`, one that is known to fail.

    What comes before the first slash of the name is what the step is about, such as an account; steps that
    differ after the last slash alone are alike. The payload says, as JSON, what the name does not, and is
    gone once the step has succeeded; the inputs are what people are told that it begins from. `refused` says
    that the error is the cloud's refusal.
    """

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    refused: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)


class Handler(ABC):
    """Does the work of a run: a new one is made for each piece that a worker claimed."""

    def __init__(self, claim: "Claim") -> None:
        self._claim = claim

    @abstractmethod
    def plan(self) -> Iterable[PlannedStep]:
        """Return the run's first steps. Raises: CloudIntelError, which fails the run as a whole."""

    @abstractmethod
    def execute(self, step: PlannedStep) -> Counts:
        """Do one step, which may add others, and return what it counted.

        Raises: CloudIntelError, which fails that step alone: at once, or, where it is transient, after the
        pipeline's retries.
        """


@dataclass(frozen=True, slots=True)
class Retry:
    """How often work is tried again whose failure may pass, and after which pauses.

    A pause is twice the last one, `doublings` times at most, and up to half as long again by chance, so that
    what failed together does not come back together; it is never longer than `longest_s`. No retry is begun
    more than `within_s` after the first attempt.
    """

    times: int = 3
    first_s: float = 4.0
    longest_s: float = 60.0
    doublings: int | None = None
    within_s: float | None = None

    def pause_s(self, retries: int) -> float:
        """Return the pause after so many retries."""
        doubled = retries if self.doublings is None else min(retries, self.doublings)
        pause_s = self.first_s * 2.0**doubled
        return min(self.longest_s, pause_s * random.uniform(1.0, 1.5))  # noqa: S311 - it spreads the load, and hides nothing

    def next_pause_s(self, retries: int, *, spent_s: float) -> float | None:
        """Return the pause before the next retry; None where it was tried often or for long enough.

        `spent_s` is how long ago the first attempt began.
        """
        if retries >= self.times:
            return None
        pause_s = self.pause_s(retries)
        too_late = self.within_s is not None and spent_s + pause_s > self.within_s
        return None if too_late else pause_s


ETL_RETRY = Retry(times=3, first_s=30.0, doublings=4, longest_s=600.0, within_s=3600.0)
"""What the daily ETL and all its parts keep to: three retries after the first attempt, within an hour."""


def concludes_nothing(_run: "Run") -> Counts:
    """Do nothing at a run's end."""
    return Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What can be run: by a handler of its own, or as children one after the other.

    `conclude` does what can be done only once all steps have ended, in the transaction that ends the run,
    and returns what it counted. It runs by itself where it has `every` or `cron`; workers are told through
    `queue`. `retry` is for its children, too.
    """

    name: str
    handler: "Callable[[Claim], Handler] | None" = None
    conclude: "Callable[[Run], Counts]" = concludes_nothing
    children: tuple[str, ...] = ()
    every: timedelta | None = None
    cron: Cron | None = None
    title: str = ""
    follows_collect_every: bool = False
    grace: timedelta = timedelta(hours=12)
    retry: Retry = Retry()
    misfire: Misfire = Misfire.LATEST
    queue: str = USUAL_QUEUE


_pipelines: dict[str, Pipeline] = {}


def register(pipeline: Pipeline) -> None:
    """Make a pipeline known under its name."""
    _pipelines[pipeline.name] = pipeline


def get(name: str) -> Pipeline:
    """Return the pipeline. Raises: InvalidInputError naming those that exist."""
    try:
        return _pipelines[name]
    except KeyError:
        known = ", ".join(sorted(_pipelines))
        raise InvalidInputError(f"There is no pipeline {name!r}; the pipelines are {known}.") from None


def retry_of(run: "Run") -> Retry:
    """Return how often the work of a run is tried again: that of a part as its whole demands it.

    What somebody starts by itself, and may be waiting for, keeps to its own, shorter pauses.
    """
    return get((run.parent or run).pipeline).retry


def queue_of(name: str) -> str:
    """Return the queue of a pipeline; the usual one for what is not known any more."""
    return _pipelines[name].queue if name in _pipelines else USUAL_QUEUE


def queues() -> set[str]:
    """Return the queues through which workers are told, the usual one included."""
    return {USUAL_QUEUE, *(pipeline.queue for pipeline in _pipelines.values())}


def through(queue: str) -> list[str]:
    """Return the names of the pipelines that a queue carries."""
    return [pipeline.name for pipeline in _pipelines.values() if pipeline.queue == queue]


def elsewhere() -> list[str]:
    """Return the names of the pipelines that another queue than the usual one carries."""
    return [pipeline.name for pipeline in _pipelines.values() if pipeline.queue != USUAL_QUEUE]


def every() -> list[Pipeline]:
    """Return all pipelines."""
    return list(_pipelines.values())


def scheduled() -> list[Pipeline]:
    """Return the pipelines that run by themselves."""
    return [pipeline for pipeline in _pipelines.values() if pipeline.every or pipeline.cron]
