"""The benchmark's folder and its scorer."""

import gzip

import numpy as np
import pytest

from benchmarks import bench_forecast

M4 = bench_forecast.SHARED


def written(folder, part, rows):
    lines = [
        '"V1","V2"',
        *(",".join([f'"{name}"', *map(str, values), "", ""]) for name, values in rows.items()),
    ]
    (folder / f"Hourly-{part}.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def waves(count):
    hours = np.arange(count)
    return {"H1": 100 + 50 * np.sin(hours * np.pi / 12), "H2": 10.0 + hours % 24}


def test_the_last_two_days_are_held_out(tmp_path, monkeypatch, capsys):
    written(tmp_path, "train", waves(400))
    monkeypatch.setenv("M4_DIR", str(tmp_path))
    found = bench_forecast.measure()
    assert list(found) == ["smape", "mase", "coverage80", "seconds"]
    assert found["smape"] == pytest.approx(0, abs=0.01)
    assert "2 series, 0 refused, the last 48 held out" in capsys.readouterr().out


def test_a_test_part_is_what_is_forecast(tmp_path, monkeypatch, capsys):
    written(tmp_path, "train", waves(400))
    written(tmp_path, "test", {name: 3 * values[400:] for name, values in waves(448).items()})
    monkeypatch.setenv("M4_DIR", str(tmp_path))
    # Three times as much came: 200 * 2 / 4 percent.
    assert bench_forecast.measure()["smape"] == pytest.approx(100, abs=0.1)
    assert "the test part" in capsys.readouterr().out


@pytest.mark.parametrize("test", [None, {"H1": [1.0] * 48}], ids=["no files", "a series without its test"])
def test_a_folder_that_lacks_something_is_named(tmp_path, monkeypatch, test):
    if test:
        written(tmp_path, "train", waves(400))
        written(tmp_path, "test", test)
    monkeypatch.setenv("M4_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match=str(tmp_path)):
        bench_forecast.measure()


@pytest.mark.skipif(not M4.is_dir(), reason="the M4 series are not beside the checkout")
def test_one_series_in_forty_is_forecast_better_than_by_repeating_the_day():
    sample = list(bench_forecast._series(M4))[::40]
    ours = [
        bench_forecast._score(history, actual, bench_forecast.forecast(
            history, seasons=bench_forecast.HOURLY, horizon=48
        ).expected)[0]
        for history, actual in sample
    ]  # fmt: skip
    repeated = [bench_forecast._score(h, actual, bench_forecast._repeated(h))[0] for h, actual in sample]
    assert np.mean(ours) < 0.8 * np.mean(repeated)
