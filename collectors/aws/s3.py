"""The client of S3 for files of the platform's own and of others; AWS_ENDPOINT_URL may name another S3."""

from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_extra="cloudintel",
)


def new_client() -> Any:
    """Return a client with the credentials that the platform has for itself."""
    return boto3.Session().client("s3", config=_CONFIG)
