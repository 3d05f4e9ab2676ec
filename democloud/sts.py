"""STS: who calls, and AssumeRole of the roles that lead to the other accounts.

A session's access key is derived from its account, so that sessions outlive a restart of the demo cloud:
a client that holds one never reads another account by mistake.
"""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug import Request, Response

from democloud.chance import unit
from democloud.estate import ACCOUNTS, PRODUCTION, Account
from democloud.protocol import AwsError, Scope, xml_answer

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
_SHORTEST_S, _LONGEST_S, _DEFAULT_S = 900, 43_200, 3600


def _session_key(account: Account) -> str:
    drawn = (_ALPHABET[int(32 * unit("session", account.account_id, place))] for place in range(16))
    return "ASIA" + "".join(drawn)


_ACCOUNT_OF_KEY = {_session_key(account): account for account in ACCOUNTS if account.role_arn}
_ACCOUNT_OF_ROLE = {account.role_arn: account for account in ACCOUNTS if account.role_arn}


def account_of(scope: Scope) -> Account:
    """Return the account that the signature speaks for; keys not issued here are the default credentials."""
    return _ACCOUNT_OF_KEY.get(scope.access_key, PRODUCTION)


def answer(request: Request, scope: Scope, *, now: datetime) -> Response:
    """Answer AssumeRole and GetCallerIdentity.

    Raises: AwsError for unknown roles, malformed parameters and other operations.
    """
    action = request.form.get("Action", "")
    if action == "AssumeRole":
        return _wrapped(action, _assume_role(request, scope, now=now))
    if action == "GetCallerIdentity":
        return _wrapped(action, _caller_identity(scope))
    raise AwsError("InvalidAction", f"The demo cloud has no sts:{action}")


def _wrapped(action: str, result: str) -> Response:
    return xml_answer(
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )


def _assume_role(request: Request, scope: Scope, *, now: datetime) -> str:
    role_arn, session = request.form.get("RoleArn", ""), request.form.get("RoleSessionName", "")
    if not _SESSION_NAME.fullmatch(session):
        raise AwsError("ValidationError", "RoleSessionName must be 2 to 64 letters, digits or +=,.@-_")
    account = _ACCOUNT_OF_ROLE.get(role_arn)
    if account is None:
        caller = _arn(account_of(scope))
        message = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
        raise AwsError("AccessDenied", message, status=403)
    expires_at = now.astimezone(UTC) + _duration(request)
    return (
        f"<AssumedRoleUser><AssumedRoleId>{_user_id(account)}</AssumedRoleId>"
        f"<Arn>{escape(_arn(account, session))}</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{_session_key(account)}</AccessKeyId>"
        f"<SecretAccessKey>demo</SecretAccessKey><SessionToken>demo</SessionToken>"
        f"<Expiration>{expires_at:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
    )


def _duration(request: Request) -> timedelta:
    seconds = request.form.get("DurationSeconds", _DEFAULT_S, type=int)
    if not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise AwsError("ValidationError", f"DurationSeconds must be {_SHORTEST_S} to {_LONGEST_S}")
    return timedelta(seconds=seconds)


def _caller_identity(scope: Scope) -> str:
    account = account_of(scope)
    who = f"<Arn>{_arn(account)}</Arn><UserId>{_user_id(account)}</UserId>"
    return f"{who}<Account>{account.account_id}</Account>"


def _user_id(account: Account) -> str:
    return f"AROA{_session_key(account)[4:]}:demo" if account.role_arn else "AIDADEMOCLOUDEXAMPLE"


def _arn(account: Account, session: str = "demo") -> str:
    if not account.role_arn:
        return f"arn:aws:iam::{account.account_id}:user/demo"
    role = account.role_arn.rpartition("/")[2]
    return f"arn:aws:sts::{account.account_id}:assumed-role/{role}/{session}"
