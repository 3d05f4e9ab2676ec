"""The thresholds of scaling, as shares of the pool (0 to 1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """At what utilisation the pool grows, shrinks, and grows to its maximum at once."""

    scale_up: float = 0.80
    scale_down: float = 0.30
    critical: float = 0.95
