"""The three tiers of the scaling rules, for all instances at once. Pure: the time is handed in.

In this order: stale or insufficient data holds; a sustained low load scales down; a sustained high one up;
else each metric whose newest value is outside its window's fences votes.
"""

import numpy as np
import numpy.typing as npt

from scaling.quartiles import Fences, Floats, fences, tally
from scaling.verdicts import (
    CPU,
    MEMORY,
    NETWORK_IN,
    VOTES_NEEDED,
    WEIGHTS,
    Policies,
    Rule,
    Verdicts,
    reach_s,
    stale_after_s,
)
from scaling.windows import Block, Windows

__all__ = ["Policies", "Rule", "Verdicts", "evaluate", "outliers", "reach_s", "stale_after_s"]

MIN_BASE = 4
"""Of so many values at least can be told what is usual, and what is an outlier."""

Flags = npt.NDArray[np.bool_]


def evaluate(
    windows: Windows, policies: Policies, now_us: int, period_s: Floats, had_samples: Flags | None = None
) -> Verdicts:
    """Say of each window which rule speaks, and whether up, down or neither.

    `had_samples` says of which instances there were samples once, too old to be among those handed in.
    """
    verdicts = _undecided(windows, policies, now_us, period_s, had_samples)
    verdicts.rule[_is_insufficient(windows, policies)] = Rule.INSUFFICIENT
    verdicts.rule[_is_stale(verdicts)] = Rule.STALE
    is_uneven = windows.is_uneven(period_s)
    for block in windows.blocks:
        _judge(block, is_uneven[block.at], verdicts)
    return verdicts


def outliers(windows: Windows, values: Floats) -> npt.NDArray[np.int16]:
    """Return the flags of one new sample a row, metrics x rows, against the window before it: see Samples."""
    flags = np.zeros(len(windows), np.int16)
    for block in windows.blocks:
        found = fences(block.values, block.outlier, np.full(len(block), float(MIN_BASE)))
        new = values[:, block.at]
        for metric in range(len(values)):
            flags[block.at] |= (new[metric] > found.upper[metric]).astype(np.int16) << 2 * metric
            flags[block.at] |= (new[metric] < found.lower[metric]).astype(np.int16) << 2 * metric + 1
    return flags


def _undecided(
    windows: Windows, policies: Policies, now_us: int, period_s: Floats, had_samples: Flags | None
) -> Verdicts:
    rows = len(windows)
    return Verdicts(
        windows=windows,
        policies=policies,
        period_s=period_s,
        now_us=now_us,
        had_samples=np.zeros(rows, np.bool_) if had_samples is None else had_samples,
        direction=np.zeros(rows, np.int8),
        rule=np.full(rows, Rule.STEADY, np.int8),
        current=windows.current(),
        low_share=np.full(rows, np.nan),
        high_share=np.full(rows, np.nan),
        fences=Fences.none(rows),
        votes_up=np.zeros(rows, np.int8),
        votes_down=np.zeros(rows, np.int8),
    )


def _is_insufficient(windows: Windows, policies: Policies) -> Flags:
    return (windows.known < policies.min_samples) | (windows.span_us < policies.min_span_s * 1e6)


def _is_stale(verdicts: Verdicts) -> Flags:
    is_some = ~verdicts.windows.is_empty | verdicts.had_samples
    is_old: Flags = verdicts.windows.newest_us() < verdicts.now_us - stale_after_s(verdicts.period_s) * 1e6
    return is_some & is_old


def _judge(block: Block, is_uneven: Flags, verdicts: Verdicts) -> None:
    """Ask the tiers in their order; each decides of the rows that those before it left."""
    at = block.at
    is_low, is_hot = _sustained(block, verdicts)
    is_open = verdicts.rule[at] == Rule.STEADY
    _decide(verdicts, block.rows[is_open & is_low], Rule.SUSTAINED_DOWN, -1)
    _decide(verdicts, block.rows[is_open & is_hot & ~is_low], Rule.SUSTAINED_UP, 1)
    is_open &= ~(is_low | is_hot)
    if is_open.any():
        _vote(block, is_open, is_uneven, verdicts)


def _sustained(block: Block, verdicts: Verdicts) -> tuple[Flags, Flags]:
    """Note which shares of all samples are low and hot, and say of which rows that is enough.

    What is unknown is neither high nor low; but memory takes no part in what is low where no sample knows it,
    or where some are simulated, which leave it out on purpose.
    """
    at, cpu, memory = block.at, block.values[:, CPU], block.values[:, MEMORY]
    policies = verdicts.policies.at(at)
    is_low = (cpu < policies.cpu_low) & ~(memory >= policies.memory_low)
    is_unknown = np.isnan(memory)
    is_low &= ~is_unknown | is_unknown.all(axis=0) | verdicts.simulated[at]
    is_hot = (cpu > policies.cpu_high) | (memory > policies.memory_high)
    size = verdicts.windows.stop[at] - verdicts.windows.first[at]
    low_share, high_share = tally(is_low) / size, tally(is_hot) / size
    verdicts.low_share[at], verdicts.high_share[at] = low_share, high_share
    return low_share >= policies.share, high_share >= policies.share


def _decide(verdicts: Verdicts, rows: npt.NDArray[np.intp], rule: Rule, direction: int) -> None:
    verdicts.rule[rows], verdicts.direction[rows] = rule, direction


def _vote(block: Block, is_open: Flags, is_uneven: Flags, verdicts: Verdicts) -> None:
    """Let the metrics of the rows that are open vote; up wins where both ways have enough votes.

    The network's are sums over a period: it abstains where the window has those of different periods.
    """
    found = fences(block.values, block.outlier, verdicts.policies.min_samples[block.at])
    if is_uneven.any():
        found.forget(slice(NETWORK_IN, None), is_uneven)
    current = block.values[-1]
    up, down = (_weighed(outside) * is_open for outside in (current > found.upper, current < found.lower))
    verdicts.fences.put(block.at, found)
    verdicts.votes_up[block.at], verdicts.votes_down[block.at] = up, down
    _decide(verdicts, block.rows[down >= VOTES_NEEDED], Rule.IQR, -1)
    _decide(verdicts, block.rows[up >= VOTES_NEEDED], Rule.IQR, 1)


def _weighed(is_outside: Flags) -> npt.NDArray[np.int8]:
    return np.array(WEIGHTS, np.int8) @ is_outside.view(np.int8)
