"""Loads that are only said to be there, for seeing what the autoscaler would do about them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import transaction
from django.utils import timezone

from core.epoch import microseconds
from scaling.columns import METRICS, Samples
from scaling.models import ManagedInstance, Source
from scaling.services import arrivals, registration


@dataclass(frozen=True, slots=True)
class Load:
    """What is said to be measured: percent for CPU and memory, bytes for the network; None is unknown."""

    cpu: float
    memory: float | None = None
    network_in: float | None = None
    network_out: float | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """How long a load lasts, and how often it is measured."""

    duration: timedelta
    interval: timedelta

    @property
    def points(self) -> int:
        return self.duration // self.interval


def at_once(instance: ManagedInstance, load: Load) -> datetime:
    """Store the load as measured now, which is returned. Raises: UnknownInstanceError when it is deleted."""
    with transaction.atomic():
        current = registration.locked(instance)
        now = timezone.now()
        arrivals.record(_samples(current, load, [now]))
    return now


def prolonged(instance: ManagedInstance, load: Load, span: Span) -> int:
    """Store the load as measured for that long until now; return how many samples that made.

    They take the place of what was generated or simulated for that time, which would dilute them; what
    CloudWatch measured stays. Raises: UnknownInstanceError when the instance is deleted.
    """
    with transaction.atomic():
        current = registration.locked(instance)
        now = timezone.now()
        _forget(current, after=now - span.duration, through=now)
        first = now - (span.points - 1) * span.interval
        arrivals.record(_samples(current, load, [first + n * span.interval for n in range(span.points)]))
    return span.points


def _forget(instance: ManagedInstance, *, after: datetime, through: datetime) -> None:
    made_up = instance.samples.exclude(source=Source.CLOUDWATCH)
    made_up.filter(timestamp__gt=after, timestamp__lte=through).delete()


def _samples(instance: ManagedInstance, load: Load, moments: list[datetime]) -> Samples:
    count = len(moments)
    values = [np.nan if (value := getattr(load, name)) is None else value for name in METRICS]
    return Samples(
        instance=np.full(count, instance.pk, np.int32),
        time=np.array([microseconds(moment) for moment in moments], np.int64),
        source=np.full(count, Source.SIMULATED, np.int16),
        outlier=np.zeros(count, np.int16),
        values=np.repeat(np.array(values, np.float64)[:, None], count, axis=1),
    )
