"""Samples of managed instances by columns, as numpy holds them: a million at once, no object for any."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

METRICS = ("cpu", "memory", "network_in", "network_out")
"""The rows of `Samples.values`, and the order of all that is told of the four metrics."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples in the order of instance and time; each pair of those is there once.

    `time` is PostgreSQL's microseconds since 2000-01-01 UTC; `values` has a row for each of METRICS, NaN
    where unknown: percent for CPU and memory, bytes for the network. `source` holds models.Source, `outlier`
    two bits a metric: bit 2m says high, bit 2m + 1 low.
    """

    instance: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    source: npt.NDArray[np.int16]
    outlier: npt.NDArray[np.int16]
    values: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> Self:
        """Return no samples."""
        return cls(
            np.zeros(0, np.int32),
            np.zeros(0, np.int64),
            np.zeros(0, np.int16),
            np.zeros(0, np.int16),
            np.zeros((len(METRICS), 0)),
        )

    def __len__(self) -> int:
        return len(self.instance)

    def where(self, kept: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Self:
        """Keep some of the samples: those for which this is true, or those at these places.

        Nothing is copied for a slice.
        """
        return type(self)(
            self.instance[kept], self.time[kept], self.source[kept], self.outlier[kept], self.values[:, kept]
        )
