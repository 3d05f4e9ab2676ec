"""Sizing the pool: recorded loads against a fixed pool, the thresholds alone, and the automation.

The loads are those of `benchmarks.recorded`. The automation's parameters were chosen on those that have a
star; the others show whether they hold elsewhere.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict

from benchmarks import recorded
from core.errors import InvalidInputError
from dbops import simulation
from dbops.replaying import Automatic
from dbops.simulation import Fixed, Outcome, Policy, Reactive

POLICIES: dict[str, Callable[[], Policy]] = {
    "fixed": Fixed,
    "reactive": Reactive,
    "automatic": lambda: Automatic(simulation.LIMITS),
}
HEAD = ("trace", "policy", "peaks met", "saturated min", "idle conn-min", "events")
ROW = "{:<24}{:<11}{:>10}{:>15}{:>15}{:>8}\n"

Outcomes = dict[str, Outcome]


def measure() -> dict[str, float]:
    """Return what became of each trace under each policy, and print the table of it."""
    found: dict[str, Outcomes] = {}
    sys.stdout.write(ROW.format(*HEAD))
    try:
        for trace in recorded.given():
            found[trace.name] = {name: simulation.run(trace, make()) for name, make in POLICIES.items()}
            _show(trace.name, found[trace.name])
    except InvalidInputError as error:
        raise SystemExit(f"error: {error}") from error
    figures = {
        f"{name}_{policy}_{figure}": float(value)
        for name, outcomes in found.items()
        for policy, outcome in outcomes.items()
        for figure, value in asdict(outcome).items()
    }
    return figures | _together(list(found.values()))


def _show(name: str, outcomes: Outcomes) -> None:
    for policy, each in outcomes.items():
        met = f"{each.peaks_met}/{each.peaks}"
        figures = (each.saturated_minutes, each.idle_connection_minutes, each.scaling_events)
        sys.stdout.write(ROW.format(name + recorded.mark(name), policy, met, *figures))


def _together(outcomes: list[Outcomes]) -> dict[str, float]:
    """Compare the automation with the others over all traces: shares that are less, minutes that are more."""

    def total(policy: str, figure: str) -> int:
        return sum(getattr(each[policy], figure) for each in outcomes)

    def fewer(than: str, figure: str) -> float:
        before = total(than, figure)
        return round(1 - total("automatic", figure) / before, 3) if before else 0.0

    return {
        "fewer_saturated_minutes_than_reactive": fewer("reactive", "saturated_minutes"),
        "fewer_scaling_events_than_reactive": fewer("reactive", "scaling_events"),
        "fewer_idle_connection_minutes_than_fixed": fewer("fixed", "idle_connection_minutes"),
        "more_saturated_minutes_than_fixed": float(
            total("automatic", "saturated_minutes") - total("fixed", "saturated_minutes")
        ),
    }
