"""What the detectors of a series know, as it is kept: JSON, compressed, of about 4 kB a metric."""

import zlib
from collections.abc import Mapping

import orjson

from analytics.anomalies.detector import Detector

_FASTEST = 1


def packed(detectors: Mapping[str, Detector]) -> bytes:
    """Write the detectors, by the names of their metrics."""
    states = {metric: detector.state() for metric, detector in detectors.items()}
    return zlib.compress(orjson.dumps(states), _FASTEST)


def unpacked(content: bytes) -> dict[str, Detector]:
    """Return detectors that go on as those did that were written."""
    states = orjson.loads(zlib.decompress(content))
    return {metric: Detector.restored(state) for metric, state in states.items()}
