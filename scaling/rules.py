"""The three tiers of the scaling rules, for all instances at once. Pure: the time is handed in.

In this order: stale or insufficient data holds; a sustained low load scales down; a sustained high one up;
else each metric whose newest value is outside its window's fences votes.
"""

import numpy as np
import numpy.typing as npt

from scaling.quartiles import Fences, Floats, fences
from scaling.verdicts import (
    CPU,
    MEMORY,
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


def evaluate(windows: Windows, policies: Policies, now_us: int, period_s: Floats) -> Verdicts:
    """Say of each window which rule speaks, and whether up, down or neither."""
    verdicts = _undecided(windows, policies, now_us, period_s)
    verdicts.rule[_is_insufficient(windows, policies)] = Rule.INSUFFICIENT
    verdicts.rule[_is_stale(windows, now_us, period_s)] = Rule.STALE
    for block in windows.blocks:
        _judge(block, verdicts)
    return verdicts


def outliers(windows: Windows, values: Floats) -> npt.NDArray[np.int16]:
    """Return the flags of one new sample a row, metrics x rows, against the window before it: see Samples."""
    flags = np.zeros(len(windows), np.int16)
    for block in windows.blocks:
        found = fences(block.values, block.outlier, np.full(len(block.rows), float(MIN_BASE)))
        new = values[:, block.rows]
        for metric in range(len(values)):
            flags[block.rows] |= (new[metric] > found.upper[metric]).astype(np.int16) << 2 * metric
            flags[block.rows] |= (new[metric] < found.lower[metric]).astype(np.int16) << 2 * metric + 1
    return flags


def _undecided(windows: Windows, policies: Policies, now_us: int, period_s: Floats) -> Verdicts:
    rows = len(windows)
    return Verdicts(
        windows=windows,
        policies=policies,
        period_s=period_s,
        now_us=now_us,
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


def _is_stale(windows: Windows, now_us: int, period_s: Floats) -> Flags:
    return ~windows.is_empty & (windows.newest_us() < now_us - stale_after_s(period_s) * 1e6)


def _judge(block: Block, verdicts: Verdicts) -> None:
    """Ask the tiers in their order; each decides of the rows that those before it left."""
    policies = verdicts.policies.at(block.rows)
    low_share, high_share = _shares(block, verdicts, policies)
    undecided = verdicts.rule[block.rows] == Rule.STEADY
    is_low = undecided & (low_share >= policies.share)
    is_hot = undecided & ~is_low & (high_share >= policies.share)
    _decide(verdicts, block.rows[is_low], Rule.SUSTAINED_DOWN, -1)
    _decide(verdicts, block.rows[is_hot], Rule.SUSTAINED_UP, 1)
    _vote(block, undecided & ~is_low & ~is_hot, verdicts)


def _shares(block: Block, verdicts: Verdicts, policies: Policies) -> tuple[Floats, Floats]:
    """Note which shares of all samples are low and hot. What is unknown is neither high nor low."""
    cpu, memory = block.values[CPU], block.values[MEMORY]
    is_low = (cpu < policies.cpu_low) & ~(memory >= policies.memory_low)
    is_hot = (cpu > policies.cpu_high) | (memory > policies.memory_high)
    size = verdicts.windows.stop[block.rows] - verdicts.windows.first[block.rows]
    low_share, high_share = is_low.sum(axis=0) / size, is_hot.sum(axis=0) / size
    verdicts.low_share[block.rows], verdicts.high_share[block.rows] = low_share, high_share
    return low_share, high_share


def _decide(verdicts: Verdicts, rows: npt.NDArray[np.intp], rule: Rule, direction: int) -> None:
    verdicts.rule[rows], verdicts.direction[rows] = rule, direction


def _vote(block: Block, left: Flags, verdicts: Verdicts) -> None:
    """Let the metrics of the rows that are left vote; up wins where both ways have enough votes."""
    rows = block.rows[left]
    if not len(rows):
        return
    values, outlier = (
        (block.values, block.outlier) if left.all() else (block.values[:, :, left], block.outlier[:, left])
    )
    found = fences(values, outlier, verdicts.policies.min_samples[rows])
    current = verdicts.current[:, rows]
    up, down = _weighed(current > found.upper), _weighed(current < found.lower)
    verdicts.fences.put(rows, found)
    verdicts.votes_up[rows], verdicts.votes_down[rows] = up, down
    _decide(verdicts, rows[down >= VOTES_NEEDED], Rule.IQR, -1)
    _decide(verdicts, rows[up >= VOTES_NEEDED], Rule.IQR, 1)


def _weighed(is_outside: Flags) -> npt.NDArray[np.int8]:
    return np.array(WEIGHTS, np.int8) @ is_outside.view(np.int8)
