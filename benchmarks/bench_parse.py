"""Parsing: the long answers of AWS through the hooks, beside botocore's own parser on the same bytes."""

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import boto3
from botocore.parsers import create_parser

from benchmarks import answers
from collectors.aws import fastparse
from collectors.aws.wanted import INSTANCES as INSTANCES_WANTED
from collectors.aws.wanted import Wanted

INSTANCES, QUERIES = 1000, 500
ROUNDS = 5

Parse = Callable[[bytes], dict[str, Any]]


def parsers(service: str, operation: str) -> tuple[Parse, Parse]:
    """Return botocore's way from an answer's bytes to its values, and the same with the hooks installed."""
    plain, hooked = _client(service), _client(service)
    fastparse.install(hooked)
    return _way(plain, operation), _way(hooked, operation)


def _client(service: str) -> Any:
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106
    return session.client(service, region_name="eu-west-1")


def _way(client: Any, operation: str) -> Parse:
    """Return what botocore's endpoint does with an answer once it has read it from the connection."""
    model = client.meta.service_model.operation_model(operation)
    event = f"before-parse.{model.service_model.service_id.hyphenize()}.{operation}"

    def parse(body: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = {"status_code": 200, "headers": {}, "body": body}
        customised: dict[str, Any] = {}
        client.meta.events.emit(
            event, operation_model=model, response_dict=answer, customized_response_dict=customised
        )
        parser = create_parser(model.service_model.resolved_protocol)
        parsed: dict[str, Any] = parser.parse(answer, model.output_shape)
        parsed.update(customised)
        return parsed

    return parse


def _seconds(parse: Parse, body: bytes, loops: int) -> float:
    gc.collect()
    start = time.perf_counter()
    for _ in range(loops):
        parse(body)
    return (time.perf_counter() - start) / loops


def _compared(
    service: str, operation: str, body: bytes, *, wanted: Wanted | None = None, loops: int = 1
) -> tuple[float, float]:
    """Return the median seconds of both ways, taken in turns; differing values are no result."""
    botocore, hooked = parsers(service, operation)
    if _only(botocore(body), wanted) != _only(hooked(body), wanted):
        raise SystemExit(f"The two parsers of {operation} differ.")
    rounds = [(_seconds(botocore, body, loops), _seconds(hooked, body, loops)) for _ in range(ROUNDS)]
    return median(theirs for theirs, _ in rounds), median(ours for _, ours in rounds)


def _only(value: Any, wanted: Any) -> Any:
    """Return what is wanted of a value; None is all of it."""
    if not isinstance(wanted, dict):
        return value
    if isinstance(value, list):
        return [_only(item, wanted) for item in value]
    return {name: _only(value[name], below) for name, below in wanted.items() if name in value}


def measure() -> dict[str, float]:
    """Return how many times faster the hooks are, and what an instance costs either way."""
    page = answers.describe_instances(INSTANCES)
    theirs, ours = _compared("ec2", "DescribeInstances", page, wanted=INSTANCES_WANTED)
    figures = {
        "parse_describe_instances_ratio": round(theirs / ours, 1),
        "parse_describe_instances_us_each": round(ours / INSTANCES * 1e6, 1),
        "parse_describe_instances_botocore_us_each": round(theirs / INSTANCES * 1e6, 1),
    }
    for points, loops in ((12, 10), (288, 1)):
        page = answers.get_metric_data(QUERIES, points)
        theirs, ours = _compared("cloudwatch", "GetMetricData", page, loops=loops)
        figures[f"parse_get_metric_data_{points}_points_ratio"] = round(theirs / ours, 1)
    return figures
