"""Charts of time series: what is drawn, and the table of the same figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

Figure = float | Decimal | None
"""None is unknown: a gap in the line, and "unknown" in the table."""

MOST_TABLE_ROWS = 400
"""So many of the latest moments are in the table."""


class Kind(StrEnum):
    """How a series is drawn."""

    LINE = "line"
    AREA = "area"
    BARS = "bars"
    DASHED = "dashed"
    POINTS = "points"
    LOW = "low"
    """The lower edge of a shaded band; the series after it is its HIGH."""
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Series:
    """A figure for each moment of the chart."""

    label: str
    values: Sequence[Figure]
    kind: Kind = Kind.LINE
    colour: int | None = None
    """1 to 6, of the theme's; None: the next one."""
    missing: str = "unknown"
    """What None is called; empty where another series has the figure."""
    is_bridged: bool = False
    """Whether a line leads over the moments without a figure."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment: a line across the chart, and a row below it."""

    at: datetime | date
    label: str
    tone: str = "info"
    """good, warn, bad or info."""
    name: str = ""
    """What stands at its line, in a letter or two."""
    href: str = ""
    """Where more is told of it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the chart, first and last moment included, that is shaded, and named in the table."""

    first: datetime | date
    last: datetime | date
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart and its table; `every_s` has it follow what happens, as the part `<id>-data` of its page."""

    id: str
    title: str
    at: Sequence[datetime | date]
    series: Sequence[Series]
    unit: str = ""
    """USD and other currencies are written as money; %, ms, B and others follow the number."""
    digits: int = 2
    marks: Sequence[Mark] = field(default_factory=tuple)
    spans: Sequence[Span] = field(default_factory=tuple)
    is_stacked: bool = False
    """Whether bars and areas stand on those before them."""
    every_s: int | None = None
    low: float | None = None
    high: float | None = None
    """Fixed ends of the vertical axis; None: as the figures need."""

    def __post_init__(self) -> None:
        if any(len(series.values) != len(self.at) for series in self.series):
            raise ValueError(f"Each series of {self.id} needs a figure, or None, for each moment.")

    @property
    def is_daily(self) -> bool:
        """Tell whether the moments are days."""
        return bool(self.at) and not isinstance(self.at[0], datetime)

    @property
    def part(self) -> str:
        """The id of the element with the figures, which a page's `parts` names where they are live."""
        return f"{self.id}-data"

    @property
    def name(self) -> str:
        """What the drawing is called by those who read it aloud."""
        drawn = ", ".join(each.label for each in self.series)
        unit = f" in {self.unit}" if self.unit else ""
        return f"{self.title}{unit}: {drawn}. The figures are in the table below."

    @property
    def drawn(self) -> dict[str, Any]:
        """What the script draws: JSON."""
        return {
            "at": [_seconds(moment) for moment in self.at],
            "daily": self.is_daily,
            "unit": self.unit,
            "digits": self.digits,
            "low": self.low,
            "high": self.high,
            "stacked": self.is_stacked,
            "series": [
                {
                    "label": each.label,
                    "kind": each.kind,
                    "colour": each.colour,
                    "missing": each.missing,
                    "bridged": each.is_bridged,
                    "values": [None if value is None else float(value) for value in each.values],
                }
                for each in self.series
            ],
            "marks": [
                {"at": _seconds(mark.at), "label": mark.label, "tone": mark.tone, "name": mark.name}
                for mark in self.marks
            ],
            "spans": [
                {"first": _seconds(span.first), "last": _seconds(span.last), "label": span.label}
                for span in self.spans
            ],
        }

    @property
    def rows(self) -> list[tuple[datetime | date, list[tuple[Series, Figure]]]]:
        """The table's rows, the latest first: what is drawn of each series."""
        latest = range(len(self.at) - 1, max(-1, len(self.at) - 1 - MOST_TABLE_ROWS), -1)
        return [(self.at[place], [(each, each.values[place]) for each in self.series]) for place in latest]

    def said_of(self, at: datetime | date) -> list[str]:
        """Return the names of the spans that a moment is in."""
        return [
            span.label for span in self.spans if _seconds(span.first) <= _seconds(at) <= _seconds(span.last)
        ]

    @property
    def left_out(self) -> int:
        """How many moments are drawn, and not in the table."""
        return max(0, len(self.at) - MOST_TABLE_ROWS)


def _seconds(moment: datetime | date) -> float:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), UTC)
    return moment.timestamp()
