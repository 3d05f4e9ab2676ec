"""The charts of an instance's metrics: what was measured, what is foreseen, and what happened."""

from collections.abc import Sequence
from datetime import datetime

from analytics.models import Anomaly, LoadForecast
from dashboard.charts import Chart, Figure, Kind, Mark, Series
from dashboard.measured import DAY, HOUR, Grid, Measured, Span

TITLES = {
    "cpu": ("CPU", "%"),
    "memory": ("Memory", "%"),
    "network_in": ("Network in, a sample", "B"),
    "network_out": ("Network out, a sample", "B"),
}
"""What each metric is called, and its unit."""
_LONGEST_AHEAD = 4
"""What is foreseen is drawn ahead for the span's length divided by this, at most."""
_BAND = (("foreseen, low", "low", Kind.LOW), ("foreseen, high", "high", Kind.HIGH))


def chart_id(metric: str) -> str:
    return metric.replace("_", "-")


def chart(
    metric: str,
    found: Measured,
    span: Span,
    *,
    foreseen: LoadForecast | None = None,
    marks: Sequence[Mark] = (),
    every_s: int | None = None,
) -> Chart:
    """Draw one metric over the span, and as far ahead as it is foreseen where that ends with the present."""
    title, unit = TITLES[metric]
    coming = _coming(found.grid, span, foreseen)
    moments = [*found.grid.moments, *coming]
    return Chart(
        id=chart_id(metric),
        title=title,
        unit=unit,
        at=[each.date() for each in moments] if found.grid.step >= DAY else moments,
        series=[*_measured(metric, found, len(coming)), *_foreseen(foreseen, moments)],
        marks=sorted(marks, key=lambda mark: mark.at),
        low=0,
        high=100 if unit == "%" else None,
        every_s=every_s,
    )


def _measured(metric: str, found: Measured, ahead: int) -> list[Series]:
    absent: list[Figure] = [None] * ahead
    average = Series("average", [*found.average[metric], *absent], Kind.LINE, 1, missing="not measured")
    if found.grid.step < HOUR:
        return [average]
    return [average, Series("most", [*found.most[metric], *absent], Kind.LINE, 6, missing="not measured")]


def _foreseen(forecast: LoadForecast | None, moments: Sequence[datetime]) -> list[Series]:
    """Return the band that the load is foreseen to stay in, and its middle, where they reach the moments."""
    if forecast is None or not forecast.expected:
        return []
    places = [(moment - forecast.start) // HOUR for moment in moments]

    def at_moments(values: Sequence[float]) -> list[Figure]:
        return [values[place] if 0 <= place < len(values) else None for place in places]

    band = [
        Series(label, at_moments(getattr(forecast, bound)), kind, 2, missing="")
        for label, bound, kind in _BAND
    ]
    return [*band, Series("foreseen", at_moments(forecast.expected), Kind.DASHED, 2, missing="")]


def _coming(grid: Grid, span: Span, forecast: LoadForecast | None) -> list[datetime]:
    """Return the end of the grid, so that what just happened is drawn, and the hours foreseen."""
    if not span.follows or grid.step >= DAY:
        return []
    hours = [forecast.start + ahead * HOUR for ahead in range(len(forecast.expected))] if forecast else []
    last = span.end + span.length / _LONGEST_AHEAD
    return [grid.end, *(hour for hour in hours if grid.end < hour <= last)]


def anomaly_mark(anomaly: Anomaly) -> Mark:
    tone = "info" if anomaly.is_expected else "bad"
    return Mark(anomaly.first_at, "anomaly", tone, name="A", href=f"#anomaly-{anomaly.pk}")
