"""GetMetricData is asked what botocore would ask, with the queries written by orjson."""

from datetime import UTC, datetime
from decimal import Decimal

import boto3
import pytest
from botocore.exceptions import ParamValidationError

from collectors.aws import fastask

EMPTY = {"MetricDataResults": []}
STAT = {
    "Metric": {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
    },
    "Period": 300,
    "Stat": "Average",
}
QUERIES = [
    {"Id": "a", "MetricStat": STAT},
    {"Id": "b", "MetricStat": STAT | {"Unit": "Percent"}, "ReturnData": False, "AccountId": "123456789012"},
    {"Id": "c", "Expression": 'a / "Größe" \\ 2', "Label": "東京 \U0001f680 \u2028", "Period": 60},
]
QUESTION = {
    "StartTime": datetime(2026, 3, 1, 8, tzinfo=UTC),
    "EndTime": datetime(2026, 3, 1, 9, tzinfo=UTC),
    "ScanBy": "TimestampAscending",
    "MetricDataQueries": QUERIES,
}


@pytest.fixture
def plain():
    """A client without hooks."""
    return boto3.Session().client("cloudwatch", region_name="eu-west-1")


@pytest.fixture
def client(cloud):
    return cloud.client("cloudwatch", "eu-west-1")


@pytest.mark.parametrize(
    "members",
    [{}, {"NextToken": "t-1", "MaxDatapoints": 10, "LabelOptions": {"Timezone": "+0100"}}],
    ids=["the first page", "a further page"],
)
def test_the_question_is_that_of_botocore(aws, client, plain, members):
    aws.say(EMPTY)
    for one in (client, plain):
        one.get_metric_data(**QUESTION, **members)
    ours, theirs = aws.asked()
    assert ours == theirs
    assert ours["MetricDataQueries"] == QUERIES
    assert aws.requests[0].headers["X-Amz-Target"] == aws.requests[1].headers["X-Amz-Target"]
    assert int(aws.requests[0].headers["Content-Length"]) == len(aws.requests[0].body)


def test_botocore_is_spared_the_queries(aws, client):
    aws.say(EMPTY)
    seen = []
    client.meta.events.register_last(
        "before-parameter-build", lambda params, **_: seen.append(params["MetricDataQueries"])
    )
    client.get_metric_data(**QUESTION)
    assert seen == [[]]


def test_the_callers_queries_stay_as_they_are(aws, client):
    aws.say(EMPTY)
    question = dict(QUESTION)
    client.get_metric_data(**question)
    assert question == QUESTION


def test_every_page_repeats_the_queries_and_has_its_price(aws, client, tally):
    aws.say(EMPTY | {"NextToken": "t-1"}).say(EMPTY)
    list(client.get_paginator("get_metric_data").paginate(**QUESTION))
    assert [(asked.get("NextToken"), asked["MetricDataQueries"]) for asked in aws.asked()] == [
        (None, QUERIES),
        ("t-1", QUERIES),
    ]
    assert tally.usd == 2 * 3 * Decimal("0.00001")


def test_every_attempt_asks_the_same(aws, client):
    aws.refuse_json("Throttling").say(EMPTY)
    client.get_metric_data(**QUESTION)
    first, second = aws.asked()
    assert first == second


@pytest.mark.parametrize("name", [object(), b"a"])
def test_botocore_tells_what_cannot_be_written(client, name):
    with pytest.raises(ParamValidationError, match=r"MetricDataQueries\[0\].Id"):
        client.get_metric_data(**QUESTION | {"MetricDataQueries": [{"Id": name}]})


def test_other_questions_stay_with_botocore(aws, client, plain):
    aws.say({"Metrics": []})
    for one in (client, plain):
        one.list_metrics(Namespace="CWAgent")
    ours, theirs = aws.requests
    assert ours.body == theirs.body


def test_another_protocol_stays_with_botocore(aws, plain, monkeypatch):
    aws.say(EMPTY)
    monkeypatch.setattr(plain.meta.service_model, "resolved_protocol", "query", raising=False)
    fastask.install(plain)
    with pytest.raises(ParamValidationError):
        plain.get_metric_data(**QUESTION | {"MetricDataQueries": [{}]})
