"""When sources are read, and of what time: arithmetic alone.

AWS's own points appear two to three minutes after their period, and a sample is stale three minutes after two
periods. So a source is read at the last tick before that, and what has not come by then once more at the
next one. What is published more often than every minute was sent by somebody, and is there sooner.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from collectors.aws.metricdata import Window
from collectors.aws.metrics import MOST_PERIODS
from collectors.services.metrics import OVERLAP

TICK = timedelta(seconds=30)
"""No source is asked more often."""
MINUTE = timedelta(minutes=1)
SETTLING = timedelta(seconds=150)
SETTLING_OF_SENT = timedelta(seconds=60)
FIRST_WINDOW = timedelta(hours=1)


def settling(period_s: int) -> timedelta:
    """Return how long after a period's end its point is waited for."""
    return SETTLING if period_s >= MINUTE.total_seconds() else SETTLING_OF_SENT


def next_reading(period_s: int, now: datetime) -> datetime:
    """Return when the source can have published again: a period's end later than now, and settled."""
    pace, wait = max(timedelta(seconds=period_s), TICK), settling(period_s)
    return _floor(now - wait, pace) + pace + wait


def second_try(period_s: int, window: Window) -> datetime:
    """Return when points are asked for again that were missing at the end of a window."""
    return window.end + settling(period_s) + TICK


def window_of(marks: Iterable[datetime | None], period_s: int, now: datetime) -> Window:
    """Return the window from the earliest of the marks, up to which instances were read, to what has settled.

    An instance that was never read is read an hour back. A window is never longer than one answer can hold,
    so that no reading costs more than another: from half an hour of points each 10 s, to 16 hours of those
    each five minutes. CloudWatch keeps all of them for longer, and so does METRIC_RETENTION_DAYS.
    """
    period = timedelta(seconds=period_s)
    end = _floor(now - settling(period_s), period)
    start = min(end - FIRST_WINDOW if mark is None else mark - OVERLAP for mark in marks)
    # CloudWatch rounds down to the minute where a window begins.
    grain = max(period, MINUTE)
    earliest = _floor(end - MOST_PERIODS * period + grain - timedelta(seconds=1), grain)
    return Window(max(_floor(start, grain), earliest), end)


def _floor(moment: datetime, span: timedelta) -> datetime:
    seconds = span.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)
