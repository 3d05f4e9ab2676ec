"""CloudWatch's answers of the demo cloud, against points that the tests choose or compute themselves."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest

from democloud.cloudwatch import get_metric_data, list_metrics
from democloud.estate import PRODUCTION, Estate, fleet
from democloud.load import cpu_percent, period
from democloud.protocol import AwsError
from democloud.world import Series, generated

MIDNIGHT = datetime(2026, 3, 18, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(hours=10, minutes=20)
ESTATE = Estate(seed=7, anchor=NOW)
INSTANCE = fleet(ESTATE)[0]
DETAILED = next(one for one in fleet(ESTATE) if one.detailed_monitoring)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def series(points, *, instance=INSTANCE, metric_name="CPUUtilization", unit="Percent"):
    """A series with the given points: (hours after midnight, value)."""

    def between(start, end):
        moments = ((MIDNIGHT + timedelta(hours=hours), value) for hours, value in points)
        return [(moment, value) for moment, value in moments if start <= moment < end]

    return Series(instance, "AWS/EC2", metric_name, unit, between)


def series_of(instance):
    return [one for one in generated(ESTATE).series if one.instance == instance]


def step(instance):
    """Minutes from one point of the instance to the next."""
    return period(instance) // timedelta(minutes=1)


def query(stat="Average", period=3600, *, query_id="q", instance=INSTANCE, **extra):
    dimensions = [{"Name": "InstanceId", "Value": instance.instance_id}]
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": dimensions}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **extra}}


def request(*queries, start=MIDNIGHT, end=NOW, **extra):
    return {
        "MetricDataQueries": list(queries),
        "StartTime": start.timestamp(),
        "EndTime": end.timestamp(),
        "ScanBy": "TimestampAscending",
        **extra,
    }


def answer(known, asked, *, now=NOW):
    """(hours after midnight, value) of the only result."""
    (result,) = get_metric_data(known, asked, now=now)["MetricDataResults"]
    hours = [(moment - MIDNIGHT.timestamp()) / 3600 for moment in result["Timestamps"]]
    return list(zip(hours, result["Values"], strict=True))


def refusal(asked):
    with pytest.raises(AwsError) as caught:
        get_metric_data([], asked, now=NOW)
    return caught.value.code


@pytest.mark.parametrize(
    ("stat", "value"),
    [("Average", 20.0), ("Maximum", 40.0), ("Minimum", 5.0), ("Sum", 60.0), ("SampleCount", 3.0)],
)
def test_a_period_gathers_its_points_by_the_statistic(stat, value):
    known = [series([(0, 5), (0.25, 15), (0.5, 40)])]
    assert answer(known, request(query(stat))) == [(0, value)]


def test_a_period_without_points_is_absent():
    assert answer([series([(0, 1), (2, 3)])], request(query())) == [(0, 1.0), (2, 3.0)]


def test_the_window_is_half_open():
    known = [series([(1, 1), (2, 2), (3, 3)])]
    window = {"start": MIDNIGHT + timedelta(hours=1), "end": MIDNIGHT + timedelta(hours=3)}
    assert answer(known, request(query(), **window)) == [(1, 1.0), (2, 2.0)]


def test_a_point_arrives_at_its_own_timestamp():
    known, asked = [series([(9, 1), (10, 2)])], request(query(), end=MIDNIGHT + timedelta(days=1))
    ten = MIDNIGHT + timedelta(hours=10)
    assert answer(known, asked, now=ten - timedelta(seconds=1)) == [(9, 1.0)]
    assert answer(known, asked, now=ten) == [(9, 1.0), (10, 2.0)]


def arrived(instance, *, now):
    """How many points of the instance's day are published."""
    known = generated(ESTATE).series_of(instance.account_id, instance.region)
    asked = request(query("SampleCount", 86_400, instance=instance), end=MIDNIGHT + timedelta(days=1))
    ((_, count),) = answer(known, asked, now=now)
    return count


def test_points_of_the_fleet_keep_arriving_one_each_five_minutes():
    # By 10:20 there are ten hours of 12 points, and those of 10:00, 10:05, 10:10 and 10:15.
    counts = [arrived(INSTANCE, now=NOW + timedelta(minutes=minutes)) for minutes in (0, 4, 5, 60)]
    assert counts == [124, 124, 125, 136]


def test_detailed_monitoring_gives_a_point_a_minute():
    counts = [arrived(DETAILED, now=NOW + timedelta(minutes=minutes)) for minutes in (0, 1, 60)]
    assert counts == [620, 621, 680]


