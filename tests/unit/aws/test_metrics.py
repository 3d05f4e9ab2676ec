"""Metrics of instances come by calls of 500, each with the instances that are complete with it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collectors.aws import metrics
from collectors.aws.metricdata import Window
from collectors.aws.metrics import Target
from core.errors import PermanentCloudError, TransientCloudError

NINE = datetime(2026, 3, 20, 9, tzinfo=UTC)
FIVE = timedelta(minutes=5)
WINDOW = Window(NINE, NINE + 3 * FIVE)
NAN = float("nan")


# --- Readings --------------------------------------------------------------------------------
def result(number, points=(), **members):
    """One query's result; `points` are values by the number of their period."""
    told = dict(points)
    return {
        "Id": f"q{number}",
        "Timestamps": [(NINE + place * FIVE).timestamp() for place in told],
        "Values": list(told.values()),
        "StatusCode": "Complete",
        **members,
    }


def page(*results, token=None):
    return {"MetricDataResults": list(results)} | ({"NextToken": token} if token else {})


def read(cloud, *targets):
    return list(metrics.readings(cloud, "eu-west-1", targets, WINDOW))


def same(grid, *rows):
    return np.array_equal(grid, np.array(rows, np.float64), equal_nan=True)


def test_a_grid_has_a_row_for_each_target_and_a_column_for_each_moment(aws, cloud):
    targets = Target("i-1"), Target("i-2", {"InstanceId": "i-2", "ImageId": "ami-1"})
    cpu, network = ({0: 1, 1: 2.5}, {0: 3.0}), ({0: 10, 1: 20}, {1: 30})
    aws.say(
        page(
            *(result(0, cpu[0]), result(1, network[0]), result(2, {1: 0})),
            *(result(3, cpu[1]), result(4, network[1]), result(5), result(6, {1: 50.5})),
        )
    )
    [found] = read(cloud, *targets)
    assert (found.targets, found.moments) == (list(targets), [NINE, NINE + FIVE])
    assert same(found.cpu, [1.0, 2.5], [3.0, NAN])
    assert same(found.network_in, [10.0, 20.0], [NAN, 30.0])
    assert same(found.network_out, [NAN, 0.0], [NAN, NAN])
    assert same(found.memory, [NAN, NAN], [NAN, 50.5])


def test_what_is_asked(aws, cloud):
    aws.say(page(*map(result, range(4))))
    read(cloud, Target("i-1", {"InstanceId": "i-1", "ImageId": "ami-1"}))
    [asked] = aws.asked()
    assert (asked["StartTime"], asked["EndTime"]) == (NINE.timestamp(), (NINE + 3 * FIVE).timestamp())
    stats = [query["MetricStat"] for query in asked["MetricDataQueries"]]
    assert [(stat["Metric"]["MetricName"], stat["Stat"], stat["Period"]) for stat in stats] == [
        ("CPUUtilization", "Average", 300),
        ("NetworkIn", "Sum", 300),
        ("NetworkOut", "Sum", 300),
        ("mem_used_percent", "Average", 300),
    ]
    assert stats[3]["Metric"]["Dimensions"] == [
        {"Name": "InstanceId", "Value": "i-1"},
        {"Name": "ImageId", "Value": "ami-1"},
    ]


def test_nothing_measured_is_nothing_known(aws, cloud):
    aws.say(page(*map(result, range(3))))
    [found] = read(cloud, Target("i-1"))
    assert (found.moments, found.cpu.shape, found.memory.shape) == ([], (1, 0), (1, 0))


def test_no_targets_no_call(aws, cloud):
    assert read(cloud) == []
    assert aws.requests == []


def test_a_target_that_a_call_cuts_belongs_to_the_next_call(aws, cloud):
    aws.say(page(*(result(number, {0: number}) for number in range(500))))
    aws.say(page(*(result(number, {0: 500 + number}) for number in range(10))))
    targets = [Target(f"i-{number}") for number in range(170)]
    first, second = read(cloud, *targets)
    assert (first.targets, second.targets) == (targets[:166], targets[166:])  # 500 = 166 * 3 + 2
    cpu = np.concatenate([first.cpu, second.cpu])
    assert same(cpu, *([3.0 * number] for number in range(170)))
    assert [len(asked["MetricDataQueries"]) for asked in aws.asked()] == [500, 10]


def test_metrics_that_are_published_more_often_are_asked_by_their_period(aws, cloud):
    minute = timedelta(minutes=1)
    window = Window(NINE, NINE + 10 * minute)
    told = {"Timestamps": [(NINE + n * minute).timestamp() for n in range(10)], "Values": [*range(10)]}
    aws.say(page(result(0) | told, *map(result, (1, 2, 3))))
    target = Target("i-1", {"InstanceId": "i-1"})
    [found] = metrics.readings(cloud, "eu-west-1", [target], window, period_s=60)
    assert same(found.cpu, [*range(10)])
    assert {query["MetricStat"]["Period"] for query in aws.asked()[0]["MetricDataQueries"]} == {60}


def test_targets_with_memory_are_cut_alike(aws, cloud):
    aws.say(page(*(result(number, {0: number}) for number in range(500))))
    aws.say(page(*(result(number, {0: 500 + number}) for number in range(4))))
    targets = [Target(f"i-{number}", {"InstanceId": f"i-{number}"}) for number in range(126)]
    first, second = read(cloud, *targets)
    assert (len(first.targets), len(second.targets)) == (125, 1)
    assert same(second.memory, [503.0])


