"""Steering groups of instances: recorded loads against the three tiers, two peers, and the predictive policy.

The loads are those of `benchmarks.recorded`, the simulation's rules those of `scaling.fleet`. Each way of
steering is played over a range of its knob, which makes a curve of cost and of minutes above the limit: the
busy share to strive for (of CPU, in percent, above which the tiers scale up, and at half of which down), or
what a minute is worth in unit-minutes. `at` marks the point of the defaults. Comparisons are made at equal
cost: with the dearest point of a curve that costs no more than Kubernetes' rule at 60 %.

The predictive policy's parameters were chosen on the loads that have a star.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple
from typing import Any

import numpy as np

from benchmarks import recorded
from core.errors import InvalidInputError
from dbops.simulation import Trace
from scaling import fleet
from scaling.capacity import desired_at
from scaling.fleet import PEAK_UNITS, Loads, Outcome, Steering
from scaling.peers import PodAutoscaler, TargetTracking
from scaling.predictive import WORTH
from scaling.steering import GROUP, Policy, Predictive, ThreeTiers

TARGETS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)
KNOBS: dict[str, tuple[float, ...]] = {
    "predictive": (12, 18, 26, 36, 50, 70, 95, 130, 180, 260, 400, 650, 1100, 2000, 4000, 8000),
    "three_tiers": (50, 60, 70, 80, 90),
    "hpa": TARGETS,
    "target_tracking": TARGETS,
}
DEFAULTS = {"predictive": WORTH, "three_tiers": 90, "hpa": 0.6, "target_tracking": 0.6}
START_LEVEL = 8
"""35 units; all others begin with `PEAK_UNITS`."""
TOGETHER, ABOUT_AS_LONG = 7, 0.7
HEAD = ("trace", "policy", "at", "above min", "inst-hours", "over", "events")
ROW = "{:<16}{:<17}{:>8}{:>11}{:>12}{:>9}{:>8}\n"
_DAY_MINUTES = 24 * 60

Curve = dict[float, Outcome]
Curves = dict[str, Curve]


def measure() -> dict[str, Any]:
    """Return the curves of each trace under each policy, and print the points of the defaults."""
    try:
        given = list(recorded.given())
    except InvalidInputError as error:
        raise SystemExit(f"error: {error}") from error
    found = {trace.name: curves for trace, curves in zip(given, _played(given), strict=True)}
    together = {policy: _summed([curves[policy] for curves in found.values()]) for policy in KNOBS}
    sys.stdout.write(ROW.format(*HEAD))
    for name, curves in (*found.items(), ("all", together)):
        _show(name + recorded.mark(name), curves)
    return {
        "traces": {name: _told(curves) for name, curves in found.items()},
        "all": _told(together),
        **_compared(together),
        "traces_better_at_equal_cost": sum(_is_better(curves) for curves in found.values()),
    }


def _played(given: list[Trace]) -> list[Curves]:
    """Return each load's curves."""
    demands = [units(trace) for trace in given]
    tasks = [(policy, part) for part in parts([len(each) for each in demands]) for policy in KNOBS]
    loads = [Loads.of(0, [demands[i] for i in part]) for _, part in tasks]
    found: list[Curves] = [{} for _ in given]
    with ProcessPoolExecutor() as pool:
        for (policy, part), curves in zip(tasks, pool.map(play, [p for p, _ in tasks], loads), strict=True):
            for i, curve in zip(part, curves, strict=True):
                found[i][policy] = curve
    return found


def parts(lengths: list[int]) -> list[list[int]]:
    """Return the places of what is played together: loads about as long as each other, the longest first."""
    found: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if found and len(found[-1]) < TOGETHER and lengths[i] > ABOUT_AS_LONG * lengths[found[-1][0]]:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def units(trace: Trace) -> fleet.Floats:
    """Return a load's demand by minutes of its days, NaN where there is none, its highest `PEAK_UNITS`."""
    minutes = trace.minutes - trace.minutes[0] // _DAY_MINUTES * _DAY_MINUTES
    found = np.full(int(minutes[-1]) + 1, np.nan)
    found[minutes] = trace.demand / trace.demand.max() * PEAK_UNITS
    return found


