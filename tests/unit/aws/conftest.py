"""AWS as botocore's HTTP session sees it: requests go in, bytes come out, nothing leaves the process."""

import io
import json
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.httpsession import URLLib3Session
from botocore.retries.standard import ExponentialBackoff
from urllib3 import HTTPResponse

from collectors.aws.metering import Tally
from collectors.aws.session import Access, Cloud


@dataclass
class Aws:
    """Answers requests in the order of `answers`, the last one again and again; keeps what was asked."""

    answers: deque = field(default_factory=deque)
    requests: list = field(default_factory=list)

    def say(self, body, *, status=200, request_id="id-1"):
        """Queue an answer: bytes, or something for JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, {"x-amzn-requestid": request_id}, content))
        return self

    def fail(self, error):
        """Queue a failure of the connection."""
        self.answers.append(error)
        return self

    def refuse_xml(self, code, message="no", *, status=400):
        """Queue an error as EC2 words it."""
        return self.say(
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>r</RequestID></Response>".encode(),
            status=status,
        )

    def refuse_sts(self, code, message="no", *, status=403):
        """Queue an error as STS words it."""
        return self.say(
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>r</RequestId></ErrorResponse>".encode(),
            status=status,
        )

    def refuse_json(self, code, message="no", *, status=400):
        """Queue an error as Cost Explorer and CloudWatch word it."""
        return self.say({"__type": code, "message": message}, status=status)

    def sends(self, request):
        self.requests.append(request)
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers, body = answer
        raw = HTTPResponse(body=io.BytesIO(body), preload_content=False)
        return AWSResponse(request.url, status, HeadersDict(headers), raw)

    def asked(self):
        """What each request asked: the decoded JSON, or the form's fields."""
        return [_decoded(request.body) for request in self.requests]


def _decoded(body):
    text = body.decode() if isinstance(body, bytes) else body
    if text.startswith("{"):
        return json.loads(text)
    return {name: values[0] for name, values in parse_qs(text).items()}


@pytest.fixture
def aws(monkeypatch):
    """An AWS that says what it is told to, without waiting between retries."""
    double = Aws()
    monkeypatch.setattr(URLLib3Session, "send", lambda self, request: double.sends(request))
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)
    return double


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """An environment with credentials and without anybody's configuration."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE12")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def cloud(tally):
    """The door to an account by the default credential chain."""
    return Cloud(Access(account_id=None), tally)