def test_what_was_read_is_there_although_a_later_call_fails(aws, cloud):
    aws.say(page(*map(result, range(500)))).refuse_json("AccessDeniedException")
    found = metrics.readings(cloud, "eu-west-1", [Target(f"i-{number}") for number in range(170)], WINDOW)
    assert len(next(found).targets) == 166
    with pytest.raises(PermanentCloudError):
        next(found)


def test_a_metric_may_span_pages(aws, cloud):
    early = result(0, {0: 1.0, 1: 2.0}, StatusCode="PartialData")
    aws.say(page(early, result(1), token="t-1")).say(page(result(0, {1: 5.0, 2: 3.0}), result(2)))
    [found] = read(cloud, Target("i-1"))
    assert same(found.cpu, [1.0, 5.0, 3.0])


def test_moments_ascend_whatever_the_order_of_the_answer(aws, cloud):
    aws.say(page(result(0, {2: 3.0, 0: 1.0}), result(1, {1: 2.0}), result(2)))
    [found] = read(cloud, Target("i-1"))
    assert found.moments == [NINE, NINE + FIVE, NINE + 2 * FIVE]
    assert same(found.cpu, [1.0, NAN, 3.0])


@pytest.mark.parametrize("place", [-1, 0.5, 3], ids=["before the window", "between periods", "after it"])
def test_a_point_that_was_not_asked_for_is_kept_with_its_time(aws, cloud, place):
    aws.say(page(result(0, {place: 7.0}), result(1), result(2)))
    [found] = read(cloud, Target("i-1"))
    assert (found.moments, found.cpu.tolist()) == ([NINE + place * FIVE], [[7.0]])


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(result(2, {0: 1, 1: 2, 2: 3, 3: 4}), id="more moments than there are"),
        pytest.param(result(2) | {"Timestamps": [None], "Values": [1]}, id="no time"),
        pytest.param(result(2) | {"Values": [1]}, id="fewer times than values"),
        pytest.param(result(2, {0: None}), id="no value"),
        pytest.param(result(2, {0: NAN}), id="not a number"),
        pytest.param(result(2, {0: float("-inf")}), id="not finite"),
        pytest.param(result(2, {0: "1"}), id="text"),
        pytest.param(result(9), id="nobody asked"),
    ],
)
def test_an_odd_answer_is_refused(aws, cloud, odd):
    aws.say(page(result(0), result(1), odd))
    with pytest.raises(TransientCloudError, match="cannot be read"):
        read(cloud, Target("i-1"))


@pytest.mark.parametrize("status", ["PartialData", "InternalError", ""])
def test_a_metric_that_is_not_complete_is_refused(aws, cloud, status):
    aws.say(page(result(0), result(1), result(2, StatusCode=status)))
    with pytest.raises(TransientCloudError):
        read(cloud, Target("i-1"))


# --- Memory ----------------------------------------------------------------------------------
def listed(*dimensions, token=None):
    """A page of ListMetrics; each metric by its dimensions."""
    found = [{"Dimensions": [{"Name": n, "Value": v} for n, v in one.items()]} for one in dimensions]
    return {"Metrics": found} | ({"NextToken": token} if token else {})


def test_memory_is_found_where_the_agent_publishes_it(aws, cloud):
    aws.say(listed({"InstanceId": "i-1"}, {"ImageId": "ami-1", "InstanceId": "i-2"}, {"host": "elsewhere"}))
    assert metrics.memory_page(cloud, "eu-west-1", None) == (
        {"i-1": {"InstanceId": "i-1"}, "i-2": {"ImageId": "ami-1", "InstanceId": "i-2"}},
        None,
    )
    [asked] = aws.asked()
    assert asked == {"Namespace": "CWAgent", "MetricName": "mem_used_percent", "RecentlyActive": "PT3H"}


def test_of_several_memory_metrics_the_one_with_the_fewest_dimensions_counts(aws, cloud):
    more, fewer = {"ImageId": "ami-1", "InstanceId": "i-1"}, {"InstanceId": "i-1"}
    aws.say(listed(more, fewer, more))
    assert metrics.memory_page(cloud, "eu-west-1", None)[0] == {"i-1": fewer}


def test_pages_of_memory_follow_each_other(aws, cloud):
    aws.say(listed({"InstanceId": "i-1"}, token="t-1")).say(listed({"InstanceId": "i-2"}))
    first, token = metrics.memory_page(cloud, "eu-west-1", None)
    second, last = metrics.memory_page(cloud, "eu-west-1", token)
    assert (set(first), token, set(second), last) == ({"i-1"}, "t-1", {"i-2"}, None)
    assert [asked.get("NextToken") for asked in aws.asked()] == [None, "t-1"]


def test_a_page_of_memory_that_leads_to_itself_is_refused(aws, cloud):
    aws.say(listed(token="t-1"))
    with pytest.raises(TransientCloudError, match="the token that it was asked with"):
        metrics.memory_page(cloud, "eu-west-1", "t-1")


def test_no_listing_is_not_taken_for_no_memory(aws, cloud):
    aws.say({})
    with pytest.raises(TransientCloudError, match="no Metrics"):
        metrics.memory_page(cloud, "eu-west-1", None)