def play(policy: str, loads: Loads) -> list[Curve]:
    """Return each series' curve."""
    knobs, series = KNOBS[policy], loads.demand.shape[1]
    start = desired_at(GROUP.base, START_LEVEL) if policy == "three_tiers" else PEAK_UNITS
    outcomes = fleet.run(
        loads, steering(policy, knobs, series), start=np.full(len(knobs) * series, float(start))
    )
    return [dict(zip(knobs, outcomes[place::series], strict=True)) for place in range(series)]


def steering(policy: str, knobs: tuple[float, ...], series: int) -> Steering:
    """Return the policy for a group of each series at each knob."""
    each = np.repeat(np.array(knobs, np.float64), series)
    if policy == "three_tiers":
        return ThreeTiers([_tiers(high) for high in each.tolist()], level=START_LEVEL)
    if policy == "predictive":
        return Predictive(each, series)
    return PodAutoscaler(each) if policy == "hpa" else TargetTracking(each)


def _tiers(high: float) -> Policy:
    return Policy() if high == DEFAULTS["three_tiers"] else Policy(cpu_high=high, cpu_low=high / 2)


def _summed(curves: list[Curve]) -> Curve:
    return {
        knob: Outcome(
            *(sum(column) for column in zip(*(astuple(each[knob]) for each in curves), strict=True))
        )
        for knob in curves[0]
    }


def _show(name: str, curves: Curves) -> None:
    for policy, curve in curves.items():
        _show_point(name, policy, DEFAULTS[policy], curve)
    knob = _equal_in_cost(curves)
    if knob is not None:
        _show_point(name, "at equal cost", knob, curves["predictive"])


def _show_point(name: str, policy: str, knob: float, curve: Curve) -> None:
    each = curve[knob]
    hours = (round(each.instance_hours), round(each.over_instance_hours))
    sys.stdout.write(ROW.format(name, policy, f"{knob:g}", each.minutes_above, *hours, each.events))


def _told(curves: Curves) -> dict[str, Any]:
    """Return the outcome with each policy's default, with its curve; and the one at equal cost."""
    told: dict[str, Any] = {
        policy: asdict(curve[DEFAULTS[policy]])
        | {"curve": [{"at": knob, **asdict(outcome)} for knob, outcome in curve.items()]}
        for policy, curve in curves.items()
    }
    knob = _equal_in_cost(curves)
    told["predictive_at_equal_cost"] = (
        None if knob is None else {"at": knob, **asdict(curves["predictive"][knob])}
    )
    told["better_at_equal_cost"] = _is_better(curves)
    return told


def _reference(curves: Curves) -> Outcome:
    return curves["hpa"][DEFAULTS["hpa"]]


def _equal_in_cost(curves: Curves) -> float | None:
    """Return the dearest point of the predictive policy that costs no more than HPA; None if none."""
    most = _reference(curves).instance_hours
    costs = {knob: each.instance_hours for knob, each in curves["predictive"].items()}
    return max((knob for knob in costs if costs[knob] <= most), key=costs.__getitem__, default=None)


def _compared(curves: Curves) -> dict[str, float]:
    """Compare at equal cost: shares that are less."""
    knob, peer = _equal_in_cost(curves), _reference(curves)
    if knob is None:
        return {}
    ours = curves["predictive"][knob]
    return {
        "worth_at_equal_cost": knob,
        "fewer_minutes_above_than_hpa": _fewer(ours.minutes_above, peer.minutes_above),
        "fewer_events_than_hpa": _fewer(ours.events, peer.events),
        "fewer_instance_hours_than_hpa": _fewer(ours.instance_hours, peer.instance_hours),
    }


def _fewer(ours: float, theirs: float) -> float:
    return round(1 - ours / theirs, 3) if theirs else 0.0


def _is_better(curves: Curves) -> bool:
    """Say whether a trace alone has 30 % fewer minutes above the limit and half the events, at equal cost."""
    knob, peer = _equal_in_cost(curves), _reference(curves)
    if knob is None:
        return False
    ours = curves["predictive"][knob]
    return ours.minutes_above <= 0.7 * peer.minutes_above and ours.events <= 0.5 * peer.events
