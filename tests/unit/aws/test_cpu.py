"""Daily CPU figures are CloudWatch's own, complete, and unknown where there are no samples."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from botocore.exceptions import ReadTimeoutError

from collectors.aws.cpu import CpuDay, batch_size, daily_cpu, metric_queries
from core.errors import InvalidInputError, PermanentCloudError, TransientCloudError

FIRST, SECOND, THIRD = (date(2026, 3, day) for day in (1, 2, 3))
NAMES = ("q0", "q1", "q2")


def epoch(day, hour=0):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()


def metric(name, points=(), *, status="Complete", **members):
    """One metric's result; points are pairs of a time and a value."""
    times, values = zip(*points, strict=True) if points else ((), ())
    return {
        "Id": name,
        "Label": "CPUUtilization",
        "Timestamps": times,
        "Values": values,
        "StatusCode": status,
        **members,
    }


def page(*metrics, token=None):
    return {"MetricDataResults": list(metrics)} | ({"NextToken": token} if token else {})


def one_day(average=5, maximum=9.5, hours=range(24), number=0):
    """The three results of an instance that had 12 samples in each of the hours of one day."""
    return (
        metric(f"q{3 * number}", [(epoch(FIRST), average)]),
        metric(f"q{3 * number + 1}", [(epoch(FIRST), maximum)]),
        metric(f"q{3 * number + 2}", [(epoch(FIRST, hour), 12.0) for hour in hours]),
    )


def figures(cloud, *instance_ids):
    return [day for batch in daily_cpu(cloud, "eu-west-1", instance_ids, FIRST, THIRD) for day in batch]


def test_a_day(aws, cloud):
    aws.say(page(*one_day(average=12.345, maximum=99.5)))
    assert figures(cloud, "i-1") == [
        CpuDay("i-1", FIRST, average=12.345, maximum=99.5, samples=24 * 12, coverage=1.0)
    ]


def test_coverage_is_the_share_of_hours_with_samples(aws, cloud):
    aws.say(page(*one_day(hours=range(6))))
    [day] = figures(cloud, "i-1")
    assert (day.samples, day.coverage) == (6 * 12, 6 / 24)


def test_an_hour_without_samples_is_not_covered(aws, cloud):
    average, maximum, _ = one_day()
    count = metric("q2", [(epoch(FIRST, 0), 12), (epoch(FIRST, 1), 0)])
    aws.say(page(average, maximum, count))
    [day] = figures(cloud, "i-1")
    assert (day.samples, day.coverage) == (12, 1 / 24)


def test_a_day_without_samples_is_unknown_rather_than_zero(aws, cloud):
    aws.say(page(*map(metric, NAMES)))
    assert figures(cloud, "i-1") == []


def test_what_is_asked(aws, cloud):
    aws.say(page(*map(metric, NAMES)))
    figures(cloud, "i-1")
    [asked] = aws.asked()
    assert (asked["StartTime"], asked["EndTime"]) == (epoch(FIRST), epoch(THIRD))
    assert asked["ScanBy"] == "TimestampAscending"
    assert [
        (query["Id"], query["MetricStat"]["Stat"], query["MetricStat"]["Period"])
        for query in asked["MetricDataQueries"]
    ] == [("q0", "Average", 86400), ("q1", "Maximum", 86400), ("q2", "SampleCount", 3600)]
    for query in asked["MetricDataQueries"]:
        assert query["MetricStat"]["Metric"] == {
            "Namespace": "AWS/EC2",
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        }


def test_no_instances_no_call(aws, cloud):
    assert figures(cloud) == []
    assert aws.requests == []


def test_the_order_is_by_instance_and_day(aws, cloud):
    second = [
        metric("q3", [(epoch(SECOND), 2), (epoch(FIRST), 1)]),
        metric("q4", [(epoch(FIRST), 1), (epoch(SECOND), 2)]),
        metric("q5", [(epoch(SECOND), 12), (epoch(FIRST), 12)]),
    ]
    aws.say(page(*second, *one_day()))
    assert [(day.instance_id, day.date) for day in figures(cloud, "i-1", "i-2")] == [
        ("i-1", FIRST),
        ("i-2", FIRST),
        ("i-2", SECOND),
    ]