@pytest.mark.parametrize("instance", [INSTANCE, DETAILED], ids=["basic", "detailed"])
def test_a_point_of_the_fleet_arrives_when_its_period_has_ended(instance):
    (cpu,) = (one for one in series_of(instance) if one.metric_name == "CPUUtilization")
    late = [cpu.published(MIDNIGHT, NOW + HOUR, now=now)[-1][0] for now in (NOW - SECOND, NOW)]
    assert late == [NOW - 2 * period(instance), NOW - period(instance)]


@pytest.mark.parametrize("instance", [INSTANCE, DETAILED], ids=["basic", "detailed"])
def test_a_window_within_an_hour_holds_the_points_between_its_ends(instance):
    start, end = MIDNIGHT + timedelta(hours=3, minutes=7), MIDNIGHT + timedelta(hours=4, minutes=10)
    for one in series_of(instance):
        whole = one.points(MIDNIGHT, MIDNIGHT + timedelta(days=1))
        assert one.points(start, end) == [point for point in whole if start <= point[0] < end]
        assert len(one.points(start, end)) == len(
            range(10 if instance is INSTANCE else 7, 70, step(instance))
        )


@pytest.mark.parametrize("instance", [INSTANCE, DETAILED], ids=["basic", "detailed"])
@pytest.mark.parametrize("period_s", [300, 3600, 86_400])
@pytest.mark.parametrize(
    ("stat", "of_points"),
    [("Average", fmean), ("Maximum", max), ("Minimum", min), ("Sum", sum), ("SampleCount", len)],
)
def test_every_period_tells_of_the_same_points(instance, period_s, stat, of_points):
    day = MIDNIGHT - timedelta(days=1)
    (cpu,) = (one for one in series_of(instance) if one.metric_name == "CPUUtilization")
    periods = defaultdict(list)
    for moment, value in cpu.points(day, MIDNIGHT):
        periods[(moment - day) // timedelta(seconds=period_s)].append(value)
    asked = request(query(stat, period_s, instance=instance), start=day, end=MIDNIGHT)
    expected = [pytest.approx(of_points(values)) for _, values in sorted(periods.items())]
    assert [value for _, value in answer([cpu], asked)] == expected
    assert len(expected) == 86_400 // period_s


def test_the_daily_average_is_the_mean_of_the_model():
    day = MIDNIGHT - timedelta(days=1)
    known = generated(ESTATE).series_of(INSTANCE.account_id, INSTANCE.region)
    hours = [cpu_percent(INSTANCE, day + timedelta(hours=hour)) for hour in range(24)]
    answered = answer(known, request(query("Average", 86_400), start=day, end=MIDNIGHT))
    assert answered == [(-24, pytest.approx(sum(hours) / 24, abs=1e-9))]


def test_newest_first_unless_asked_otherwise():
    known, asked = [series([(1, 1), (2, 2)])], request(query())
    del asked["ScanBy"]
    assert answer(known, asked) == [(2, 2.0), (1, 1.0)]


@pytest.mark.parametrize("stat", ["Average", "SampleCount"])
def test_an_unknown_instance_has_no_values_and_no_error(stat):
    assert answer([], request(query(stat))) == []


def test_another_unit_than_the_metrics_finds_nothing():
    assert answer([series([(1, 1)])], request(query(Unit="Bytes"))) == []


def test_what_is_not_to_be_returned_is_not():
    asked = request(query(query_id="shown"), {**query(query_id="hidden"), "ReturnData": False})
    results = get_metric_data([], asked, now=NOW)["MetricDataResults"]
    assert [result["Id"] for result in results] == ["shown"]


def pages(known, asked):
    found = [get_metric_data(known, asked, now=NOW)]
    while token := found[-1].get("NextToken"):
        found.append(get_metric_data(known, {**asked, "NextToken": token}, now=NOW))
    return found


def test_pages_hold_together_what_one_answer_holds():
    known = [series([(hour, hour) for hour in range(10)])]
    asked = request(query(query_id="a"), query("Maximum", query_id="b"), query("Sum", 86_400, query_id="c"))
    (whole,), split = pages(known, asked), pages(known, {**asked, "MaxDatapoints": 4})
    # 10 + 10 + 1 points in pages of 4: one metric's points span pages.
    assert [sum(len(result["Values"]) for result in page["MetricDataResults"]) for page in split] == [
        4,
        4,
        4,
        4,
        4,
        1,
    ]
    joined = {"a": [], "b": [], "c": []}
    for page in split:
        for result in page["MetricDataResults"]:
            joined[result["Id"]] += result["Values"]
    assert joined == {result["Id"]: result["Values"] for result in whole["MetricDataResults"]}


def test_a_metric_that_goes_on_at_the_next_page_is_partial_data():
    known, asked = [series([(hour, hour) for hour in range(3)])], request(query(), MaxDatapoints=2)
    assert [page["MetricDataResults"][0]["StatusCode"] for page in pages(known, asked)] == [
        "PartialData",
        "Complete",
    ]


def test_a_metric_without_points_is_told_once():
    known = [series([(hour, hour) for hour in range(3)])]
    asked = request(query(query_id="a"), query(query_id="b", Unit="Bytes"), MaxDatapoints=2)
    told = [[result["Id"] for result in page["MetricDataResults"]] for page in pages(known, asked)]
    assert told == [["a", "b"], ["a"]]


def test_a_point_that_arrives_between_two_pages_changes_nothing():
    known = [series([(hour, hour) for hour in range(12)])]
    asked = request(query(), end=MIDNIGHT + timedelta(days=1), MaxDatapoints=8, ScanBy="TimestampDescending")
    first = get_metric_data(known, asked, now=NOW)
    following = {**asked, "NextToken": first["NextToken"]}
    late = get_metric_data(known, following, now=NOW + timedelta(hours=1))
    assert late["MetricDataResults"][0]["Values"] == [2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("period", "days_kept"), [(60, 15), (300, 63), (3600, 455)], ids=["1 min", "5 min", "1 h"]
)
def test_too_fine_a_period_for_an_old_point_returns_nothing(period, days_kept):
    kept, gone = -24 * days_kept + 11, -24 * days_kept + 10
    known = [series([(gone, 1), (kept, 2)])]
    asked = request(query(period=period), start=MIDNIGHT - timedelta(days=days_kept))
    assert answer(known, asked) == [(kept, 2.0)]


@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(*(query(query_id=f"q{number}") for number in range(501))),
        request(query(), query()),
        request(query(query_id="Upper")),
        request(query("p99")),
        request(query(period=61)),
        request(query(period=0)),
        request({"Id": "e", "Expression": "SUM(METRICS())"}),
        request({"Id": "m", "MetricStat": {"Period": 60, "Stat": "Sum"}}),
        request(query(), start=NOW, end=NOW),
        request(query(), StartTime="yesterday"),
        request(query(), MaxDatapoints="many"),
    ],
    ids=[
        "no query",
        "501 queries",
        "same id twice",
        "bad id",
        "percentile",
        "odd period",
        "no period",
        "expression",
        "no metric",
        "empty window",
        "no timestamp",
        "no number",
    ],
)
def test_what_cloudwatch_refuses_is_refused(asked):
    assert refusal(asked) == "ValidationError"


