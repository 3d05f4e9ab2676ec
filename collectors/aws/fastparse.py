"""Fast parsing of the three answers that are long: botocore signs, retries and knows endpoints, we read.

botocore emits `before-parse` with the raw answer. The handlers here read it, hand the result to botocore as
customised members, and leave it a body with nothing but the request id to parse. Whatever they do not know
for certain (an error, another protocol, another root, a shape they cannot follow) stays as it came, for
botocore's own parser; the values are equal either way.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from botocore.client import BaseClient
from botocore.model import OperationModel, Shape
from lxml import etree

from collectors.aws import fastask, fastjson, fastxml, wanted
from collectors.aws.shapes import Parser

logger = logging.getLogger(__name__)

Look = Callable[[bytes], None]
_look: ContextVar[Look | None] = ContextVar("look", default=None)

# What the parsers raise on an answer, or on a shape, that they cannot follow.
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    etree.LxmlError,
)


def install(client: BaseClient) -> None:
    """Have the client's long answers parsed fast, and its long question written so.

    Clients of other services stay as they are.
    """
    fastask.install(client)
    service = client.meta.service_model
    for name, protocol, compiler in _OPERATIONS.get(service.service_name, ()):
        event = f"before-parse.{service.service_id.hyphenize()}.{name}"
        client.meta.events.register(event, _Handler(protocol, compiler))


@contextmanager
def showing(look: Look) -> Iterator[None]:
    """Show `look` the bodies of the long answers that are asked for in the block, before they are parsed."""
    before = _look.set(look)
    try:
        yield
    finally:
        _look.reset(before)


@dataclass(slots=True)
class _Handler:
    """The `before-parse` handler of one operation of one client."""

    protocol: str
    compiler: Callable[[Shape], Parser]
    parse: Parser | None = None

    def __call__(
        self,
        operation_model: OperationModel,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: Any,
    ) -> None:
        if response_dict["status_code"] >= HTTPStatus.MULTIPLE_CHOICES:
            return
        if look := _look.get():
            look(response_dict["body"])
        shape = operation_model.output_shape
        if shape is None or operation_model.service_model.resolved_protocol != self.protocol:
            return
        try:
            self.parse = self.parse or self.compiler(shape)
            members, rest = self.parse(response_dict["body"])
        except _UNREADABLE as error:
            logger.info("%s is left to botocore's parser: %s", operation_model.name, type(error).__name__)
        else:
            customized_response_dict.update(members)
            response_dict["body"] = rest


_OPERATIONS: dict[str, tuple[tuple[str, str, Callable[[Shape], Parser]], ...]] = {
    "ec2": (
        (
            "DescribeInstances",
            "ec2",
            partial(fastxml.compiled, wanted=wanted.INSTANCES, unread=wanted.BULKY_IN_INSTANCES),
        ),
        ("DescribeVolumes", "ec2", partial(fastxml.compiled, wanted=wanted.VOLUMES)),
    ),
    "cloudwatch": (("GetMetricData", "json", fastjson.compiled),),
}
