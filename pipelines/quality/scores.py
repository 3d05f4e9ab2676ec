"""The arithmetic of quality: what checks found, added up to scores from 0 to 100. Pure.

A check looks at slots: what is there or ought to be. Its score is the share of those that are well. A data
set's score in a dimension is the mean of its checks', and the score of all data the mean of the data sets',
so that ten thousand instances do not hide five accounts. What cannot be computed is unknown, and takes no
part in a mean.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

DIMENSIONS = ("completeness", "timeliness", "validity", "uniqueness", "consistency")
WEIGHTS = {
    "completeness": 0.30,
    "timeliness": 0.20,
    "validity": 0.20,
    "uniqueness": 0.10,
    "consistency": 0.20,
}
DATASETS = ("inventory", "costs", "cpu", "samples")
MOST_FAILURES = 200

_LEAST_KNOWN = 0.5
_ROUNDING = 1e-9
_NO_CHECK = "No check looks at this."
_NOTHING = "There was nothing to look at."


@dataclass(frozen=True, slots=True)
class Failure:
    """A slot that is not well: what it is about, and what is wrong with it."""

    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: how many slots it looked at, and how many of them are not well.

    A row that failed may stand for several slots: of `rows` such rows, `failures` are the first. Without any
    slot the result is unknown, and `unknown` may say why.
    """

    of: int
    bad: int = 0
    rows: int = 0
    failures: tuple[Failure, ...] = ()
    unknown: str = ""

    @classmethod
    def cannot_tell(cls, reason: str) -> "Finding":
        """Return that the check could not be made."""
        return cls(0, unknown=reason)

    @property
    def score(self) -> float | None:
        """The share of slots that are well, in percent; None where that is unknown."""
        return 100.0 * (self.of - self.bad) / self.of if self.of and not self.unknown else None

    @property
    def why_unknown(self) -> str:
        """Say why there is no score; empty where there is one."""
        return "" if self.score is not None else self.unknown or _NOTHING


@dataclass(frozen=True, slots=True)
class Result:
    """A check by its name, what of which data sets it is about, and what it found."""

    check: str
    dimension: str
    datasets: Sequence[str]
    finding: Finding


@dataclass(frozen=True, slots=True)
class Card:
    """The scores by dimension and their weighted mean, None where unknown, and why they are."""

    scores: Mapping[str, float | None]
    total: float | None
    unknown: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the scores and the total beside each other, and the reasons."""
        return {**self.scores, "total": self.total, "unknown": dict(self.unknown)}


@dataclass(frozen=True, slots=True)
class Report:
    """The scores of all data and of each data set, and the slots that are not well."""

    overall: Card
    datasets: Mapping[str, Card]
    failures: Sequence[dict[str, str]]
    failed: Mapping[str, int]
    """How many rows of each data set failed, named or not."""


def report(results: Sequence[Result]) -> Report:
    """Add up what checks found."""
    cards = {name: _card_of([each for each in results if name in each.datasets]) for name in DATASETS}
    failed = dict.fromkeys(DATASETS, 0)
    for result in results:
        failed[result.datasets[0]] += result.finding.rows
    return Report(_overall(cards), cards, _failures(results), failed)


def total(scores: Mapping[str, float | None]) -> float | None:
    """Return the weighted mean of the known scores; None where they have less than half of the weight."""
    known = {name: score for name, score in scores.items() if score is not None}
    weight = sum(WEIGHTS[name] for name in known)
    if weight < _LEAST_KNOWN - _ROUNDING:
        return None
    return _rounded(sum(WEIGHTS[name] * score for name, score in known.items()) / weight)


def _card_of(results: Sequence[Result]) -> Card:
    scores: dict[str, float | None] = {}
    unknown: dict[str, str] = {}
    for dimension in DIMENSIONS:
        findings = [each.finding for each in results if each.dimension == dimension]
        scores[dimension] = _mean(each.score for each in findings)
        if scores[dimension] is None:
            unknown[dimension] = " ".join(dict.fromkeys(each.why_unknown for each in findings)) or _NO_CHECK
    return _card(scores, unknown)


def _overall(cards: Mapping[str, Card]) -> Card:
    scores = {name: _mean(card.scores[name] for card in cards.values()) for name in DIMENSIONS}
    unknown = {
        dimension: " ".join(f"{name}: {card.unknown[dimension]}" for name, card in cards.items())
        for dimension, score in scores.items()
        if score is None
    }
    return _card(scores, unknown)


def _card(scores: Mapping[str, float | None], unknown: dict[str, str]) -> Card:
    together = total(scores)
    if together is None:
        known = ", ".join(name for name, score in scores.items() if score is not None) or "nothing"
        unknown = {**unknown, "total": f"Less than half of the weight is known: {known}."}
    return Card(scores, together, unknown)


def _mean(scores: Iterable[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return _rounded(sum(known) / len(known)) if known else None


def _rounded(score: float) -> float:
    """Return the score with two digits, but never a whole 100 for what is not: one failure shows."""
    rounded = round(score, 2)
    return min(rounded, 99.99) if score < 100 - _ROUNDING else rounded


def _failures(results: Sequence[Result]) -> list[dict[str, str]]:
    """Name the first slots that are not well, of each check in turn: none fills the list alone."""
    named = [
        [
            {"check": each.check, "dataset": each.datasets[0], "subject": one.subject, "detail": one.detail}
            for one in each.finding.failures
        ]
        for each in results
    ]
    in_turn = chain.from_iterable(zip_longest(*named))
    kept = [failure for failure in in_turn if failure is not None][:MOST_FAILURES]
    order = {each.check: place for place, each in enumerate(results)}
    return sorted(kept, key=lambda failure: order[failure["check"]])
