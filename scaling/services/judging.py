"""What the rules say of all monitored instances at once, and of which of them that is news."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from core.epoch import microseconds
from scaling import guard, rules, storage
from scaling.columns import METRICS, Samples
from scaling.guard import Limits, Ruling, State
from scaling.models import ManagedInstance, Source
from scaling.roster import MOCK_PERIOD_S, VERDICT_BYTES, Roster
from scaling.rules import Rule, Verdicts
from scaling.windows import Windows

Flags = npt.NDArray[np.bool_]

_UNLISTED = "unlisted"
_UNLISTED_HOLDS = f"{_UNLISTED}:hold"
_PUNCTUAL_PERIODS = 2
_LATE_S = 60


class Finding(Protocol):
    """What is found of one instance, by one version of its policy; 1 is up, -1 down, 0 neither.

    What does not act is recorded beside what is decided. `columns` are those of a decision that rules leave
    empty.
    """

    @property
    def instance(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def direction(self) -> int: ...
    @property
    def rule(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def simulated(self) -> bool: ...
    @property
    def period_s(self) -> float: ...
    @property
    def acts(self) -> bool: ...
    def reason(self, of: ManagedInstance) -> str: ...
    def current(self) -> dict[str, float | None]: ...
    def inputs(self) -> dict[str, Any]: ...
    def columns(self, of: ManagedInstance) -> dict[str, Any]: ...
    def ruled(self, state: State, policy: Limits, now: datetime) -> Ruling: ...


class Wisher(Protocol):
    """Who wishes beside the rules, of some of the instances."""

    def wish(self, roster: Roster, verdicts: Verdicts) -> Iterator["Finding"]: ...


class _OfRules:
    """What the rules alone say, and the guard rules on as it is."""

    __slots__ = ()
    acts: ClassVar[bool] = True

    def columns(self, of: ManagedInstance) -> dict[str, Any]:
        return {}

    def ruled(self: Finding, state: State, policy: Limits, now: datetime) -> Ruling:
        return guard.check(self.direction, state, policy, now)


@dataclass(frozen=True, slots=True)
class Judged(_OfRules):
    """One row of what the rules say; words and inputs are made for those that are stored."""

    instance: int
    version: int
    verdicts: Verdicts
    row: int

    @property
    def direction(self) -> int:
        return int(self.verdicts.direction[self.row])

    @property
    def rule(self) -> str:
        return self.verdicts.rule_name(self.row)

    @property
    def kind(self) -> str:
        return self.verdicts.kind(self.row)

    @property
    def simulated(self) -> bool:
        return bool(self.verdicts.simulated[self.row])

    @property
    def period_s(self) -> float:
        return float(self.verdicts.period_s[self.row])

    def reason(self, of: ManagedInstance) -> str:
        return self.verdicts.reason(self.row)

    def current(self) -> dict[str, float | None]:
        values = self.verdicts.current[:, self.row].tolist()
        return {name: None if np.isnan(value) else value for name, value in zip(METRICS, values, strict=True)}

    def inputs(self) -> dict[str, Any]:
        return self.verdicts.inputs(self.row)


@dataclass(frozen=True, slots=True)
class Unlisted(_OfRules):
    """A real instance that is monitored, and may not be any more."""

    instance: int
    version: int
    direction: int = 0
    rule: str = _UNLISTED
    kind: str = _UNLISTED_HOLDS
    simulated: bool = False
    period_s: float = 0.0

    def reason(self, of: ManagedInstance) -> str:
        listed = of.inventory
        if listed is None or listed.gone_at is not None or listed.region != of.region:
            return f"Not monitorable: {of.instance_id} is not in the collected inventory of {of.region}"
        return "Not monitorable: its owner needs the role viewer or operator, which an administrator can give"

    def current(self) -> dict[str, float | None]:
        return dict.fromkeys(METRICS)

    def inputs(self) -> dict[str, Any]:
        return {}


def news(roster: Roster, now: datetime, wisher: Wisher | None = None) -> Iterator[Finding]:
    """Yield whatever wants to act and might, and then what is not as it was at the last decision stored.

    Of those who act on a wish that takes the place of what the rules say; what has no effect comes after all
    that has.
    """
    may_be = roster.is_mock | roster.is_listed
    asides: list[Finding] = []
    holds = [_unlisted(roster.at(~may_be))]
    for rows, verdicts in _judged(roster.at(may_be), microseconds(now)):
        wishes = [] if wisher is None else list(wisher.wish(rows, verdicts))
        acting = [wish for wish in wishes if wish.acts]
        asides += (wish for wish in wishes if not wish.acts and wish.direction)
        is_news = (rows.verdict != _told(rows, verdicts)) & ~_may_be_late(verdicts)
        is_news &= ~np.isin(rows.instance, [wish.instance for wish in acting])
        yield from _found(rows, verdicts, is_news & (verdicts.direction != 0))
        yield from (wish for wish in acting if wish.direction)
        holds.append(_found(rows, verdicts, is_news & (verdicts.direction == 0)))
        holds.append(_held(rows, acting))
    yield from chain(asides, *holds)


def _held(roster: Roster, acting: list[Finding]) -> Iterator[Finding]:
    """Yield the wishes for no change where that is not what was told last."""
    told = dict(zip(roster.instance.tolist(), roster.verdict.tolist(), strict=True))
    return (wish for wish in acting if not wish.direction and told[wish.instance] != _padded(wish.kind))


def _found(roster: Roster, verdicts: Verdicts, wanted: Flags) -> Iterator[Finding]:
    for row in np.flatnonzero(wanted).tolist():
        yield Judged(int(roster.instance[row]), int(roster.version[row]), verdicts, row)


def _padded(kind: str) -> bytes:
    return kind.encode().ljust(VERDICT_BYTES)


def _by_rule(rest: str) -> npt.NDArray[np.bytes_]:
    """Return at the place of each rule what `last_verdict` says where that rule spoke."""
    return np.array([b"", *(_padded(f"{rule.name.lower()}:{rest}") for rule in sorted(Rule))])


_HOLDS = _by_rule("hold")
_WITHOUT_SAMPLES = np.array([_padded(""), _padded(_UNLISTED_HOLDS), _HOLDS[Rule.INSUFFICIENT]])
_AT_MOST, _AT_LEAST = _by_rule(f"up:{guard.MAX_LEVEL}"), _by_rule(f"down:{guard.MIN_LEVEL}")


def _told(roster: Roster, verdicts: Verdicts) -> npt.NDArray[np.bytes_]:
    """Return with which last verdict there is nothing to tell of each row; empty where there always is."""
    is_up, is_down = verdicts.direction > 0, verdicts.direction < 0
    told = np.where(is_up | is_down, b"", _HOLDS[verdicts.rule])
    told = np.where(is_up & (roster.level >= roster.highest), _AT_MOST[verdicts.rule], told)
    return np.where(is_down & (roster.level <= roster.lowest), _AT_LEAST[verdicts.rule], told)


def _may_be_late(verdicts: Verdicts) -> Flags:
    """Say what has been stale for so short a time that the next sample may yet arrive.

    CloudWatch's delay varies about the limit: each sample that is somewhat late would be told of twice.
    """
    limit_s = rules.stale_after_s(verdicts.period_s) + _LATE_S
    is_recent = verdicts.windows.newest_us() >= verdicts.now_us - limit_s * 1e6
    may_be: Flags = is_recent & (verdicts.rule == Rule.STALE)
    return may_be


def _unlisted(roster: Roster) -> Iterator[Finding]:
    is_news = roster.verdict != _padded(_UNLISTED_HOLDS)
    pairs = zip(roster.instance[is_news].tolist(), roster.version[is_news].tolist(), strict=True)
    return (Unlisted(instance, version) for instance, version in pairs)


def _judged(roster: Roster, now_us: int) -> Iterator[tuple[Roster, Verdicts]]:
    """Judge mocks that were measured in time by what they need; all others are read further back."""
    punctual_s = _PUNCTUAL_PERIODS * roster.period_s
    mocks = roster.at(roster.is_mock)
    samples = _read(mocks, now_us, punctual_s[roster.is_mock])
    is_done = roster.is_mock.copy()
    is_done[is_done] = _newest_us(samples, mocks) >= now_us - punctual_s[roster.is_mock] * 1e6
    yield from _verdicts(roster.at(is_done), samples, now_us)
    rest = roster.at(~is_done)
    yield from _verdicts(rest, _read(rest, now_us, rules.stale_after_s(rest.period_s)), now_us)


def _read(roster: Roster, now_us: int, oldest_s: npt.NDArray[np.float64]) -> Samples:
    """Read the windows that end with a sample of at most that age."""
    reach_s = rules.reach_s(roster.policies.window_s, roster.period_s)
    return storage.read(roster.instance, now_us - ((reach_s + oldest_s) * 1e6).astype(np.int64))


def _newest_us(samples: Samples, roster: Roster) -> npt.NDArray[np.int64]:
    first, stop = _range(samples, roster)
    newest = np.full(len(roster), np.iinfo(np.int64).min)
    newest[first < stop] = samples.time[stop[first < stop] - 1]
    return newest


def _range(samples: Samples, roster: Roster) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return (
        np.searchsorted(samples.instance, roster.instance, "left"),
        np.searchsorted(samples.instance, roster.instance, "right"),
    )


def _verdicts(roster: Roster, samples: Samples, now_us: int) -> Iterator[tuple[Roster, Verdicts]]:
    if not len(roster):
        return
    period_s = np.where(_is_simulated_alone(samples, roster), MOCK_PERIOD_S, roster.period_s)
    reach_us = (rules.reach_s(roster.policies.window_s, period_s) * 1e6).astype(np.int64)
    windows = Windows.of(samples, roster.instance, reach_us)
    yield roster, rules.evaluate(windows, roster.policies, now_us, period_s, _had_samples(roster))


def _had_samples(roster: Roster) -> Flags:
    """Say what was judged by its samples before, as the last verdict tells."""
    return ~np.isin(roster.verdict, _WITHOUT_SAMPLES)


def _is_simulated_alone(samples: Samples, roster: Roster) -> Flags:
    """Say which instances have samples, all of them simulated: nothing is published about these."""
    first, stop = _range(samples, roster)
    others = np.concatenate([[0], np.cumsum(samples.source != Source.SIMULATED)])
    is_alone: Flags = (first < stop) & (others[first] == others[stop])
    return is_alone
