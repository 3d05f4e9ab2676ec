"""The long question of GetMetricData, written by orjson: botocore would check and convert each member of it.

The queries are taken out of a call's parameters before botocore builds the request, and put into the body
before it is signed. What CloudWatch would refuse, such as a member that it does not know, it refuses itself.
"""

from typing import Any

import orjson
from botocore.client import BaseClient
from botocore.model import OperationModel

_OPERATION, _PROTOCOL = "GetMetricData", "json"
_QUERIES = "MetricDataQueries"
_WRITTEN = "cloudintel-queries"


def install(client: BaseClient) -> None:
    """Have the client's queries written fast; clients of other services stay as they are."""
    service = client.meta.service_model
    if service.service_name != "cloudwatch" or service.resolved_protocol != _PROTOCOL:
        return
    # A handler of one operation would come before those of all, which price the queries.
    client.meta.events.register_last("before-parameter-build", _take_out)
    client.meta.events.register(f"before-call.{service.service_id.hyphenize()}.{_OPERATION}", _put_in)


def _take_out(params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: Any) -> None:
    """Write the queries, and leave botocore none to see to; what cannot be written, botocore will tell."""
    if model.name != _OPERATION or not params.get(_QUERIES):
        return
    try:
        context[_WRITTEN] = orjson.Fragment(orjson.dumps(params[_QUERIES]))
    except orjson.JSONEncodeError:
        return
    params[_QUERIES] = []


def _put_in(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Complete the body of a request that botocore has built."""
    if _WRITTEN in context:
        params["body"] = orjson.dumps({**orjson.loads(params["body"]), _QUERIES: context[_WRITTEN]})
