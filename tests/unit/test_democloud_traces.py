"""CSV traces: how they are read, moved in time and repeated."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from democloud.estate import PRODUCTION, Estate
from democloud.traces import Trace, TraceError, read, replayed

ANCHOR = datetime(2026, 3, 18, 10, 22, 41, tzinfo=UTC)
ESTATE = Estate(seed=7, anchor=ANCHOR)
START = datetime(2014, 2, 14, 14, 27, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def write(folder, name, *rows, header="timestamp,value"):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def trace(values, *, name="cpu", step=FIVE):
    return Trace(name, tuple((START + number * step, value) for number, value in enumerate(values)))


def over_days(first, last, *, step=timedelta(hours=6)):
    """A trace from one moment of February 2014 to another, its values counting up."""
    begin, end = (datetime(2014, 2, day, hour, tzinfo=UTC) for day, hour in (first, last))
    return Trace("cpu", tuple((begin + number * step, number) for number in range((end - begin) // step + 1)))


@pytest.mark.parametrize(
    ("last_hour", "day"), [(10, 18), (11, 17)], ids=["its time has come", "its time has not come"]
)
def test_a_trace_ends_at_its_own_time_of_day_today_or_yesterday(last_hour, day):
    moved = over_days((14, last_hour), (16, last_hour)).shifted(ANCHOR)
    assert moved.points[-1][0] == datetime(2026, 3, day, last_hour, tzinfo=UTC)


def test_the_days_of_a_trace_stay_whole_when_it_is_moved():
    moved = over_days((14, 6), (16, 6)).shifted(ANCHOR)
    by_day = [(moment.date().day, value) for moment, value in moved.points]
    assert by_day == [(16, 0), (16, 1), (16, 2), (17, 3), (17, 4), (17, 5), (17, 6), (18, 7), (18, 8)]


def test_a_trace_repeats_from_the_day_after_its_last():
    moved = over_days((14, 6), (16, 6)).shifted(ANCHOR)
    after = datetime(2026, 3, 18, 7, tzinfo=UTC)
    points = moved.replay(after, after + timedelta(days=3))
    repeated = [(moment.day, moment.hour, value) for moment, value in points]
    assert repeated == [
        (19, 0, 3), (19, 6, 4), (19, 12, 5), (19, 18, 6), (20, 0, 7), (20, 6, 8),
        (20, 12, 1), (20, 18, 2), (21, 0, 3), (21, 6, 4),
    ]  # fmt: skip


def test_a_trace_of_a_single_point_repeats_every_day():
    moved = trace([1]).shifted(ANCHOR)
    begin = moved.points[0][0]
    assert [moment - begin for moment, _ in moved.replay(begin, begin + timedelta(days=3))] == [
        timedelta(days=number) for number in range(3)
    ]


def test_a_trace_has_nothing_before_its_first_point():
    moved = trace([1, 2, 3]).shifted(ANCHOR)
    assert moved.replay(ANCHOR - timedelta(days=9), moved.points[0][0]) == []


def test_windows_laid_end_to_end_give_each_point_once():
    moved = over_days((14, 6), (16, 6)).shifted(ANCHOR)
    begin = moved.points[0][0]
    cuts = [begin + hours * timedelta(hours=1) for hours in range(0, 24 * 12 + 1, 4)]
    parts = [point for start, end in pairwise(cuts) for point in moved.replay(start, end)]
    assert parts == moved.replay(begin, begin + timedelta(days=12))
    assert len(parts) == 9 + 9 * 4 + 1


def test_duplicate_timestamps_are_kept(tmp_path):
    path = write(
        tmp_path, "cpu.csv", "2014-02-14 14:25:00,1", "2014-02-14 14:25:00,2", "2014-02-14 14:30:00,3"
    )
    assert [value for _, value in read(path).points] == [1, 2, 3]


def test_rows_are_read_as_utc_and_put_in_order(tmp_path):
    path = write(tmp_path, "cpu.csv", "2014-02-14 14:30:00,2.5", "", "2014-02-14 14:25:00,1e1")
    assert read(path).points == (
        (datetime(2014, 2, 14, 14, 25, tzinfo=UTC), 10.0),
        (datetime(2014, 2, 14, 14, 30, tzinfo=UTC), 2.5),
    )


@pytest.mark.parametrize(
    ("name", "values", "metric"),
    [
        ("ec2_cpu_utilization_1", [250], ("AWS/EC2", "CPUUtilization", "Percent")),
        ("ec2_disk_write_bytes_1", [1], ("AWS/EC2", "DiskWriteBytes", "Bytes")),
        ("ec2_network_in_1", [1], ("AWS/EC2", "NetworkIn", "Bytes")),
        ("iio_i-a2eb1cd9_NetworkIn", [1], ("AWS/EC2", "NetworkIn", "Bytes")),
        ("ec2_network_out_1", [1], ("AWS/EC2", "NetworkOut", "Bytes")),
        ("grok_asg_anomaly", [0, 33.5, 100], ("AWS/EC2", "CPUUtilization", "Percent")),
        ("elb_request_count", [0, 656], ("Traces", "elb_request_count", "None")),
        ("temperature", [-1, 50], ("Traces", "temperature", "None")),
    ],
)
def test_the_metric_follows_the_name_or_else_the_values(name, values, metric):
    assert trace(values, name=name).metric == metric


def test_each_file_is_one_running_instance_named_after_it(tmp_path):
    write(tmp_path, "cpu_b.csv", "2014-02-14 14:25:00,1")
    write(tmp_path, "cpu_a.csv", "2014-02-14 14:25:00,1")
    world = replayed(ESTATE, tmp_path)
    assert [dict(one.tags)["Name"] for one in world.instances] == ["cpu_a", "cpu_b"]
    assert {(one.account_id, one.region, one.state) for one in world.instances} == {
        (PRODUCTION.account_id, "eu-west-1", "running")
    }


def test_an_instances_id_follows_its_files_name_whatever_the_seed(tmp_path):
    write(tmp_path, "cpu_a.csv", "2014-02-14 14:25:00,1")
    (here,), (there,) = (
        replayed(estate, tmp_path).instances for estate in (ESTATE, Estate(8, ANCHOR + timedelta(days=3)))
    )
    assert here.instance_id == there.instance_id


def test_an_instance_is_launched_before_its_first_point(tmp_path):
    write(tmp_path, "cpu_a.csv", "2014-02-14 14:25:00,1", "2014-02-14 14:30:00,1")
    world = replayed(ESTATE, tmp_path)
    assert world.instances[0].launched_at < datetime(2026, 3, 18, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("2014-02-14 14:35:00", "cpu.csv:3: 1 columns instead of 2"),
        ("2014-02-14 14:35:00,1,2", "cpu.csv:3: 3 columns instead of 2"),
        ("14 February,1", "cpu.csv:3: Invalid isoformat string"),
        ("2014-02-14 14:35:00,high", "cpu.csv:3: could not convert string to float"),
        ("2014-02-14 14:35:00,nan", "cpu.csv:3: nan is not a number"),
        ("2014-02-14 14:35:00+01:00,1", "cpu.csv:3: the timestamp must be UTC"),
    ],
)
def test_a_bad_row_is_named_with_its_file_and_line(tmp_path, row, complaint):
    path = write(tmp_path, "cpu.csv", "2014-02-14 14:30:00,1", row)
    with pytest.raises(TraceError) as caught:
        read(path)
    assert complaint in str(caught.value)


def test_a_wrong_header_is_line_1(tmp_path):
    path = write(tmp_path, "cpu.csv", "2014-02-14 14:30:00,1", header="time,cpu")
    with pytest.raises(TraceError, match=r"cpu\.csv:1: the header must be timestamp,value, not 'time,cpu'"):
        read(path)


def test_a_file_without_rows_is_refused(tmp_path):
    with pytest.raises(TraceError, match=r"cpu\.csv:2: no row"):
        read(write(tmp_path, "cpu.csv"))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "cpu.csv").write_bytes(b"timestamp,value\n\xff\xfe")
    with pytest.raises(TraceError, match=r"cpu\.csv: cannot be read"):
        read(tmp_path / "cpu.csv")


def test_a_folder_without_csv_files_is_refused(tmp_path):
    with pytest.raises(TraceError, match=r"holds no \.csv file"):
        replayed(ESTATE, tmp_path)
