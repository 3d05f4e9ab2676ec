"""Samples by columns: each series and moment once, with what is known; written as COPY reads them."""

import struct
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from collectors.samples import binary
from collectors.samples.batch import Batch, Sample

NINE = datetime(2026, 3, 20, 9, tzinfo=UTC)
FIVE = timedelta(minutes=5)
NAN = float("nan")


def rows(batch):
    """The samples of a batch, NaN being None."""
    moments = [datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time)) for time in batch.times]
    values = [[None if np.isnan(value) else float(value) for value in row] for row in batch.values.T]
    return [
        Sample(int(key), *rest)
        for key, *rest in zip(batch.series, moments, *zip(*values, strict=True), strict=True)
    ]


def grid(*values):
    return np.array(values, np.float64)


def test_holds_samples_by_series_and_moment():
    later, earlier = Sample(7, NINE + FIVE, 2.0, None, 3.0, 4.0), Sample(7, NINE, None, 1.0)
    assert rows(Batch.of([later, Sample(8, NINE, 5.0), earlier])) == [earlier, later, Sample(8, NINE, 5.0)]


def test_takes_grids_with_a_row_a_series_and_a_column_a_moment():
    cpu, memory = grid([1.0, 2.0], [3.0, NAN]), grid([NAN, 5.0], [NAN, NAN])
    network_in, network_out = grid([6.0, 7.0], [8.0, NAN]), grid([0.0, 1.0], [2.0, NAN])
    assert rows(Batch.of_grids([9, 4], [NINE, NINE + FIVE], [cpu, memory, network_in, network_out])) == [
        Sample(4, NINE, 3.0, None, 8.0, 2.0),
        Sample(9, NINE, 1.0, None, 6.0, 0.0),
        Sample(9, NINE + FIVE, 2.0, 5.0, 7.0, 1.0),
    ]


def test_a_sample_of_which_nothing_is_known_is_none():
    assert len(Batch.of([Sample(7, NINE), Sample(7, NINE + FIVE, NAN)])) == 0


def test_of_the_same_series_and_moment_the_last_sample_that_knows_something_counts():
    batch = Batch.of([Sample(7, NINE, 1.0), Sample(7, NINE, 2.0), Sample(8, NINE, 3.0), Sample(7, NINE)])
    assert rows(batch) == [Sample(7, NINE, 2.0), Sample(8, NINE, 3.0)]


def test_batches_are_put_together():
    first = Batch.of([Sample(7, NINE, 1.0), Sample(8, NINE, 1.0)])
    second = Batch.of([Sample(6, NINE, 3.0), Sample(8, NINE, 2.0)])
    assert rows(Batch.joined([first, second])) == [
        Sample(6, NINE, 3.0),
        Sample(7, NINE, 1.0),
        Sample(8, NINE, 2.0),
    ]


@pytest.mark.parametrize("batch", [Batch.of([]), Batch.joined([]), Batch.of_grids([7], [], [grid([])] * 4)])
def test_may_be_empty(batch):
    assert (len(batch), batch.series_ids(), batch.days(), batch.hours()) == (0, [], [], [])


def test_tells_its_series_and_its_times():
    moments = [datetime(1999, 12, 31, 23, 55, tzinfo=UTC), NINE, NINE + FIVE]
    batch = Batch.of([Sample(key, moment, 1.0) for key in (8, 7) for moment in moments])
    assert batch.series_ids() == [7, 8]
    assert batch.days() == [date(1999, 12, 31), date(2026, 3, 20)]
    assert batch.span() == (moments[0], moments[-1])
    assert batch.hours() == [datetime(1999, 12, 31, 23, tzinfo=UTC), NINE]


def test_keeps_what_is_in_a_half_open_range():
    batch = Batch.of([Sample(7, NINE + number * FIVE, 1.0) for number in range(4)])
    kept = batch.between(NINE + FIVE, NINE + 3 * FIVE)
    assert [row.timestamp for row in rows(kept)] == [NINE + FIVE, NINE + 2 * FIVE]


@pytest.mark.parametrize(
    ("moment", "known"), [(None, 0), (NINE - FIVE, 0), (NINE + FIVE, 2), (NINE + 9 * FIVE, 4)]
)
def test_tells_what_is_up_to_a_moment_from_what_comes_after_it(moment, known):
    samples = [Sample(7, NINE + number * FIVE, 1.0) for number in range(4)]
    before, after = Batch.of(samples).split(moment)
    assert (rows(before), rows(after)) == (samples[:known], samples[known:])


def test_is_written_in_the_binary_format_of_copy():
    batch = Batch.of([Sample(7, NINE, 1.5, None, 2.5, 0.0), Sample(8, NINE, None, 4.5)])
    time = (NINE - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    first = struct.pack("!hiiiqidiidid", 6, 4, 7, 8, time, 8, 1.5, -1, 8, 2.5, 8, 0.0)
    second = struct.pack("!hiiiqiidii", 6, 4, 8, 8, time, -1, 8, 4.5, -1, -1)
    content = batch.written()
    assert content.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    assert content.endswith(b"\xff\xff")
    assert content[19:-2] in {first + second, second + first}


# --- COPY's format ---------------------------------------------------------------------------
def test_reads_the_columns_that_were_written():
    keys, codes = np.array([7, 8], np.int32), np.array([-1, 3], np.int16)
    values = np.array([[1.5, 2.5], [0.0, -1.0]])
    content = binary.written([keys, codes], values)
    columns = binary.read(content, [np.int32, np.int16, np.float64, np.float64])
    assert [column.tolist() for column in columns] == [[7, 8], [-1, 3], [1.5, 2.5], [0.0, -1.0]]


def test_refuses_rows_with_other_fields_than_expected():
    one_of_eight_bytes = binary.written([], np.array([[1.5, 2.5]]))
    with pytest.raises(ValueError, match="do not have the fields"):
        binary.read(one_of_eight_bytes, [np.int16, np.int16])
