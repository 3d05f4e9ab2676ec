"""Loads read from CSV files."""

import gzip

import numpy as np
import pytest

from benchmarks import traces
from core.errors import InvalidInputError

DAY = "2026-03-02T00:"


def written(folder, text, name="web_1min.csv"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_requests_of_a_minute_are_added_up_and_gaps_left_out(tmp_path):
    rows = [f"{DAY}00:00Z,3", f"{DAY}00:30Z,7", f"{DAY}01:00Z,20", f"{DAY}05:00Z,5"]
    found = traces.read(written(tmp_path, "\n".join(["timestamp,requests", *rows])))
    assert found.name == "web"
    assert np.diff(found.minutes).tolist() == [1, 4]
    assert (found.demand / found.demand[1]).tolist() == [0.5, 1, 0.25]


def test_five_minute_values_are_interpolated(tmp_path):
    found = traces.read(written(tmp_path, "timestamp,requests\n0,10\n300,20\n600,10\n", "web.csv.gz"))
    assert found.minutes.tolist() == list(range(11))
    assert (found.demand / found.demand[5]).tolist() == pytest.approx(
        [0.5, 0.6, 0.7, 0.8, 0.9, 1, 0.9, 0.8, 0.7, 0.6, 0.5]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the columns timestamp and requests are needed"),
        ("time,hits\n1,2\n", "line 1: the columns timestamp and requests are needed"),
        ("timestamp,requests\n0,1\nnonsense,2\n", "line 3: .*nonsense"),
        ("timestamp,requests\n0,1\n60,many\n", "line 3: .*many"),
        ("timestamp,requests\n0,1\n60,-2\n", "line 3: -2 is no number of requests"),
        ("timestamp,requests\n0,1\n60\n", "line 3: a timestamp and its requests"),
        ("timestamp,requests\n0,1\n", "it has 1 rows"),
        ("timestamp,requests\n0,0\n60,0\n", "hardly any requests"),
    ],
)
def test_a_bad_file_is_told_by_its_name_its_line_and_what_is_wrong(tmp_path, text, message):
    with pytest.raises(InvalidInputError, match=f"web.*{message}"):
        traces.read(written(tmp_path, text))
