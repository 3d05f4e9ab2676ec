"""A whole tick of the autoscaler: what is read, decided and written for many mocks, by two processes.

All of them have samples of the last five minutes. One in a hundred is hot and scaled up, and another
has never been decided about; of the others, nothing is news. Then all of them idle at their lowest level, as
real fleets do at night, which was told before: nothing is news. Then a thousand of them get predictive
policies, with two hours of samples: a tick that has a minute to learn is told apart from the others.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import median

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.db.models import Case, Value, When
from django.utils import timezone

from accounts.models import User
from cloudintel_project import heap
from core.epoch import microseconds
from pipelines.registry import Counts
from pipelines.slots import Every
from scaling import storage
from scaling.columns import METRICS, Samples
from scaling.models import (
    Kind,
    ManagedInstance,
    Mode,
    Prediction,
    ScalingDecision,
    ScalingPolicy,
    Source,
)
from scaling.services import deciding, mock
from scaling.ticking import DECIDE, MEASURE, SHARDS

PROCESSES = 2
SAMPLES = 10
ROUNDS = 3
PREDICTED = 1_000
_LEARNED_MINUTES, _UNTIL_LEARNED, _MINUTE_S = 120, 8, 60
_BATCH = 5000
_HOT_PERCENT = 95.0
_STEADY = "steady:hold"
_IDLE_PERCENT = 2.0
_IDLES = "sustained_down:down:min_level"

Work = Callable[[datetime, int, int], Counts]


def prepare(instances: int) -> None:
    """Create that many monitored mocks with a window of samples each."""
    _register(instances)
    _fill(_usual)


def _fill(load: Callable[[npt.NDArray[np.int32], Sequence[datetime]], npt.NDArray[np.float64]]) -> None:
    """Store ten samples of each mock, the newest as of now: of keys and moments, metrics x keys x moments."""
    keys = np.array(ManagedInstance.objects.order_by("pk").values_list("pk", flat=True), np.int32)
    latest = Every(MEASURE.period).latest(timezone.now())
    moments = [latest - n * MEASURE.period for n in reversed(range(SAMPLES))]
    for first in range(0, len(keys), _BATCH):
        some = keys[first : first + _BATCH]
        with transaction.atomic():
            storage.store(_samples(some, moments, load(some, moments)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _register(instances: int) -> None:
    owner = User.objects.create_user(email="bench-decide@example.com")
    mocks = (
        ManagedInstance(
            owner=owner,
            instance_id=f"bench-{number:06d}",
            instance_type="t3.micro",
            region="mock",
            is_mock=True,
            is_monitoring=True,
        )
        for number in range(instances)
    )
    created = ManagedInstance.objects.bulk_create(mocks, batch_size=_BATCH)
    ScalingPolicy.objects.bulk_create(
        [ScalingPolicy(instance=instance, mode=Mode.MOCK) for instance in created], batch_size=_BATCH
    )


def _usual(keys: npt.NDArray[np.int32], moments: Sequence[datetime]) -> npt.NDArray[np.float64]:
    """Return what mocks measure; those whose key is a multiple of a hundred are hot."""
    seeds = mock.seeds_of(ManagedInstance.objects.filter(pk__in=keys.tolist()))[1]
    rows = np.stack([mock.values(seeds, moment, 0) for moment in moments], axis=2)
    rows[0, keys % 100 == 0] = _HOT_PERCENT
    return rows


def _idling(keys: npt.NDArray[np.int32], moments: Sequence[datetime]) -> npt.NDArray[np.float64]:
    return np.full((len(METRICS), len(keys), len(moments)), _IDLE_PERCENT)


def _samples(
    keys: npt.NDArray[np.int32], moments: Sequence[datetime], values: npt.NDArray[np.float64]
) -> Samples:
    count = len(keys) * len(moments)
    return Samples(
        np.repeat(keys, len(moments)),
        np.tile(np.array(list(map(microseconds, moments)), np.int64), len(keys)),
        np.full(count, Source.MOCK, np.int16),
        np.zeros(count, np.int16),
        values.reshape(len(METRICS), count),
    )


def _forget_decisions() -> None:
    """Have the next tick find what the first one found."""
    ScalingDecision.objects.all().delete()
    fresh = Case(When(instance_id__endswith="01", then=Value("")), default=Value(_STEADY))
    ManagedInstance.objects.update(level=1, last_action_at=None, last_verdict=fresh)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {ManagedInstance._meta.db_table}")


@contextmanager
def _workers() -> Iterator[ProcessPoolExecutor]:
    """Start processes as the worker's pool has them, ready to work."""
    connection.close()
    heap.settle()
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("fork")) as pool:
        list(pool.map(_connect, range(PROCESSES)))
        yield pool


