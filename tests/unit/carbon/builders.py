"""The method's coefficients as single figures, so that examples can be computed by hand."""

from dataclasses import replace

from analytics.carbon.coefficients import COEFFICIENTS
from analytics.carbon.ranges import Range


def exactly(value):
    return replace(COEFFICIENTS.pue, range=Range.exactly(value))


POINTS = replace(
    COEFFICIENTS,
    model=exactly(1),
    memory=exactly(0.392),
    network=exactly(0.001),
    pue=exactly(1.135),
    lifetime_hours=exactly(35040),
    grid_spread=exactly(1),
)
"""Those of Cloud Carbon Footprint."""
