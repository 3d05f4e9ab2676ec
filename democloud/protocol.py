"""What every AWS answer shares: who calls, errors in the caller's protocol, and tokens of further pages."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import orjson
from werkzeug import Request, Response

Json = dict[str, Any]

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_XML = "text/xml; charset=utf-8"


class AwsError(Exception):
    """A refusal as AWS words it."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Scope:
    """What a signature names: the access key, the region and the service."""

    access_key: str
    region: str
    service: str

    @classmethod
    def of(cls, request: Request) -> "Scope":
        """Read the scope from the request's signature, which is not verified.

        Raises: AwsError when the request is not signed.
        """
        found = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        if not found:
            raise AwsError(
                "MissingAuthenticationToken", "Request is missing Authentication Token", status=403
            )
        return cls(*found.groups())


def json_answer(body: Json, request: Request) -> Response:
    """Answer in the JSON protocol of the request."""
    return Response(orjson.dumps(body), content_type=request.content_type or "application/x-amz-json-1.1")


def xml_answer(body: str, *, status: int = 200) -> Response:
    """Answer in XML, as the query protocol does."""
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}', status=status, content_type=_XML)


def error_answer(error: AwsError, request: Request) -> Response:
    """Put a refusal in the protocol in which the request came."""
    if "X-Amz-Target" not in request.headers:
        return xml_answer(_error_xml(error), status=error.status)
    answer = json_answer({"__type": error.code, "message": error.message}, request)
    answer.status_code = error.status
    answer.headers["x-amzn-query-error"] = f"{error.code};Sender"
    return answer


def _error_xml(error: AwsError) -> str:
    """Serve both XML protocols: EC2 readers look below `Errors`, the others for `Error`."""
    told = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    inner = f"<Error>{told}</Error>"
    return f"<ErrorResponse>{inner}<Errors>{inner}</Errors><RequestId>demo</RequestId></ErrorResponse>"


@dataclass(frozen=True)
class Cursor:
    """Where a paged answer goes on: how much was sent, of what was known at `asked_at`."""

    asked_at: datetime
    sent: int = 0


@dataclass(frozen=True)
class Paging:
    """How one API names its token of the next page, and its refusal of a token that does not fit."""

    token_name: str
    error_code: str

    def cursor(self, request: Json, *, now: datetime) -> Cursor:
        """Continue the answer that the request's token belongs to, or start one.

        Raises: AwsError when the token is malformed or belongs to another request.
        """
        token = request.get(self.token_name)
        if not token:
            return Cursor(now)
        try:
            fingerprint, asked_at, sent = base64.urlsafe_b64decode(str(token)).decode().split("|")
            cursor = Cursor(datetime.fromtimestamp(float(asked_at), UTC), int(sent))
        except (ValueError, OverflowError) as error:
            raise AwsError(self.error_code, f"The {self.token_name} is malformed") from error
        if fingerprint != self._fingerprint(request) or cursor.sent < 0:
            raise AwsError(self.error_code, f"The {self.token_name} belongs to another request")
        return cursor

    def token(self, request: Json, cursor: Cursor) -> Json:
        """Return the member of the answer with which the same request gets the next page."""
        text = f"{self._fingerprint(request)}|{cursor.asked_at.timestamp()!r}|{cursor.sent}"
        return {self.token_name: base64.urlsafe_b64encode(text.encode()).decode()}

    def _fingerprint(self, request: Json) -> str:
        rest = {key: value for key, value in request.items() if key != self.token_name}
        return hashlib.blake2b(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
