"""What the benchmark of anomalies reads, writes and says."""

import json

import pytest

from analytics.anomalies.detector import THRESHOLD
from benchmarks import bench_anomaly


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A file of 1,000 rows five minutes apart, that jumps in row 500, where its window begins."""
    times = [f"2014-04-{1 + row // 288:02} {row % 288 // 12:02}:{row % 12 * 5:02}:00" for row in range(1000)]
    values = [f"{20 + row % 3}.50" if row < 500 else "90" for row in range(1000)]
    path = tmp_path / "nab" / "data" / "real" / "one.csv"
    path.parent.mkdir(parents=True)
    rows = (f"{at},{value}\n" for at, value in zip(times, values, strict=True))
    path.write_text("timestamp,value\n" + "".join(rows))
    monkeypatch.setenv("NAB_DIR", str(tmp_path / "nab"))
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    window = [f"{times[500]}.000000", f"{times[599]}.000000"]
    labels = tmp_path / "nab" / "labels"
    labels.mkdir()
    (labels / "combined_windows.json").write_text(json.dumps({"real/one.csv": [window]}))
    return tmp_path


def test_a_jump_where_its_window_begins_is_a_perfect_score(folder):
    figures = bench_anomaly.measure()
    assert figures.keys() == {"threshold", "standard", "points_per_s"}
    assert (figures["threshold"], figures["standard"]) == (THRESHOLD, 100.0)
    assert figures["points_per_s"] > 0


def test_each_file_is_written_under_its_name_with_its_rows_as_they_were(folder):
    bench_anomaly.measure()
    lines = (folder / "out" / "real" / "one.csv").read_text().splitlines()
    assert lines[0] == "timestamp,value,anomaly_score"
    assert lines[1] == "2014-04-01 00:00:00,20.50,0.0"
    assert len(lines) == 1001
    assert float(lines[501].rpartition(",")[2]) >= THRESHOLD


def test_without_labels_there_are_scores_and_no_figure_of_merit(folder):
    (folder / "nab" / "labels" / "combined_windows.json").unlink()
    assert bench_anomaly.measure()["standard"] is None
    assert (folder / "out" / "real" / "one.csv").is_file()


def test_a_folder_without_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("NAB_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="no CSV files"):
        bench_anomaly.measure()


def test_a_window_without_rows_is_refused_by_file_and_times(folder):
    labels = {"real/one.csv": [["2015-01-01 00:00:00", "2015-01-02 00:00:00"]]}
    (folder / "nab" / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    with pytest.raises(SystemExit, match=r"real/one\.csv has no rows in the labelled window 2015-01-01"):
        bench_anomaly.measure()
