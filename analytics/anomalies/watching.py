"""The metrics of all instances: detectors are given what was measured since, and their alarms are kept.

Each hour, and each night with the costs. Two that do so at once give nothing twice: what detectors know is
kept only where what is kept is still what they began from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import F, Q

from analytics.anomalies import astray, states
from analytics.anomalies.astray import Alarm
from analytics.anomalies.detector import HOLD, THRESHOLD, Detector
from analytics.anomalies.deviations import NAMES
from analytics.anomalies.feedback import marked
from analytics.models import Anomaly, AnomalyKind, AnomalyState, DetectorState
from collectors import bulk
from collectors.aws.metrics import PERIOD_S
from collectors.models import Instance, MetricSample, MetricSeries
from collectors.samples.rollups import SCALES
from core.epoch import microseconds, moment
from pipelines.claims import Claim
from pipelines.registry import Counts

BATCH = 50
"""Series that are looked at together: of two weeks, the most that they are given at once, 10 MB."""

LEARNED = timedelta(days=14)
"""A series that was never looked at is learned from so much of its past, ..."""

NEWS = timedelta(days=2)
"""... of which those alarms are kept that are no older than this."""

YOUNG = timedelta(days=3)
"""In so many first days alarms are several times as many as later: they are not kept."""

REST = timedelta(seconds=HOLD * PERIOD_S)
"""An incident is over after so long without an alarm: for as long the detector raises no other."""

_PERIOD = timedelta(seconds=PERIOD_S)
_EPOCH_S = 946_684_800
_KINDS = ("int32", "int64", *("float64" for _ in SCALES))


def watch(claim: Claim, now: datetime) -> Counts:
    """Look at all that was measured and not looked at yet, batch by batch, and count it."""
    counts = Counts(series=0, points=0, alarms=0)
    said = marked(AnomalyKind.METRIC)
    last = 0
    while batch := _batch(last):
        last = batch[-1].pk
        looked = _looked(batch, now)
        with claim.writing():
            counts.update(_store(looked, now, said))
    with claim.writing():
        _end()
    return counts


def _batch(after: int) -> list[MetricSeries]:
    """Return the next series of which more was read than looked at."""
    unseen = Q(detectors=None) | Q(detectors__fed_through__lt=F("read_through") - _PERIOD)
    read = MetricSeries.objects.filter(
        unseen, pk__gt=after, instance__isnull=False, read_through__isnull=False
    )
    return list(read.select_related("detectors", "instance__account").order_by("pk")[:BATCH])


def _end() -> None:
    """End the incidents that had no alarm for a while, or whose instance is measured no more."""
    rested = Q(instance__metric_series__detectors__fed_through__gte=F("last_at") + REST)
    stopped = ~Q(instance__in=Instance.objects.running())
    Anomaly.objects.metrics().open().filter(rested | stopped).update(state=AnomalyState.ENDED)


# --- Looking ---------------------------------------------------------------------------------
class _Points(NamedTuple):
    """The samples of one series: microseconds since 2000, and a row for each metric, NaN where unknown."""

    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a series was given and what came of it; `before` is up to when it had been looked at."""

    instance: Instance
    before: datetime | None
    state: DetectorState
    points: int
    alarms: Sequence[Alarm]


def _looked(batch: Sequence[MetricSeries], now: datetime) -> list[_Looked]:
    points = _points(batch, now - LEARNED)
    return [_looked_at(each, points[each.pk], now) for each in batch if each.pk in points]


