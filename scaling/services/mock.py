"""What mock instances measure: a pure function of the seed, the instance and the moment."""

from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import transaction
from django.db.models import BigIntegerField, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Mod

from collectors import bulk
from core.epoch import microseconds
from pipelines.registry import Counts, no_rows
from scaling.columns import METRICS, Samples
from scaling.models import ManagedInstance, Source
from scaling.services import arrivals

Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

_MIDDLE_PERCENT, _SWING_PERCENT, _NOISE_PERCENT = 45.0, 4.0, 0.9
# Bytes in half a minute: 0.3 to 3 MB, as some 10 to 100 kB a second.
_LEAST_BYTES, _MOST_BYTES = 3e5, 3e6
_SWING_SHARE, _NOISE_SHARE = 0.2, 0.04
_SHORTEST_WAVE_S, _LONGEST_WAVE_S = 3600.0, 4 * 3600.0
_WAVE, _PHASE, _SIZE, _NOISE = range(4)
# The instance's own seed must be the same on any machine.
_SEED = "('x' || left(md5(instance_id), 16))::bit(64)::bigint"


def measure(slot: datetime, shard: int, shards: int) -> Counts:
    """Store a sample of that moment for the monitored mocks whose keys leave that remainder."""
    monitored = ManagedInstance.objects.mock().monitored().alias(shard=Mod("pk", shards))
    instances, seeds = seeds_of(monitored.filter(shard=shard))
    if not len(instances):
        return no_rows()
    samples = Samples(
        instance=instances,
        time=np.full(len(instances), microseconds(slot)),
        source=np.full(len(instances), Source.MOCK, np.int16),
        outlier=np.zeros(len(instances), np.int16),
        values=values(seeds, slot, settings.MOCK_SEED),
    )
    with transaction.atomic():
        return arrivals.record(samples)


def seeds_of(mocks: QuerySet[ManagedInstance]) -> tuple[npt.NDArray[np.int32], Words]:
    """Return the keys of these instances, ascending, and the seed of each."""
    seed = RawSQL(_SEED, [], output_field=BigIntegerField())  # noqa: S611 - a constant
    rows = mocks.order_by("pk").values_list("pk", seed)
    instances, seeds = bulk.columns(*rows.query.sql_with_params(), [np.int32, np.int64])
    return instances, seeds.view(np.uint64)


def values(seeds: Words, moment: datetime, seed: int) -> Floats:
    """Return what these mocks measure, metrics x instances: a slow wave each, and a little noise.

    CPU and memory are 45 ± 4.9 %. A wave of an hour or more and the noise together move them by less than
    5 points in five minutes, and the network by less than a quarter: no fence of the rules is as near.
    """
    own = _mixed(seeds ^ np.uint64(seed % 2**64))
    return np.stack([_series(_mixed(own + np.uint64(m)), m, moment) for m in range(len(METRICS))])


def _series(own: Words, metric: int, moment: datetime) -> Floats:
    wave_s = _SHORTEST_WAVE_S + _share(own, _WAVE) * (_LONGEST_WAVE_S - _SHORTEST_WAVE_S)
    wave = np.sin(2 * np.pi * (moment.timestamp() / wave_s + _share(own, _PHASE)))
    noise = 2 * _share(own + np.uint64(microseconds(moment)), _NOISE) - 1
    if METRICS[metric] in ("cpu", "memory"):
        return _MIDDLE_PERCENT + _SWING_PERCENT * wave + _NOISE_PERCENT * noise
    usual = _LEAST_BYTES * (_MOST_BYTES / _LEAST_BYTES) ** _share(own, _SIZE)
    return np.rint(usual * (1 + _SWING_SHARE * wave + _NOISE_SHARE * noise))


def _share(own: Words, purpose: int) -> Floats:
    """Return evenly distributed numbers from 0 to less than 1, others for each purpose."""
    words = _mixed(own ^ (np.uint64(purpose) << np.uint64(56)))
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(words: Words) -> Words:
    """Scatter words over all their bits. Source: G. Steele et al., SplitMix (OOPSLA 2014)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
