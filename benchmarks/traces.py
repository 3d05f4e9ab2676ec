"""Recorded loads from CSV files, as traces of a value a minute."""

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from core.errors import InvalidInputError
from dbops import simulation
from dbops.simulation import Floats, Ints, Trace

_MINUTE_S = 60
_LONGEST_STEPS = 1.5
"""Values further apart than so many usual steps have a gap between them, which is left out."""


def read(path: Path) -> Trace:
    """Read `timestamp,requests`, plain or .gz, ISO times (UTC if they do not say) or seconds.

    Rows of the same minute are added up; where they are minutes apart, the minutes between are interpolated.
    Raises: InvalidInputError, naming the file and the line.
    """
    rows = list(_rows(path))
    if len(rows) < 2:
        raise InvalidInputError(f"{path}: it has {len(rows)} rows, and a load needs two at least.")
    times, values = zip(*rows, strict=True)
    return trace(_name(path), np.array(times), np.array(values))


def columns(path: Path, names: tuple[str, ...] | slice) -> Iterator[tuple[str, Floats]]:
    """Yield columns of a file of numbers, each with its name."""
    with _opened(path) as file:
        lines = csv.reader(file)
        head = next(lines)
        body = np.array(list(lines), np.float64)
    chosen = head[names] if isinstance(names, slice) else names
    for name in chosen:
        yield name, body[:, head.index(name)]


def trace(name: str, times_s: Floats, values: Floats) -> Trace:
    """Make a trace of values at times in seconds. Raises: InvalidInputError."""
    minutes, place = np.unique(times_s // _MINUTE_S, return_inverse=True)
    summed = np.bincount(place, values).astype(np.float64)
    whole, filled = _filled(minutes.astype(np.int64), summed)
    try:
        return Trace(name, whole, simulation.demand(filled))
    except ValueError as error:
        raise InvalidInputError(f"{name}: {error}.") from error


def _filled(minutes: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Interpolate between values that are usually minutes apart; real gaps stay."""
    if len(minutes) < 2:
        return minutes, values
    steps = np.diff(minutes)
    is_near = steps <= _LONGEST_STEPS * np.median(steps)
    parts = [
        np.arange(a, b if near else a + 1)
        for a, b, near in zip(minutes[:-1].tolist(), minutes[1:].tolist(), is_near.tolist(), strict=True)
    ]
    whole = np.concatenate([*parts, minutes[-1:]])
    return whole, np.interp(whole, minutes, values)


def _rows(path: Path) -> Iterator[tuple[float, float]]:
    """Yield seconds and requests. Raises: InvalidInputError."""
    line = 1
    try:
        with _opened(path) as file:
            lines = csv.reader(file)
            at, of = _places(path, next(lines, []))
            for row in lines:
                line = lines.line_num
                if row:
                    yield _seconds(row[at]), _requests(row[of])
    except IndexError as error:
        raise InvalidInputError(f"{path}, line {line}: a timestamp and its requests are needed.") from error
    except (ValueError, OSError, EOFError, csv.Error) as error:
        raise InvalidInputError(f"{path}, line {line}: {error}.") from error


def _places(path: Path, head: list[str]) -> tuple[int, int]:
    """Return which columns hold the time and the requests; the time's may name its zone."""
    names = [name.strip().lower() for name in head]
    times = [place for place, name in enumerate(names) if name.startswith("timestamp")]
    if not times or "requests" not in names:
        raise InvalidInputError(f"{path}, line 1: the columns timestamp and requests are needed.")
    return times[0], names.index("requests")


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _requests(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text.strip()} is no number of requests")
    return value


def _opened(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), "utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv").removesuffix("_1min")
