"""Measured series from CSV files, replayed as if their instances ran now.

Each file is one running instance of the first account and region. The file is shifted by whole days, so
that its days stay whole and keep their rhythm; its last day is the anchor's, or the one before where the
time of its last point has not come yet. From the day after on it repeats, so that points keep arriving.
Every point is kept, duplicate timestamps too.
"""

import csv
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from democloud.chance import resource_id
from democloud.estate import PRODUCTION, Estate, Instance, Profile, attached_volumes
from democloud.world import Point, Series, World

COLUMNS = ["timestamp", "value"]
CUSTOM_NAMESPACE = "Traces"
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_SETTLING = timedelta(hours=1)
_METRIC_OF_NAME = (
    ("cpu", "CPUUtilization", "Percent"),
    ("disk_write", "DiskWriteBytes", "Bytes"),
    ("network_in", "NetworkIn", "Bytes"),
    ("networkin", "NetworkIn", "Bytes"),
    ("network_out", "NetworkOut", "Bytes"),
    ("networkout", "NetworkOut", "Bytes"),
)
_PERCENT = 100.0


class TraceError(Exception):
    """A trace cannot be replayed; the message names the file and, where one is at fault, the line."""


@dataclass(frozen=True)
class Trace:
    """The points of one file as they were measured, oldest first."""

    name: str
    points: tuple[Point, ...]

    @property
    def metric(self) -> tuple[str, str, str]:
        """Namespace, name and unit: by the file's name, else CPU when every value could be a percentage."""
        lowered = self.name.lower()
        for part, metric_name, unit in _METRIC_OF_NAME:
            if part in lowered:
                return "AWS/EC2", metric_name, unit
        if all(0 <= value <= _PERCENT for _, value in self.points):
            return "AWS/EC2", "CPUUtilization", "Percent"
        return CUSTOM_NAMESPACE, self.name, "None"

    def shifted(self, anchor: datetime) -> "Trace":
        """Move the trace by whole days, to end within the day before the anchor."""
        move = (anchor - self.points[-1][0]) // _DAY * _DAY
        return Trace(self.name, tuple((moment + move, value) for moment, value in self.points))

    def replay(self, start: datetime, end: datetime) -> list[Point]:
        """Return the points in [start, end) of this trace and its repetitions, oldest first.

        The first repetition waits for the day after the trace's last, which stays as the file has it.
        """
        first, last = self.points[0][0], self.points[-1][0]
        length = max(_DAY, (last.date() - first.date()).days * _DAY)
        own_end = last.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        points = list(_between(self.points, start, end))
        for turn in range(max(1, (start - last) // length), (end - last) // length + 2):
            begin = own_end if turn == 1 else last + (turn - 1) * length + _INSTANT
            shift = turn * length
            repeated = _between(self.points, max(start, begin) - shift, end - shift)
            points += [(moment + shift, value) for moment, value in repeated]
        return points


def _between(points: Sequence[Point], start: datetime, end: datetime) -> Sequence[Point]:
    def moment(point: Point) -> datetime:
        return point[0]

    return points[bisect_left(points, start, key=moment) : bisect_left(points, end, key=moment)]


def replayed(estate: Estate, folder: Path) -> World:
    """Return a world in which each CSV file of the folder is an instance.

    Raises: TraceError when the folder holds no CSV file or one of them cannot be understood.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise TraceError(f"{folder} holds no .csv file to replay")
    series = tuple(_series(read(path).shifted(estate.anchor)) for path in paths)
    instances = tuple(one.instance for one in series)
    volumes = tuple(volume for instance in instances for volume in attached_volumes(instance))
    return World(estate, instances, volumes, series)


def _series(trace: Trace) -> Series:
    namespace, metric_name, unit = trace.metric
    return Series(_instance(trace), namespace, metric_name, unit, trace.replay)


def _instance(trace: Trace) -> Instance:
    region = PRODUCTION.regions[0]
    return Instance(
        instance_id=resource_id("i", "trace", trace.name),
        account_id=PRODUCTION.account_id,
        region=region,
        zone=f"{region}a",
        instance_type="m5.large",
        profile=Profile.IDLE,
        launched_at=trace.points[0][0] - _SETTLING,
        stopped_at=None,
        data_gib=0,
        tags=(("Name", trace.name), ("Environment", "replay")),
    )


def read(path: Path) -> Trace:
    """Read a CSV file with the columns `timestamp` (naive UTC) and `value`.

    Raises: TraceError naming the file and the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            points = sorted(_points(path, file), key=lambda point: point[0])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}: cannot be read: {error}") from error
    if not points:
        raise TraceError(f"{path}:2: no row follows the header")
    return Trace(path.stem, tuple(points))


def _points(path: Path, file: TextIO) -> Iterator[Point]:
    rows = csv.reader(file)
    header = next(rows, [])
    if header != COLUMNS:
        raise TraceError(f"{path}:1: the header must be {','.join(COLUMNS)}, not {','.join(header)!r}")
    for row in rows:
        if row:
            yield _point(f"{path}:{rows.line_num}", row)


def _point(place: str, row: list[str]) -> Point:
    if len(row) != len(COLUMNS):
        raise TraceError(f"{place}: {len(row)} columns instead of {len(COLUMNS)}")
    try:
        moment, value = datetime.fromisoformat(row[0]), float(row[1])
    except ValueError as error:
        raise TraceError(f"{place}: {error}") from error
    if moment.tzinfo is not None:
        raise TraceError(f"{place}: the timestamp must be UTC without an offset, not {row[0]}")
    if not math.isfinite(value):
        raise TraceError(f"{place}: {row[1]} is not a number that CloudWatch could hold")
    return moment.replace(tzinfo=UTC), value
