"""What every AWS answer shares: who calls what, and refusals in the caller's protocol."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import orjson

from democloud.protocol import AwsError, Json

ACCOUNT = "123456789012"
"""The account of all access keys that AssumeRole did not hand out."""

_CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_SESSION_KEY = re.compile(r"ASIA(\d{12})STUB")
_QUERY_SERVICES = frozenset({"autoscaling", "ec2", "sts"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the access key's account, the region, the service's signing name and the question."""

    account: str
    region: str
    service: str
    action: str
    parameters: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    body: bytes
    content_type: bytes = b"text/xml;charset=UTF-8"
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())

    def torn(self) -> "Answer":
        """Return the first half of the answer, as if that were all."""
        return Answer(self.body[: len(self.body) // 2], self.content_type, self.status, self.headers)


Handler = Callable[[Call], Answer]
"""What answers an action. Raises: AwsError."""


def call_of(headers: Mapping[bytes, bytes], body: bytes) -> Call:
    """Read a request; its signature says who asks where, and is not verified.

    Raises: AwsError for a request without a signature, or with a body that cannot be read.
    """
    found = _CREDENTIAL.search(headers.get(b"authorization", b""))
    if not found:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)
    access_key, region, service = (part.decode() for part in found.groups())
    action, parameters = _question(headers, body)
    return Call(_account(access_key), region, service, action, parameters)


def session_key(account: str) -> str:
    """Return the access key that AssumeRole hands out for a role of the account."""
    return f"ASIA{account}STUB"


def _account(access_key: str) -> str:
    found = _SESSION_KEY.fullmatch(access_key)
    return found[1] if found else ACCOUNT


def _question(headers: Mapping[bytes, bytes], body: bytes) -> tuple[str, Json]:
    target = headers.get(b"x-amz-target", b"").decode()
    if target:
        return target.rpartition(".")[2], _json(body)
    parameters: Json = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return str(parameters.pop("Action", "")), parameters


def _json(body: bytes) -> Json:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AwsError("SerializationException", "The body is not JSON") from error
    if not isinstance(found, dict):
        raise AwsError("SerializationException", "The body is not a JSON object")
    return found


def json_answer(body: bytes) -> Answer:
    """Answer in the JSON protocol."""
    return Answer(body, b"application/x-amz-json-1.0")


def refusal(error: AwsError, service: str) -> Answer:
    """Put a refusal in the protocol that the service speaks."""
    if service in _QUERY_SERVICES:
        return Answer(_xml(error), status=error.status)
    body = orjson.dumps({"__type": error.code, "message": error.message})
    told = ((b"x-amzn-query-error", f"{error.code};Sender".encode()),)
    return Answer(body, b"application/x-amz-json-1.0", error.status, told)


def _xml(error: AwsError) -> bytes:
    """Serve both XML protocols: EC2 readers look below `Errors`, the others for `Error`."""
    inner = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<ErrorResponse>{inner}<Errors>{inner}</Errors><RequestId>stub</RequestId></ErrorResponse>"
    ).encode()
