"""Amazon SNS: a topic by its ARN, published to with what boto3's default credential chain finds.

Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import json
import re
from http import HTTPStatus
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from alerts import outcomes
from alerts.outcomes import Outcome
from alerts.telling import Message
from alerts.transports.machines import TIMEOUTS_S, MachinePlugin
from core.errors import InvalidInputError

# The region becomes a part of the endpoint's name, so it holds nothing but what regions' names are made of.
_ARN = re.compile(r"arn:aws(?:-[a-z]+)*:sns:([a-z]{2}(?:-[a-z]+)+-\d):\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")
_LONGEST_SUBJECT = 99
"""It must be less than 100 characters."""
MOST_BYTES = 250_000
"""SNS takes 256 KiB, attributes included."""
_CUT_BODY = 20_000
_CONFIG = Config(connect_timeout=TIMEOUTS_S[0], read_timeout=TIMEOUTS_S[1], retries={"total_max_attempts": 1})
_LATER = ("Throttl", "RequestLimitExceeded", "ExpiredToken", "RequestExpired")
"""What codes begin with, or are, that may not come another time."""


def region(arn: str) -> str:
    """Return the region of a topic. Raises: InvalidInputError."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise InvalidInputError("A topic of SNS is arn:aws:sns:REGION:ACCOUNT:NAME")
    return found[1]


class SnsPlugin(MachinePlugin):
    """Publishes one message to one topic."""

    service_name = "Amazon SNS"
    secure_protocol = "cloudintel-sns"

    def _sent(self) -> Outcome:
        try:
            # A session of its own: boto3's default one is not for several threads.
            client = boto3.Session().client("sns", region_name=region(self._target), config=_CONFIG)
            client.publish(**request(self._target, self._message))
        except ClientError as error:
            return judge(error)
        except (NoCredentialsError, PartialCredentialsError):
            return outcomes.failed("There are no AWS credentials to publish with.")
        except BotoCoreError as error:
            return outcomes.failed(f"SNS cannot be reached ({type(error).__name__}).")
        return outcomes.DELIVERED


def request(arn: str, message: Message) -> dict[str, Any]:
    """Return what Publish is asked; a FIFO topic keeps the order of what is told of one alert."""
    attributes = message.attributes
    asked: dict[str, Any] = {
        "TopicArn": arn,
        "Subject": subject(message.title),
        "Message": fitting(message.payload),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
    if arn.endswith(".fifo"):
        asked["MessageGroupId"] = f"alert-{message.facts['id']}" if message.facts else "cloudintel"
        asked["MessageDeduplicationId"] = str(message.delivery_id)
    return asked


def subject(title: str) -> str:
    """Return a title as a subject may be: ASCII, one line, short."""
    return " ".join(title.encode("ascii", "replace").decode().split())[:_LONGEST_SUBJECT]


def fitting(payload: dict[str, Any]) -> str:
    """Return the payload as JSON; where that is too long to be taken, with the beginning of its body."""
    written = json.dumps(payload, ensure_ascii=False)
    if len(written.encode()) <= MOST_BYTES:
        return written
    alert = payload["alert"]
    cut = {**payload, "alert": {**alert, "body": f"{alert['body'][:_CUT_BODY]}…"}}
    return json.dumps(cut, ensure_ascii=False)


def judge(error: ClientError) -> Outcome:
    """Judge a refusal by its code and status; AWS's own words name who asked, and are left out."""
    answer: Any = error.response
    code = str(answer.get("Error", {}).get("Code", "unknown"))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code.startswith(_LATER) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return outcomes.failed(f"SNS answered {code}.")
    help_ = " It takes the permission sns:Publish." if status == HTTPStatus.FORBIDDEN else ""
    return outcomes.refused(f"SNS answered {code}.{help_}")