def _connect(_process: int) -> None:
    connection.ensure_connection()
    time.sleep(0.2)  # so that no process takes the other's turn


def _tick(pool: ProcessPoolExecutor, work: Work, slot: datetime) -> tuple[float, Counts]:
    """Do all shards of a slot, and return the seconds that took and what it counted."""
    start = time.perf_counter()
    shards = [pool.submit(work, slot, shard, SHARDS) for shard in range(SHARDS)]
    counts: Counts = sum((shard.result() for shard in shards), Counts())
    return time.perf_counter() - start, counts


def _idle() -> None:
    """Have all of them idle, and have been told of it."""
    ManagedInstance.objects.update(level=1, last_verdict=_IDLES)
    _fill(_idling)


def _predict(instances: int) -> None:
    """Have so many act on forecasts, and know two hours of each."""
    keys = np.array(ManagedInstance.objects.order_by("pk").values_list("pk", flat=True)[:instances], np.int32)
    acts = {"kind": Kind.PREDICTIVE, "prediction": Prediction.ACT}
    ScalingPolicy.objects.filter(instance__in=keys.tolist()).update(**acts)
    latest = timezone.now().replace(second=0, microsecond=0)
    moments = [latest - timedelta(minutes=n) for n in reversed(range(_LEARNED_MINUTES))]
    with transaction.atomic():
        storage.store(_samples(keys, moments, _usual(keys, moments)))


def _predicting(pool: ProcessPoolExecutor) -> dict[str, float]:
    """Return the seconds of ticks: the first, which learn two hours, one with a minute to learn, others."""

    def taken_s() -> float:
        return _tick(pool, deciding.decide, Every(DECIDE.period).latest(timezone.now()))[0]

    first = [taken_s() for _ in range(_UNTIL_LEARNED)]
    time.sleep(_MINUTE_S + 0.5 - time.time() % _MINUTE_S)
    minute_s, others = taken_s(), [taken_s() for _ in range(ROUNDS)]
    return {
        "learning_tick_seconds": round(max(first), 2),
        "predictive_minute_tick_seconds": round(minute_s, 2),
        "predictive_tick_seconds": round(median(others), 2),
    }


def _decide_s(pool: ProcessPoolExecutor, expected: dict[str, int]) -> float:
    taken_s, counts = _tick(pool, deciding.decide, Every(DECIDE.period).latest(timezone.now()))
    if counts != expected:
        raise SystemExit(f"The tick decided otherwise than it had to: {counts}")
    return taken_s


def measure(instances: int) -> dict[str, float]:
    """Return the median seconds of a tick of decisions, of an idle fleet, with forecasts, and of samples."""
    prepare(instances)
    hundredth, decided = instances // 100, []
    with _workers() as pool:
        for _ in range(ROUNDS):
            _forget_decisions()
            decided.append(_decide_s(pool, {"scale_up applied": hundredth, "no_action none": hundredth}))
        _idle()
        idle = [_decide_s(pool, {}) for _ in range(ROUNDS)]
        _predict(PREDICTED)
        predicting = _predicting(pool)
        measured_s, _ = _tick(
            pool, mock.measure, Every(MEASURE.period).latest(timezone.now() + MEASURE.period)
        )
    return {
        "tick_seconds": round(median(decided), 2),
        "idle_tick_seconds": round(median(idle), 2),
        "mock_tick_seconds": round(measured_s, 2),
        **predicting,
    }
