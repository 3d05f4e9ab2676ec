"""STS: who calls, and roles of any account for whoever asks."""

import re
from datetime import UTC, datetime, timedelta

from benchmarks.stub.protocol import Answer, Call, session_key
from democloud.protocol import AwsError

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/([\w+=,.@/-]+)")
_VALID = timedelta(hours=1)


def caller_identity(call: Call) -> Answer:
    """Answer GetCallerIdentity."""
    return _wrapped(
        call.action,
        f"<Arn>arn:aws:iam::{call.account}:user/stub</Arn><UserId>AIDASTUB</UserId>"
        f"<Account>{call.account}</Account>",
    )


def assume_role(call: Call) -> Answer:
    """Answer AssumeRole. Raises: AwsError for what is not a role's ARN."""
    found = _ROLE.fullmatch(str(call.parameters.get("RoleArn", "")))
    if not found:
        raise AwsError("ValidationError", "The RoleArn is invalid")
    account, role = found.groups()
    expires_at = datetime.now(UTC) + _VALID
    return _wrapped(
        call.action,
        f"<AssumedRoleUser><AssumedRoleId>AROASTUB:stub</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/{role}/stub</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{session_key(account)}</AccessKeyId>"
        "<SecretAccessKey>stub</SecretAccessKey><SessionToken>stub</SessionToken>"
        f"<Expiration>{expires_at:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>",
    )


def _wrapped(action: str, result: str) -> Answer:
    return Answer(
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata></{action}Response>".encode()
    )
