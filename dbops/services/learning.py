"""Learns from the observations: hours, patterns, thresholds, and what the next hour will ask for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Max, Min, OuterRef, Subquery

from dbops import adapting, anticipating, prediction
from dbops import patterns as learned
from dbops.anticipating import SHRINK_BY, SURGES_REACH, Guide
from dbops.models import LoadHour, Observation, PoolEvent, ThresholdChange
from dbops.models import Prediction as StoredPrediction
from dbops.patterns import Hour, Patterns, Profile
from dbops.prediction import SETTLED_HOURS, Forecast, Settled
from dbops.rolling import SURGE_REACH, Highest, Look, Roller, hours
from dbops.sizing import Limits
from dbops.thresholds import Thresholds

_HOUR = timedelta(hours=1)
_MINUTE_S = 60


# --- Hours -----------------------------------------------------------------------------------
def roll_up(now: datetime) -> int:
    """Learn from the complete hours since the last one that was learned from; return how many there were."""
    end = _hour_of(now)
    start = _first_unlearned()
    if start is None or start >= end:
        return 0
    found = [each for each in hours(_looks(start - SURGE_REACH, end)) if each.hour >= start]
    LoadHour.objects.bulk_create([_row(each) for each in found], ignore_conflicts=True)
    return len(found)


def _first_unlearned() -> datetime | None:
    last: datetime | None = LoadHour.objects.aggregate(last=Max("hour"))["last"]
    if last is not None:
        return last + _HOUR
    first: datetime | None = Observation.objects.with_pool().aggregate(first=Min("at"))["first"]
    return None if first is None else _hour_of(first)


def _looks(start: datetime, end: datetime) -> Iterator[Look]:
    """Yield what was observed in [start, end), in its order."""
    rows = Observation.objects.between(start, end).order_by("at")
    figures = rows.values_list("at", "active", "waiting", "utilization")
    for at, active, waiting, utilization in figures.iterator():
        # Empty where the pool did not answer.
        if active is not None and waiting is not None and utilization is not None:
            yield Look(_minute(at), active + waiting, utilization)


def _row(hour: Hour) -> LoadHour:
    return LoadHour(
        hour=hour.hour,
        samples=hour.samples,
        average_demand=hour.average_demand,
        peak_demand=hour.peak_demand,
        average_utilization=hour.average_utilization,
        peak_utilization=hour.peak_utilization,
        surge=hour.surge,
    )


def _known(now: datetime, reach: timedelta) -> list[Hour]:
    """Return the hours that were learned from and are not older than that, in their order."""
    rows = LoadHour.objects.filter(hour__gte=now - reach, hour__lt=now).order_by("hour")
    names = (
        "hour",
        "samples",
        "average_demand",
        "peak_demand",
        "average_utilization",
        "peak_utilization",
        "surge",
    )
    return [Hour(*figures) for figures in rows.values_list(*names)]


# --- Patterns and thresholds -----------------------------------------------------------------
def patterns(now: datetime) -> Patterns:
    """Return what is usual at which hour."""
    return learned.learn(_known(now, learned.REACH), now)


def thresholds() -> Thresholds:
    """Return the thresholds that hold at present."""
    last = ThresholdChange.objects.first()
    if last is None:
        return Thresholds()
    return Thresholds(last.scale_up_threshold, last.scale_down_threshold, last.critical_threshold)


def adapt(now: datetime) -> ThresholdChange | None:
    """Move the thresholds where the load calls for it, once an hour at most, whoever asks for it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('adapting thresholds', 0))")
        return _adapt(now)


def _adapt(now: datetime) -> ThresholdChange | None:
    if ThresholdChange.objects.filter(at__gt=now - _HOUR).exists():
        return None
    known = _known(now, adapting.HOURS_REACH)
    adapted = adapting.adapt(known, thresholds(), flapped=_flaps(now))
    if adapted is None:
        return None
    found = adapted.thresholds
    return ThresholdChange.objects.create(
        at=now,
        scale_up_threshold=found.scale_up,
        scale_down_threshold=found.scale_down,
        critical_threshold=found.critical,
        reason=adapted.reason,
    )


def _flaps(now: datetime) -> int:
    changes = PoolEvent.objects.filter(applied=True, timestamp__gt=now - adapting.FLAPS_REACH)
    rows = changes.order_by("timestamp", "pk").values_list("timestamp", "from_size", "to_size")
    return adapting.flaps((at, to_size - from_size) for at, from_size, to_size in rows)


