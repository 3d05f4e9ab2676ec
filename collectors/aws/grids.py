"""Series of GetMetricData put side by side, by numpy: a row for each series, a column for each moment."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from collectors.aws.metricdata import Series

Grid = npt.NDArray[np.float64]
"""Values by series and moment; NaN is unknown."""


def side_by_side(*columns: Sequence[Series]) -> tuple[list[datetime], list[Grid]]:
    """Return the moments of all series, ascending, and on them a grid for each column of series."""
    lists = {id(series.moments): series.moments for column in columns for series in column}
    moments = sorted(set[datetime]().union(*lists.values()))
    place_of = {moment: place for place, moment in enumerate(moments)}
    places = {key: [place_of[moment] for moment in told] for key, told in lists.items()}
    return moments, [_grid(column, places, len(moments)) for column in columns]


def _grid(column: Sequence[Series], places: Mapping[int, Sequence[int]], width: int) -> Grid:
    """Fill a grid, series that share a list of moments at once; of a moment told twice the last counts."""
    alike = defaultdict(list)
    for row, series in enumerate(column):
        alike[id(series.moments)].append(row)
    grid = np.full((len(column), width), np.nan)
    for key, rows in alike.items():
        grid[np.ix_(rows, places[key])] = [column[row].values for row in rows]
    return grid
