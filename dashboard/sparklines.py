"""Small lines of a metric, drawn by the server: a path for SVG, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 96, 24
_EDGE = 1.5
"""So much is left free above and below, or half the stroke would be cut off."""


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Values at equal distances, from `low` at the bottom to `high` at the top; None is a gap."""

    values: Sequence[float | None]
    low: float = 0.0
    high: float = 100.0

    @property
    def path(self) -> str:
        """Return the line as SVG's `d`: a stroke for each run of known values, a dot for a single one."""
        runs: list[list[str]] = [[]]
        for place, value in enumerate(self.values):
            if value is None:
                runs.append([])
            else:
                runs[-1].append(f"{self._x(place):.1f} {self._y(value):.1f}")
        return " ".join(f"M{' L'.join(run if len(run) > 1 else run * 2)}" for run in runs if run)

    def _x(self, place: int) -> float:
        return _EDGE + (WIDTH - 2 * _EDGE) * place / max(1, len(self.values) - 1)

    def _y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * min(1.0, max(0.0, share))
