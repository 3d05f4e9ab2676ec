"""What AWS and botocore say, told as the two kinds of failure that CloudIntel knows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from core.errors import (
    AccessRefusedError,
    CloudIntelError,
    CredentialsRefusedError,
    PermanentCloudError,
    TransientCloudError,
)

_TRANSIENT_CODES = frozenset(
    {
        # Throttling, as botocore's standard retry mode knows it.
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        # The service's own trouble.
        "InternalError",
        "InternalFailure",
        "InternalServiceError",
        "InternalServiceFault",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "Unavailable",
        # A page's token went stale; a scan from the first page works.
        "InvalidNextToken",
        "InvalidNextTokenException",
        "RequestChangedException",
    }
)
_TRANSIENT_STATUS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)})
_POLICY = "Attach the policy in the README to the role or user that CloudIntel uses."
_RENEW = "Renew the credentials of CloudIntel's workers and check that their clock is right."
_REGION = "Enable the region for this account, or leave it out of the account's regions."
# What a region answers that the account has not enabled, too.
_ELSEWHERE = f"Where other regions answer: {_REGION} Otherwise: {_RENEW}"
_ADVICE = {
    "AccessDenied": _POLICY,
    "AccessDeniedException": _POLICY,
    "UnauthorizedOperation": _POLICY,
    "AuthFailure": _ELSEWHERE,
    "ExpiredToken": _RENEW,
    "ExpiredTokenException": _RENEW,
    "IncompleteSignature": _RENEW,
    "InvalidClientTokenId": _RENEW,
    "InvalidSignatureException": _RENEW,
    "MissingAuthenticationToken": _RENEW,
    "RequestExpired": _RENEW,
    "SignatureDoesNotMatch": _RENEW,
    "UnrecognizedClientException": _RENEW,
    "OptInRequired": _REGION,
    "RegionDisabledException": _REGION,
    "DataUnavailableException": "Enable Cost Explorer in the billing console; its first data take a day.",
}
_TRUST = (
    "Check the account's role ARN, and that the role's trust policy names CloudIntel's identity "
    "and the account's external id."
)
_KINDS: dict[str, type[PermanentCloudError]] = {
    _POLICY: AccessRefusedError,
    _ELSEWHERE: AccessRefusedError,
    _RENEW: CredentialsRefusedError,
    _TRUST: CredentialsRefusedError,
}
_CREDENTIALS = (
    "Give the workers AWS credentials: environment variables, a profile, or the role of their machine."
)
_TRANSIENT_FAILURES = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    boto.MetadataRetrievalError,
)
_CREDENTIAL_FAILURES = (
    boto.ConfigParseError,
    boto.CredentialRetrievalError,
    boto.InfiniteLoopConfigError,
    boto.InvalidConfigError,
    boto.LoginError,
    boto.NoAuthTokenError,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.UnknownCredentialError,
)
_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_LONGEST_QUOTE = 300


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn botocore's failures inside the block into ours; `what` is like "ec2:DescribeRegions in eu-west-1".

    The causes are cut off on purpose: they may carry whole answers, signed requests and tokens.
    Raises: TransientCloudError where the same call may succeed later, AccessRefusedError where permissions
    are at fault, CredentialsRefusedError where it is the credentials, PermanentCloudError otherwise.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _refusal(what, error) from None
    except _TRANSIENT_FAILURES as error:
        raise TransientCloudError(f"{what} got no answer: {_quoted(error)}") from None
    except _CREDENTIAL_FAILURES as error:
        message = f"{what} could not be signed: {_quoted(error)} {_CREDENTIALS}"
        raise CredentialsRefusedError(message) from None
    except boto.BotoCoreError as error:
        raise PermanentCloudError(f"{what} could not be asked: {_quoted(error)}") from None
    except (ResponseParserError, ValueError) as error:
        # botocore's parsers let the errors of int(), float() and decode() through.
        raise torn(what, type(error).__name__) from None


def torn(what: str, detail: str) -> TransientCloudError:
    """Return the error for an answer that is not whole, or not an answer to the question."""
    return TransientCloudError(f"{what} was answered with something that cannot be read ({detail}).")


def _refusal(what: str, error: boto.ClientError) -> CloudIntelError:
    answer = error.response.get("Error", {})
    code = answer.get("Code") or "unknown"
    operation = "" if error.operation_name in what else f" by {error.operation_name}"
    said = f"{code}: {_quoted(_reason(answer.get('Message', '')))}"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _TRANSIENT_CODES or status in _TRANSIENT_STATUS:
        return TransientCloudError(f"{what} was turned away{operation} for now ({said})")
    advice = _advice(code, error.operation_name)
    return _KINDS.get(advice, PermanentCloudError)(f"{what} was refused{operation} ({said}) {advice}")


def _advice(code: str, operation: str) -> str:
    if operation == "AssumeRole" and code in {"AccessDenied", "ValidationError", "NoSuchEntity"}:
        return _TRUST
    return _ADVICE.get(code, "Nothing was stored; the same call will be refused again.")


def _reason(message: str) -> str:
    """Return what an answer gives as its reason, without what may be secret.

    SignatureDoesNotMatch, for one, goes on from its second line with the signed request, session token
    included.
    """
    line = message.strip().partition("\n")[0].partition("Encoded authorization failure message")[0]
    return line or "no reason given"


def _quoted(message: object) -> str:
    """Return a message as one sentence of sensible length, without access keys."""
    said = _ACCESS_KEY.sub("(access key)", " ".join(str(message).split()))[:_LONGEST_QUOTE]
    return said if said.endswith(".") else f"{said}."
