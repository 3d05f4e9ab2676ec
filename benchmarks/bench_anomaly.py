"""The detector of anomalies on the Numenta Anomaly Benchmark: its score by that benchmark's rules, and speed.

`NAB_DIR=DIR` names a folder with data/ (CSV files of `timestamp,value`) and labels/combined_windows.json;
without it the 24 files beside the checkout are taken. `OUT=DIR` has `timestamp,value,anomaly_score` written
for each file. The speed is that of one core: points by the processor time that scoring took.
"""

import csv
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import numpy as np

from analytics.anomalies.detector import THRESHOLD, Detector
from analytics.anomalies.tails import Floats
from benchmarks import nab
from benchmarks.nab import Outcome, Window

SHARED = Path(__file__).parents[2] / "shared" / "data" / "nab"
REFERENCES = """
The standard score of others, each at the threshold that is best for it:
  over the 24 files given   Numenta HTM 74.0, CAD OSE 67.4, ARTime 60.7, KNN-CAD 53.8
  over all 58 (published)   ARTime 74.9, HTM 70.5, CAD OSE 69.9, KNN-CAD 58.0, Random Cut Forest 51.7,
                            Windowed Gaussian 39.6, Random 11.0, Null 0
"""
ROW = "{:<58}{:>9}{:>7}{:>14}{:>10}\n"
HEAD = ("file", "windows", "found", "false alarms", "standard")


@dataclass(frozen=True, slots=True)
class Series:
    """A file of the benchmark: its rows as they are written, and as numbers (seconds; NaN is unknown)."""

    name: str
    rows: list[list[str]]
    times_s: Floats
    values: Floats


def measure() -> dict[str, float | None]:
    """Return the threshold, the standard score (None where nothing is labelled) and points a second."""
    folder = Path(os.environ.get("NAB_DIR") or SHARED)
    windows = _labels(folder)
    outcomes: dict[str, Outcome] = {}
    points, seconds = 0, 0.0
    for series in _files(folder / "data"):
        began = time.process_time()
        scores = _scores(series)
        seconds += time.process_time() - began
        points += len(scores)
        _write(series, scores)
        if series.name in windows:
            spans = [_window(series, *span) for span in windows[series.name]]
            outcomes[series.name] = _outcome(scores, spans)
    _show(outcomes)
    standard = nab.normalised(list(outcomes.values()), nab.STANDARD)
    return {
        "threshold": THRESHOLD,
        "standard": standard if standard is None else round(standard, 2),
        "points_per_s": round(points / max(seconds, 1e-9)),
    }


def _labels(folder: Path) -> dict[str, list[tuple[str, str]]]:
    path = folder / "labels" / "combined_windows.json"
    labels: dict[str, list[tuple[str, str]]] = json.loads(path.read_text()) if path.is_file() else {}
    return labels


def _files(folder: Path) -> Iterator[Series]:
    paths = sorted(folder.rglob("*.csv"))
    if not paths:
        raise SystemExit(f"error: {folder} has no CSV files: name the folder above data/, NAB_DIR=DIR.")
    for path in paths:
        with path.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row][1:]
        times_s = np.array([_seconds(row[0]) for row in rows])
        values = np.array([float(row[1] or "nan") for row in rows])
        yield Series(path.relative_to(folder).as_posix(), rows, times_s, values)


def _scores(series: Series) -> Floats:
    """Score a file as it would arrive; how far its points are apart is told by the first hundred."""
    steps = np.diff(series.times_s[:100])
    step_s = float(np.median(steps[steps > 0])) if (steps > 0).any() else 300.0
    return Detector(step_s).update(series.times_s, series.values)


def _outcome(scores: Floats, windows: list[Window]) -> Outcome:
    alarms = np.flatnonzero(scores >= THRESHOLD).tolist()
    return nab.score(alarms, windows, rows=len(scores), profile=nab.STANDARD)


def _window(series: Series, begin: str, end: str) -> Window:
    rows = np.flatnonzero((series.times_s >= _seconds(begin)) & (series.times_s <= _seconds(end)))
    if not len(rows):
        raise SystemExit(f"error: {series.name} has no rows in the labelled window {begin} to {end}.")
    return Window(int(rows[0]), int(rows[-1]))


def _write(series: Series, scores: Floats) -> None:
    if not (folder := os.environ.get("OUT")):
        return
    path = Path(folder) / series.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("timestamp", "value", "anomaly_score"))
        out.writerows((*row[:2], score) for row, score in zip(series.rows, scores.tolist(), strict=True))


def _show(outcomes: dict[str, Outcome]) -> None:
    sys.stdout.write(ROW.format(*HEAD))
    for folder, names in groupby(outcomes, key=lambda name: name.rpartition("/")[0]):
        group = [(name, outcomes[name]) for name in names]
        for name, each in group:
            _show_row(name, [each])
        _show_row(f"{folder}, together", [each for _, each in group])
    sys.stdout.write(REFERENCES)


def _show_row(name: str, outcomes: list[Outcome]) -> None:
    score = nab.normalised(outcomes, nab.STANDARD)
    counts = [
        sum(getattr(each, field) for each in outcomes) for field in ("windows", "found", "false_alarms")
    ]
    sys.stdout.write(ROW.format(name, *counts, "-" if score is None else f"{score:.1f}"))


def _seconds(text: str) -> float:
    """Return a time that names no zone as seconds of UTC."""
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
