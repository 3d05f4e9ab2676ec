"""Which pipelines exist; apps register theirs when Django starts."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from core.errors import InvalidInputError

if TYPE_CHECKING:
    from pipelines.claims import Claim

Counts = Counter[str]


def no_rows() -> Counts:
    """Return the counts of a step that wrote nothing."""
    return Counts(created=0, updated=0, unchanged=0)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A part of a run by its name; with `error`, one that is known beforehand to fail.

    What comes before the first slash of the name is what the step is about, such as an account; `refused`
    says that the error is the cloud's refusal of that.
    """

    name: str
    error: str = ""
    refused: bool = False


class Handler(Protocol):
    """Does the work of one claimed run."""

    def plan(self) -> Iterable[PlannedStep]:
        """Return the run's steps. Raises: CloudIntelError, which fails the run as a whole."""
        ...

    def execute(self, step: str) -> Counts:
        """Do one step and return what it counted. Raises: CloudIntelError, which fails that step alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What can be run: by a handler of its own, or as children one after the other."""

    name: str
    handler: "Callable[[Claim], Handler] | None" = None
    children: tuple[str, ...] = ()
    every: timedelta | None = None
    title: str = ""
    follows_collect_every: bool = False
    grace: timedelta = timedelta(hours=12)


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


def every() -> list[Pipeline]:
    """Return all pipelines."""
    return list(_pipelines.values())


def scheduled() -> list[Pipeline]:
    """Return the pipelines that run by themselves."""
    return [pipeline for pipeline in _pipelines.values() if pipeline.every is not None]
