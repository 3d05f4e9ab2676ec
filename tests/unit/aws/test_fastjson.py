"""CloudWatch's JSON means the same to orjson and to botocore, or it is left to botocore."""

import json
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from botocore.model import ServiceModel

from benchmarks import answers
from collectors.aws import fastjson
from collectors.aws.shapes import UnknownShapeError
from tests.unit.aws.both import Both, assert_left_to_botocore, assert_read_fast_and_equal


@pytest.fixture(scope="module")
def metrics():
    return Both("cloudwatch", "GetMetricData")


def page(**members):
    return json.dumps({"MetricDataResults": [members]}).encode()


def values(text):
    return f'{{"MetricDataResults":[{{"Id":"a","Timestamps":[],"Values":[{text}]}}]}}'.encode()


def test_a_page_as_cloudwatch_lays_it_out(metrics):
    parsed = assert_read_fast_and_equal(metrics, answers.get_metric_data(20, 12))
    assert len(parsed["MetricDataResults"]) == 20
    assert parsed["ResponseMetadata"]["RequestId"] == "id-1"


def test_times_are_aware_and_in_utc(metrics):
    parsed = assert_read_fast_and_equal(metrics, page(Timestamps=[1_772_352_907, 1.772352907e9]))
    assert parsed["MetricDataResults"][0]["Timestamps"] == [datetime(2026, 3, 1, 8, 15, 7, tzinfo=UTC)] * 2


def test_numbers_keep_their_kind(metrics):
    parsed = assert_read_fast_and_equal(metrics, values("1,1.0,0.1"))
    assert [type(value) for value in parsed["MetricDataResults"][0]["Values"]] == [int, float, float]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0,-0,0.0,-0.0",
        "1e-324,2.2250738585072014e-308,1.7976931348623157e18",
        "0.1,0.30000000000000004,3.141592653589793238462643383279",
        "9007199254740993",
        "-4611686018427387904",
        "1E2,1e+2,100",
    ],
)
def test_equal_numbers(metrics, text):
    assert_read_fast_and_equal(metrics, values(text))


@pytest.mark.parametrize(
    "written",
    [0, -1, 1_772_352_907.25, 4_102_444_800, "2026-03-01T08:15:07Z", "2026-03-01T09:15:07+01:00", None],
)
def test_equal_times(metrics, written):
    assert_read_fast_and_equal(metrics, page(Timestamps=[written, written]))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="nothing"),
        pytest.param(b'{"MetricDataResults":[]}', id="no metrics"),
        pytest.param(b'{"MetricDataResults":null,"NextToken":null}', id="nulls"),
        pytest.param(b'{"MetricDataResults":[null,{}],"NextToken":"a+/="}', id="null in a list"),
        pytest.param(
            b'{"Messages":[{"Code":"c","Value":"v"},null],"MetricDataResults":[{"Messages":[]}]}',
            id="messages",
        ),
        pytest.param(
            b'{"MetricDataResults":[{"Id":"a","Label":null,"StatusCode":"PartialData","New":{"b":[1]}}],"New":1}',
            id="unknown members",
        ),
        pytest.param(b'{"MetricDataResults":[{"Id":1,"Label":["odd"],"Id":"twice"}]}', id="other kinds"),
        pytest.param(
            ' {"MetricDataResults":[{"Label":"Größe 東京 \\ud83d\\ude80 \\u0000"}]} '.encode(),
            id="characters",
        ),
    ],
)
def test_equal_pages(metrics, body):
    assert_read_fast_and_equal(metrics, body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not JSON", id="not JSON"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(answers.get_metric_data(3, 3)[:-20], id="torn"),
        pytest.param("\ufeff{}".encode(), id="byte order mark"),
        pytest.param(b'{"MetricDataResults":{}}', id="object for a list"),
        pytest.param(b'{"MetricDataResults":[[]]}', id="array for an object"),
        pytest.param(b'{"MetricDataResults":[{"Label":"\\ud83d"}]}', id="lone surrogate"),
        pytest.param(b'{"MetricDataResults":[{"Label":"\xe4"}]}', id="not UTF-8"),
        pytest.param(page(Timestamps=["soon"]), id="no time"),
        pytest.param(page(Timestamps=[1e20]), id="time out of range"),
        pytest.param(page(Timestamps=[[1]]), id="list for a time"),
        pytest.param(page(Timestamps="1"), id="text for times"),
        pytest.param(page(Values="12"), id="text for values"),
        pytest.param(page(Values=[None]), id="null value"),
        pytest.param(page(Values=["1"]), id="text value"),
        pytest.param(values("NaN"), id="NaN"),
        pytest.param(values("Infinity"), id="infinity"),
        pytest.param(values("1e400"), id="overflow"),
        pytest.param(values("18446744073709551617"), id="beyond 64 bits"),
        pytest.param(values("-18446744073709551617,18446744073709551617"), id="beyond 64 bits, both ways"),
    ],
)
def test_what_it_does_not_know_is_left_to_botocore(metrics, body):
    assert_left_to_botocore(metrics, body)


def test_errors_are_left_to_botocore(metrics):
    body = b'{"__type":"InvalidNextToken","message":"no"}'
    assert assert_left_to_botocore(metrics, body, 400)["Error"]["Code"] == "InvalidNextToken"


def test_another_protocol_is_left_to_botocore(metrics, monkeypatch):
    monkeypatch.setattr(metrics.model.service_model, "resolved_protocol", "smithy-rpc-v2-cbor", raising=False)
    assert_left_to_botocore(metrics, b'{"MetricDataResults":[]}')


@pytest.mark.parametrize("name", ["Map", "Blob", "Union", "Document"])
def test_a_shape_it_does_not_know_is_refused(name):
    with pytest.raises(UnknownShapeError):
        fastjson.compiled(shape({"shape": name}))


def test_a_shape_may_contain_itself():
    parse = fastjson.compiled(shape({"shape": "Output", "locationName": "inner"}))
    assert parse(b'{"inner":{"inner":{}}}')[0] == {"Member": {"Member": {}}}


def shape(member):
    """An output shape with one member."""
    shapes = deepcopy(SHAPES)
    shapes["Output"]["members"]["Member"] = member
    return ServiceModel({"metadata": {}, "shapes": shapes}).shape_for("Output")


SHAPES = {
    "Output": {"type": "structure", "members": {}},
    "Text": {"type": "string"},
    "Blob": {"type": "blob"},
    "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "Union": {"type": "structure", "union": True, "members": {"A": {"shape": "Text"}}},
    "Document": {"type": "structure", "document": True, "members": {}},
}