# --- The next hour ---------------------------------------------------------------------------
def settle(now: datetime) -> int:
    """Put what hours did ask for beside what was predicted of them; return of how many."""
    actual = LoadHour.objects.filter(hour=OuterRef("hour"), hour__lte=now - _HOUR)
    open_ones = StoredPrediction.objects.filter(Exists(actual), actual_peak=None)
    return open_ones.update(actual_peak=Subquery(actual.values("peak_demand")[:1]))


def predict(now: datetime) -> Forecast:
    """Expect the next hour's peak; null with the reason where there is nothing to expect it from."""
    this_hour = _hour_of(now)
    profile = Profile.of(_known(now, learned.REACH), now=learned.epoch_hour(now))
    settled = _settled(now)
    confidence = prediction.confidence(settled)
    seen = Observation.objects.filter(at__gt=now - _HOUR, at__lte=now).with_pool().order_by("at")
    demands = [look.demand for look in _looks(now - _HOUR, now)]
    reason = prediction.too_early(profile) or ("" if demands else "Nothing was observed in the last hour.")
    last = seen.last()
    if reason or last is None:
        return Forecast(this_hour + _HOUR, None, None, None, confidence, reason)
    hour = learned.epoch_hour(now) + 1
    expected = prediction.expect(profile, max(demands), hour=hour, minute=now.minute, settled=settled)
    return Forecast(
        hour=this_hour + _HOUR,
        expected=expected,
        utilization=expected.demand / last.pool_size if last.pool_size else None,
        recommended_size=anticipating.size_for_expected(expected, thresholds(), limits()),
        confidence=confidence,
        reason=f"{expected.basis} {confidence.reason}",
    )


def remember(forecast: Forecast, now: datetime) -> StoredPrediction | None:
    """Store the prediction in the place of an earlier one of its hour, as long as that has not begun."""
    expected, size = forecast.expected, forecast.recommended_size
    if expected is None or size is None or now >= forecast.hour:
        return None
    stored, _ = StoredPrediction.objects.update_or_create(
        hour=forecast.hour,
        defaults={
            "made_at": now,
            "demand": expected.demand,
            "low": expected.low,
            "high": expected.high,
            "utilization": forecast.utilization or 0.0,
            "recommended_size": size,
            "confidence": forecast.confidence.share,
            "basis": expected.basis,
        },
    )
    return stored


def limits() -> Limits:
    """Return the limits that the settings give; what else the server allows the pool knows."""
    return Limits(
        minimum=settings.POOL_MIN_SIZE,
        maximum=settings.POOL_MAX_SIZE,
        step=settings.POOL_STEP,
        cooldown=timedelta(seconds=settings.POOL_COOLDOWN_S),
    )


def _settled(now: datetime) -> list[Settled]:
    """Return the predictions that were compared with what came, the oldest first."""
    over = StoredPrediction.objects.filter(hour__gte=now - SETTLED_HOURS * _HOUR, actual_peak__isnull=False)
    rows = over.order_by("hour").values_list("demand", "low", "high", "actual_peak")
    return [Settled(demand, low, high, actual or 0.0) for demand, low, high, actual in rows]


# --- The pool --------------------------------------------------------------------------------
def guide(now: datetime, demand: float, *, maximum: int) -> Guide | None:
    """Return what the pool has to have room for, `demand` being what is asked for now.

    None before the first hour was learned from.
    """
    known = LoadHour.objects.filter(hour__gte=now - SURGES_REACH, surge__isnull=False)
    surges = known.aggregate(largest=Max("surge"))["largest"]
    roller, lasting, seen = Roller(), Highest(SHRINK_BY), set[int]()
    minute = _minute(now)
    for look in (*_looks(now - SHRINK_BY, now), Look(minute, demand, 0.0)):
        roller.add(look)
        lasting.add(look.minute, look.demand)
        seen.add(look.minute)
    so_far = roller.so_far
    room = anticipating.room(
        surges or 0.0, (so_far.surge if so_far else None) or 0.0, hours=known.count(), maximum=maximum
    )
    if room is None:
        return None
    return Guide(
        recent=roller.recent.until(minute) or 0.0,
        lasting=lasting.until(minute) or 0.0,
        room=room,
        seen=len(seen),
        predicted_size=_predicted_size(now),
    )


def _predicted_size(now: datetime) -> int:
    """Return the larger of the sizes that are recommended for this hour and the next."""
    hour = _hour_of(now)
    near = StoredPrediction.objects.filter(hour__in=(hour, hour + _HOUR))
    return near.aggregate(size=Max("recommended_size"))["size"] or 0


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // _MINUTE_S
