"""What tests of the autoscaler write and read samples with."""

import numpy as np
from django.db import transaction

from core.epoch import microseconds
from scaling.columns import METRICS, Samples
from scaling.models import Source


def samples(*rows, source=Source.CLOUDWATCH, outlier=0):
    """Samples of (instance, moment, cpu, memory, network_in, network_out), what is left out unknown."""
    rows = sorted(rows, key=lambda row: (row[0].pk, row[1]))
    values = np.full((len(METRICS), len(rows)), np.nan)
    for column, (_, _, *known) in enumerate(rows):
        values[: len(known), column] = known
    return Samples(
        np.array([row[0].pk for row in rows], np.int32),
        np.array([microseconds(row[1]) for row in rows], np.int64),
        np.full(len(rows), source, np.int16),
        np.full(len(rows), outlier, np.int16),
        values,
    )


def write(how, *rows, **columns):
    """Store samples by `storage.store` or `arrivals.record`; return the counts."""
    with transaction.atomic():
        return how(samples(*rows, **columns))