def _points(batch: Sequence[MetricSeries], oldest: datetime) -> dict[int, _Points]:
    """Return what each series measured since it was looked at, in order."""
    since = [max(filter(None, (_seen(each), oldest))) for each in batch]
    metrics = ", ".join(f"coalesce(s.{metric}, 'NaN') AS {metric}" for metric in SCALES)
    sql = f"""
        SELECT samples.* FROM unnest(%s::int[], %s::timestamptz[]) AS w (series_id, since)
        CROSS JOIN LATERAL (
            SELECT s.series_id, s.timestamp, {metrics} FROM {MetricSample._meta.db_table} s
            WHERE s.series_id = w.series_id AND s.timestamp > w.since AND s.timestamp > %s
            ORDER BY s.timestamp
        ) samples"""
    keys = bulk.array(each.pk for each in batch)
    series, times, *values = bulk.columns(sql, [keys, since, min(since)], _KINDS)
    if not len(series):
        return {}
    cuts = np.flatnonzero(np.diff(series)) + 1
    parts = map(_Points, np.split(times, cuts), np.split(np.array(values), cuts, axis=1))
    return dict(zip(series[[0, *cuts]].tolist(), parts, strict=True))


def _seen(series: MetricSeries) -> datetime | None:
    """Return the last moment that its detectors know of."""
    state: DetectorState | None = getattr(series, "detectors", None)
    return state.fed_through if state else None


def _looked_at(series: MetricSeries, points: _Points, now: datetime) -> _Looked:
    state: DetectorState | None = getattr(series, "detectors", None)
    detectors = states.unpacked(bytes(state.content)) if state else {}
    began_at = state.began_at if state else moment(points.times[0])
    news_us = microseconds(max(now - NEWS, began_at + YOUNG))
    alarms: list[Alarm] = []
    for metric, values in zip(SCALES, points.values, strict=True):
        if metric not in detectors and np.isnan(values).all():
            continue
        detector = detectors[metric] = detectors.get(metric) or Detector(PERIOD_S)
        scores, kinds = detector.judge(points.times / 1e6 + _EPOCH_S, values)
        for place in np.flatnonzero((scores >= THRESHOLD) & (points.times >= news_us)).tolist():
            at = moment(points.times[place])
            alarms.append(
                Alarm(
                    metric=metric,
                    at=at,
                    value=float(values[place]),
                    usual=_usual(series.pk, metric, at),
                    score=float(scores[place]),
                    kind=NAMES[kinds[place]],
                )
            )
    fed_through = moment(points.times[-1])
    return _Looked(
        instance=series.instance,  # type: ignore[arg-type]  # only series of instances are looked at
        before=_seen(series),
        state=DetectorState(
            series=series, began_at=began_at, fed_through=fed_through, content=states.packed(detectors)
        ),
        points=int(np.count_nonzero(~np.isnan(points.values))),
        alarms=sorted(alarms, key=lambda alarm: alarm.at),
    )


def _usual(series_id: int, metric: str, at: datetime) -> float | None:
    """Return the median of the day before; None where nothing was measured."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY {metric})
            FROM {MetricSample._meta.db_table} WHERE series_id = %s AND timestamp >= %s AND timestamp < %s""",
            [series_id, at - timedelta(days=1), at],
        )
        usual: float | None = cursor.fetchone()[0]
    return usual


# --- Keeping ---------------------------------------------------------------------------------
def _store(looked: Sequence[_Looked], now: datetime, said: Mapping[str, float]) -> Counts:
    """Keep what detectors know and found, of the series that nobody else has looked at meanwhile."""
    kept = list(_unchanged(looked))
    DetectorState.objects.bulk_create(
        [each.state for each in kept],
        update_conflicts=True,
        unique_fields=["series"],
        update_fields=["fed_through", "content"],
    )
    alarms = [(each.instance, alarm) for each in kept for alarm in each.alarms]
    for instance, alarm in alarms:
        astray.keep(instance, alarm, rest=REST, now=now, said=said)
    return Counts(series=len(kept), points=sum(each.points for each in kept), alarms=len(alarms))


def _unchanged(looked: Sequence[_Looked]) -> Iterator[_Looked]:
    keys = [each.state.series_id for each in looked]
    locked = MetricSeries.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True)
    there = set(locked.values_list("pk", flat=True))
    stored = dict(DetectorState.objects.filter(pk__in=keys).values_list("pk", "fed_through"))
    for each in looked:
        if each.state.series_id in there and stored.get(each.state.series_id) == each.before:
            yield each
