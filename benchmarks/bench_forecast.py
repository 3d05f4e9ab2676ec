"""Forecasts of the M4 competition's hourly series, beside what the competition published.

`M4_DIR=DIR` names a folder with Hourly-train.csv.gz; without it, the one beside the checkout is taken. Where
the folder has Hourly-test.csv.gz too, that is what is forecast; else the last 48 values of each series, which
are held out. No method has a parameter of one series; those of all were chosen on values before these.
"""

import csv
import gzip
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analytics.forecasting import HOURLY, Forecast, Refusal, forecast
from analytics.forecasting.forecasts import mase, smape
from analytics.forecasting.series import Floats

SHARED = Path(__file__).parents[2] / "shared" / "data" / "m4_hourly"
HORIZON, SEASON = 48, 24
REFERENCES = ("sNaive", "Naive2", "Theta", "238", "118")
"""Published methods to show: the benchmarks, and the two that were first on hourly series."""

LINE = "{:<34}{:>9}{:>9}\n"
Score = tuple[float, float]


def measure() -> dict[str, float]:
    """Forecast every series and return sMAPE (percent), MASE, the 80 % ranges' coverage and the seconds."""
    folder = Path(os.environ.get("M4_DIR") or SHARED)
    try:
        given = list(_series(folder))
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"error: {folder}: {error}") from error
    begin = time.perf_counter()
    made = [forecast(history, seasons=HOURLY, horizon=HORIZON) for history, _ in given]
    seconds = time.perf_counter() - begin
    done = [
        (history, actual, found)
        for (history, actual), found in zip(given, made, strict=True)
        if not isinstance(found, Refusal)
    ]
    if not done:
        raise SystemExit(f"error: {folder}: none of its {len(given)} series can be forecast.")
    ours = _mean([_score(history, actual, found.expected) for history, actual, found in done])
    repeated = _mean([_score(history, actual, _repeated(history)) for history, actual, _ in done])
    covered = np.mean([_covered(actual, found) for _, actual, found in done])
    _show(folder, ours, repeated, [found for _, _, found in done], refused=len(given) - len(done))
    return {
        "smape": round(ours[0], 3),
        "mase": round(ours[1], 3),
        "coverage80": round(float(covered), 3),
        "seconds": round(seconds, 1),
    }


def _series(folder: Path) -> Iterator[tuple[Floats, Floats]]:
    """Yield each series' history and what came after it."""
    train, test = (_rows(folder / f"Hourly-{part}.csv.gz") for part in ("train", "test"))
    for name, values in train.items():
        yield (values, test[name]) if test else (values[:-HORIZON], values[-HORIZON:])


def _rows(path: Path) -> dict[str, Floats]:
    """Return the values of each series by its name; none where there is no such file of a test part."""
    if not path.exists() and path.name.startswith("Hourly-test"):
        return {}
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: np.array([float(cell) for cell in row[1:] if cell.strip()]) for row in rows}


def _score(history: Floats, actual: Floats, expected: Floats) -> Score:
    found = mase(actual, expected, history, SEASON)
    return smape(actual, expected), np.nan if found is None else found


def _mean(scores: list[Score]) -> Score:
    """Average over the series; one that repeats itself exactly has no MASE."""
    smapes, mases = np.array(scores).T
    return float(smapes.mean()), float(np.nanmean(mases))


def _repeated(history: Floats) -> Floats:
    """Repeat the last day, to see the scorer at work: sNaive's scores are published."""
    return np.resize(history[-SEASON:], HORIZON)


def _covered(actual: Floats, found: Forecast) -> float:
    return float(((found.low <= actual) & (actual <= found.high)).mean())


def _show(folder: Path, ours: Score, repeated: Score, made: list[Forecast], *, refused: int) -> None:
    write = sys.stdout.write
    of = "the test part" if (folder / "Hourly-test.csv.gz").exists() else f"the last {HORIZON} held out"
    write(f"{len(made)} series, {refused} refused, {of}\n")
    write(LINE.format("", "sMAPE", "MASE"))
    write(LINE.format("ours", f"{ours[0]:.3f}", f"{ours[1]:.3f}"))
    write(LINE.format("sNaive, recomputed", f"{repeated[0]:.3f}", f"{repeated[1]:.3f}"))
    for name, score in _published(folder).items():
        write(LINE.format(f"{name}, published, test part", *score))
    measured = np.mean([found.measured for found in made])
    write(f"coverage that the backtests measured: {measured:.3f}\n")
    write("".join(f"{count:>5} by {name}\n" for name, count in Counter(f.method for f in made).most_common()))


def _published(folder: Path) -> dict[str, tuple[str, str]]:
    paths = [at / "published_hourly_scores.csv" for at in (folder, SHARED)]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return {}
    with path.open(newline="") as file:
        rows = {row["method"]: (row["hourly_smape"], row["hourly_mase"]) for row in csv.DictReader(file)}
    return {name: rows[name] for name in REFERENCES if name in rows}