def test_a_metric_may_span_pages(aws, cloud):
    average, maximum, count = one_day()
    early = dict(count, Timestamps=count["Timestamps"][:10], Values=count["Values"][:10])
    late = dict(count, Timestamps=count["Timestamps"][10:], Values=count["Values"][10:])
    aws.say(page(average, early | {"StatusCode": "PartialData"}, token="t-1")).say(page(maximum, late))
    [day] = figures(cloud, "i-1")
    assert (day.samples, day.coverage) == (24 * 12, 1.0)
    assert [asked.get("NextToken") for asked in aws.asked()] == [None, "t-1"]


def test_data_that_stay_partial_are_refused(aws, cloud):
    average, maximum, count = one_day()
    aws.say(page(average, maximum, count | {"StatusCode": "PartialData"}))
    with pytest.raises(TransientCloudError, match="PartialData"):
        figures(cloud, "i-1")


def test_a_metric_that_is_left_out_is_refused(aws, cloud):
    aws.say(page(*one_day()[:2]))
    with pytest.raises(TransientCloudError, match="only in part"):
        figures(cloud, "i-1")


def test_a_day_of_which_only_a_part_is_known_is_refused(aws, cloud):
    average, _, count = one_day()
    aws.say(page(average, metric("q1"), count))
    with pytest.raises(TransientCloudError, match="part of the figures of i-1 on 2026-03-01"):
        figures(cloud, "i-1")


def test_a_forbidden_metric_is_permanent(aws, cloud):
    messages = [{"Code": "c", "Value": "not yours"}]
    aws.say(page(*one_day()[:2], metric("q2", status="Forbidden", Messages=messages)))
    with pytest.raises(PermanentCloudError, match="not yours"):
        figures(cloud, "i-1")


def test_an_internal_error_of_a_metric_is_transient(aws, cloud):
    aws.say(page(*one_day()[:2], metric("q2", status="InternalError")))
    with pytest.raises(TransientCloudError, match="failed inside CloudWatch"):
        figures(cloud, "i-1")


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(metric("q2") | {"Values": [1]}, id="fewer times than values"),
        pytest.param(metric("q9"), id="a metric nobody asked for"),
        pytest.param(metric("q2", [(0, None)]), id="no value"),
        pytest.param(metric("q2", [(0, float("nan"))]), id="not a number"),
    ],
)
def test_an_odd_answer_is_refused(aws, cloud, odd):
    aws.say(page(*one_day()[:2], odd))
    with pytest.raises(TransientCloudError, match="cannot be read"):
        figures(cloud, "i-1")


@pytest.mark.parametrize("body", [b"", b'{"MetricDataResults": [', b"<html/>", b"{}"])
def test_an_answer_that_is_none_is_not_taken_for_no_data(aws, cloud, body):
    aws.say(body)
    with pytest.raises(TransientCloudError, match="no MetricDataResults"):
        figures(cloud, "i-1")


def test_an_empty_window_is_refused(aws, cloud):
    with pytest.raises(InvalidInputError, match="must come later"):
        list(daily_cpu(cloud, "eu-west-1", ["i-1"], FIRST, FIRST))


@pytest.mark.parametrize(
    ("days", "instances"),
    [
        (1, 166),  # 500 queries / 3
        (23, 166),  # 166 instances x 23 days x 26 points = 99,268
        (24, 161),  # 100,800 points / (24 days x 26)
        (31, 125),  # 100,800 points / (31 days x 26)
        (5000, 1),
    ],
)
def test_a_batch_keeps_to_both_limits(days, instances):
    assert batch_size(days) == instances


def test_batches_are_asked_one_after_the_other(aws, cloud, tally):
    names = [f"i-{number}" for number in range(170)]
    aws.say(page(*(result for number in range(166) for result in one_day(number=number))))
    aws.say(page(*(result for number in range(4) for result in one_day(number=number))))
    batches = daily_cpu(cloud, "eu-west-1", names, FIRST, FIRST + timedelta(days=1))
    assert [day.instance_id for day in next(batches)] == names[:166]
    assert len(aws.requests) == 1
    assert [day.instance_id for day in next(batches)] == names[166:]
    assert [len(asked["MetricDataQueries"]) for asked in aws.asked()] == [498, 12]
    assert (tally.calls, tally.usd) == (2, Decimal("0.0051"))


def test_the_quote_is_what_is_asked():
    assert metric_queries(170) == 498 + 12


def test_timeouts_are_retried_and_then_transient(aws, cloud, tally):
    aws.fail(ReadTimeoutError(endpoint_url="u", error="e"))
    with pytest.raises(TransientCloudError, match="got no answer"):
        figures(cloud, "i-1")
    assert tally.calls == 4
