"""Counting and pricing what is asked of AWS, by hooks into botocore's events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Protocol

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ConnectionError as UnreachableError
from botocore.model import OperationModel

from collectors.aws.pricing import call_price

_CALL = "cloudintel-call"
_SENT = "cloudintel-sent"


@dataclass(frozen=True, slots=True)
class Call:
    """One API operation, that is one page, and its price if it succeeds."""

    service: str
    operation: str
    usd: Decimal


class Meter(Protocol):
    """What is told of every call, in this order: reserve, sent (once an attempt), perhaps refund."""

    def reserve(self, call: Call) -> None:
        """Take the price of a call that is about to be sent.

        Raises: BudgetExceededError, and then nothing is sent.
        """

    def sent(self, call: Call) -> None:
        """Note one HTTP request: every attempt counts."""

    def refund(self, call: Call) -> None:
        """Give back the price of a call that failed in the end."""


@dataclass(slots=True)
class Tally:
    """A meter without a limit, kept in memory."""

    calls: int = 0
    usd: Decimal = field(default_factory=Decimal)

    def reserve(self, call: Call) -> None:
        self.usd += call.usd

    def sent(self, call: Call) -> None:
        self.calls += 1

    def refund(self, call: Call) -> None:
        self.usd -= call.usd


def attach(client: BaseClient, meter: Meter) -> None:
    """Have `meter` told of every call of `client`."""
    hooks = _Hooks(meter)
    for event, hook in (
        ("before-parameter-build", hooks.price),
        ("before-call", hooks.reserve),
        ("before-send", hooks.sent),
        ("after-call", hooks.answered),
        ("after-call-error", hooks.failed),
    ):
        client.meta.events.register(event, hook)


class _Hooks:
    """One client's event handlers; botocore hands the call's own context from one to the next."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def price(
        self, params: Mapping[str, Any], model: OperationModel, context: dict[str, Any], **_: Any
    ) -> None:
        service = model.service_model.service_name
        context[_CALL] = Call(service, model.name, call_price(service, model.name, params))

    def reserve(self, context: dict[str, Any], **_: Any) -> None:
        self._meter.reserve(context[_CALL])

    def sent(self, request: AWSPreparedRequest, **_: Any) -> None:
        context: dict[str, Any] = request.context  # type: ignore[attr-defined]  # the stubs lack it
        context[_SENT] = True
        self._meter.sent(context[_CALL])

    def answered(self, http_response: AWSResponse, context: dict[str, Any], **_: Any) -> None:
        if http_response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            self._meter.refund(context[_CALL])

    def failed(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        """Refund what never reached AWS; a request whose answer was lost may well be charged."""
        if _SENT not in context or isinstance(exception, UnreachableError):
            self._meter.refund(context[_CALL])
