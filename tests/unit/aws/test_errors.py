"""What goes wrong in AWS is told as transient or permanent, in a sentence that says what to do."""

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from collectors.aws.errors import translated
from core.errors import AccessRefusedError, BudgetExceededError, PermanentCloudError, TransientCloudError

WHAT = "ec2:DescribeInstances in eu-west-1"


def refusal(code, message="no", *, status=400, operation="DescribeInstances"):
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(answer, operation)


def told(error):
    with pytest.raises((TransientCloudError, PermanentCloudError)) as caught, translated(WHAT):
        raise error
    assert caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        refusal("RequestLimitExceeded", status=503),
        refusal("ThrottlingException"),
        refusal("LimitExceededException"),
        refusal("Whatever", status=429),
        refusal("Whatever", status=500),
        refusal("InvalidNextToken"),
        boto.EndpointConnectionError(endpoint_url="u", error="e"),
        boto.ConnectTimeoutError(endpoint_url="u", error="e"),
        boto.ReadTimeoutError(endpoint_url="u", error="e"),
        boto.ConnectionClosedError(endpoint_url="u", error="e"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseParserError("torn"),
        ValueError("torn"),
    ],
    ids=lambda error: str(error)[:60],
)
def test_transient(error):
    assert isinstance(told(error), TransientCloudError)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (refusal("UnauthorizedOperation", status=403), "Attach the policy in the README"),
        (refusal("AccessDeniedException"), "Attach the policy in the README"),
        (refusal("AccessDenied", operation="AssumeRole"), "trust policy"),
        (refusal("ExpiredToken"), "Renew the credentials"),
        (refusal("RequestExpired"), "Renew the credentials"),
        (refusal("InvalidClientTokenId", status=403), "Renew the credentials"),
        (refusal("OptInRequired"), "Enable the region"),
        (refusal("AuthFailure", status=401), "Enable the region"),
        (refusal("DataUnavailableException"), "Enable Cost Explorer"),
        (refusal("InvalidParameterValue"), "will be refused again"),
        (boto.NoCredentialsError(), "Give the workers AWS credentials"),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), "Give the workers AWS credentials"),
        (boto.ProfileNotFound(profile="p"), "Give the workers AWS credentials"),
        (boto.UnauthorizedSSOTokenError(), "Give the workers AWS credentials"),
        (boto.ParamValidationError(report="r"), "could not be asked"),
        (boto.NoRegionError(), "could not be asked"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_permanent(error, advice):
    found = told(error)
    assert isinstance(found, PermanentCloudError)
    assert advice in str(found)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (refusal("UnauthorizedOperation", status=403), True),
        (refusal("AccessDenied", operation="AssumeRole"), True),
        (refusal("ExpiredToken"), True),
        (refusal("AuthFailure", status=401), True),
        (boto.NoCredentialsError(), True),
        (refusal("OptInRequired"), False),
        (refusal("InvalidParameterValue"), False),
        (refusal("ThrottlingException"), False),
        (boto.ParamValidationError(report="r"), False),
    ],
    ids=lambda value: str(value)[:60],
)
def test_tells_credentials_and_permissions_from_other_causes(error, refused):
    assert isinstance(told(error), AccessRefusedError) is refused


def test_says_what_was_asked_and_what_was_answered():
    error = told(refusal("UnauthorizedOperation", "You are not authorized to perform this operation."))
    assert str(error) == (
        "ec2:DescribeInstances in eu-west-1 was refused (UnauthorizedOperation: You are not authorized to "
        "perform this operation.) Attach the policy in the README to the role or user that CloudIntel uses."
    )


def test_names_the_operation_that_was_refused_on_the_way():
    assert "was refused by AssumeRole (AccessDenied" in str(
        told(refusal("AccessDenied", operation="AssumeRole"))
    )


@pytest.mark.parametrize(
    "message",
    [
        "The signature does not match.\n\nThe Canonical String was\nx-amz-security-token:SECRET",
        "You are not authorized. Encoded authorization failure message: SECRET",
    ],
)
def test_keeps_secrets_to_itself(message):
    assert "SECRET" not in str(told(refusal("SignatureDoesNotMatch", message)))


def test_keeps_access_keys_to_itself():
    assert "AKIA" not in str(told(refusal("Odd", "The key AKIAIOSFODNN7EXAMPLE is odd")))


def test_keeps_whole_answers_to_itself():
    assert "SECRET" not in str(told(ResponseParserError("invalid XML received:\n<x>SECRET")))


def test_our_own_errors_pass():
    with pytest.raises(BudgetExceededError), translated(WHAT):
        raise BudgetExceededError("no money")