def test_a_token_of_another_request_is_refused():
    known = [series([(hour, hour) for hour in range(10)])]
    token = get_metric_data(known, request(query(), MaxDatapoints=4), now=NOW)["NextToken"]
    assert refusal(request(query("Sum"), MaxDatapoints=4, NextToken=token)) == "InvalidNextToken"


def test_metrics_are_listed_by_name_and_dimension():
    known = generated(ESTATE).series_of(PRODUCTION.account_id, "eu-west-1")
    wanted = {"MetricName": "NetworkIn", "Dimensions": [{"Name": "InstanceId"}]}
    listed = list_metrics(known, wanted, now=NOW)["Metrics"]
    here = [
        one for one in fleet(ESTATE) if (one.account_id, one.region) == (PRODUCTION.account_id, "eu-west-1")
    ]
    assert [metric["Dimensions"][0]["Value"] for metric in listed] == [one.instance_id for one in here]


def test_a_metric_without_points_for_two_weeks_is_not_listed():
    known = [series([(-24 * 15, 1)]), series([(-24 * 13, 1)], metric_name="NetworkIn")]
    assert [metric["MetricName"] for metric in list_metrics(known, {}, now=NOW)["Metrics"]] == ["NetworkIn"]


def test_long_lists_of_metrics_are_paged():
    known = [series([(1, 1)], metric_name=f"m{number}") for number in range(501)]
    first = list_metrics(known, {}, now=NOW)
    second = list_metrics(known, {"NextToken": first["NextToken"]}, now=NOW)
    assert (len(first["Metrics"]), len(second["Metrics"])) == (500, 1)
    assert "NextToken" not in second
