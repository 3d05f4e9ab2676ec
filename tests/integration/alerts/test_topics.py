"""Topics of Amazon SNS (moto) and Google Pub/Sub (a local stand-in): what is sent, what failures mean."""

import base64
import datetime as dt
import json
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from alerts import services, telling
from alerts.models import Channel, Delivery, Kind, Severity
from alerts.services import delivering
from alerts.transports import google, pubsub, sending, sns
from tests import builders
from tests.integration.alerts.conftest import _serving

KEY = uuid.UUID("aa0e8400-e29b-41d4-a716-446655440005")
NOW = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
TOPIC = "projects/our-project/topics/alerts"
FACTS = {"id": 7, "key": "disk:full", "severity": "error", "title": "Full", "body": "Délete."}
MESSAGE = telling.Message(
    "opened", KEY, NOW, title="[error] Full", body="Délete.", severity=Severity.ERROR, facts=FACTS
)
ATTRIBUTES = {"event": "opened", "severity": "error", "key": "disk:full"}


# --- Amazon SNS ------------------------------------------------------------------------------
@pytest.fixture
def queue(moto_aws):
    """Create a topic and a queue that hears of it: `queue("name")` returns the ARN and how to read."""

    def create(name):
        is_fifo = name.endswith(".fifo")
        attributes = {"FifoTopic": "true"} if is_fifo else {}
        topics, queues = (boto3.client(service, region_name="eu-west-1") for service in ("sns", "sqs"))
        arn = topics.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        kind = {"FifoQueue": "true"} if is_fifo else {}
        url = queues.create_queue(QueueName=name, Attributes=kind)["QueueUrl"]
        asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
        return arn, lambda: read(queues, url)

    return create


def read(queues, url):
    answer = queues.receive_message(QueueUrl=url, AttributeNames=["All"], MaxNumberOfMessages=10)
    return [(json.loads(each["Body"]), each["Attributes"]) for each in answer.get("Messages", [])]


def test_a_topic_is_sent_the_json_with_a_subject_and_attributes(queue):
    arn, published = queue("alerts")
    assert sending.send("sns", arn, MESSAGE).is_delivered
    ((told, _),) = published()
    assert (told["TopicArn"], told["Subject"]) == (arn, "[error] Full")
    assert json.loads(told["Message"]) == MESSAGE.payload
    assert {name: each["Value"] for name, each in told["MessageAttributes"].items()} == ATTRIBUTES


def test_a_fifo_topic_takes_one_delivery_once_and_keeps_an_alerts_order(queue):
    arn, published = queue("alerts.fifo")
    assert all(sending.send("sns", arn, MESSAGE).is_delivered for _ in range(2))
    asked = sns.request(arn, MESSAGE)
    assert (asked["MessageGroupId"], asked["MessageDeduplicationId"]) == ("alert-7", str(KEY))
    assert len(published()) == 1


def test_a_topic_that_is_not_there_is_given_up(queue):
    arn, _published = queue("alerts")
    outcome = sending.send("sns", f"{arn}-gone", MESSAGE)
    assert (outcome.is_final, outcome.error) == (True, "SNS answered NotFound.")


def test_without_credentials_it_is_tried_again(moto_aws, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    outcome = sending.send("sns", "arn:aws:sns:eu-west-1:123456789012:alerts", MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, False)
    assert outcome.error == "There are no AWS credentials to publish with."


def test_sns_that_is_away_is_tried_again(moto_aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    outcome = sending.send("sns", "arn:aws:sns:eu-west-1:123456789012:alerts", MESSAGE)
    assert (outcome.is_final, outcome.error) == (False, "SNS cannot be reached (EndpointConnectionError).")


@pytest.mark.parametrize(
    ("code", "status", "is_final"),
    [
        ("AuthorizationError", 403, True),
        ("InvalidClientTokenId", 403, True),
        ("ExpiredToken", 403, False),
        ("InvalidParameter", 400, True),
        ("Throttling", 400, False),
        ("ThrottledException", 429, False),
        ("InternalError", 500, False),
        ("ServiceUnavailable", 503, False),
    ],
)
def test_what_sns_answers_is_judged_by_code_and_status(code, status, is_final):
    told = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    outcome = sns.judge(ClientError(told, "Publish"))
    assert (outcome.is_delivered, outcome.is_final) == (False, is_final)
    assert code in outcome.error


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        ("[error] ec2\n(all)", "[error] ec2 (all)"),
        ("Übergröße", "?bergr??e"),
        ("x" * 150, "x" * 99),
    ],
)
def test_a_subject_is_a_short_line_of_ascii(title, subject):
    assert sns.subject(title) == subject


def test_what_is_too_long_for_sns_is_cut():
    facts = {**FACTS, "body": "ü" * 200_000}
    message = telling.Message("opened", KEY, NOW, title="Full", body="", facts=facts)
    written = sns.fitting(message.payload)
    assert len(written.encode()) < sns.MOST_BYTES
    assert json.loads(written)["alert"]["body"] == "ü" * 20_000 + "…"


# --- Google Pub/Sub --------------------------------------------------------------------------
class Google(ThreadingHTTPServer):
    """Gives tokens and takes messages; `answers` holds the statuses of the next publications, then 200."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Requests)
        self.answers, self.asked, self.published, self.lifetime_s = [], [], [], 3600

    @property
    def host(self):
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self):
        return f"http://{self.host}"


class _Requests(BaseHTTPRequestHandler):
    def do_GET(self):
        assert self.path == "/computeMetadata/v1/instance/service-accounts/default/token"
        self._token(self.headers["Metadata-Flavor"])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/token":
            return self._token(dict(urllib.parse.parse_qsl(body.decode())))
        self.server.published.append((self.path, self.headers["Authorization"], json.loads(body)))
        return self._answer(self.server.answers.pop(0) if self.server.answers else 200, {"messageIds": ["1"]})

    def _token(self, asked):
        self.server.asked.append(asked)
        number = len(self.server.asked)
        self._answer(200, {"access_token": f"token{number}", "expires_in": self.server.lifetime_s})

    def _answer(self, status, body):
        written = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_words):
        pass


@pytest.fixture
def cloud(settings, monkeypatch):
    """A stand-in for Google's hosts."""
    google.forget()
    server = Google()
    monkeypatch.setattr(pubsub, "API", server.url)
    monkeypatch.setattr(google, "METADATA", server.url)
    yield from _serving(server)
    google.forget()


SECRET = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def key_file(cloud, settings, tmp_path):
    """The key file of a service account that the stand-in knows: `key_file(token_uri=...)` changes it."""
    settings.WEBHOOK_ALLOWED_HOSTS = [cloud.host]
    pem = SECRET.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def write(**fields):
        told = {
            "type": "service_account",
            "client_email": "cloudintel@our-project.iam.gserviceaccount.com",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "token_uri": f"{cloud.url}/token",
            **fields,
        }
        file = tmp_path / "google.json"
        file.write_text(json.dumps(told))
        settings.GOOGLE_APPLICATION_CREDENTIALS = str(file)

    write()
    return write


def test_a_topic_is_sent_the_json_in_base64_with_attributes(cloud, key_file):
    assert sending.send("pubsub", TOPIC, MESSAGE).is_delivered
    ((path, authorization, body),) = cloud.published
    (message,) = body["messages"]
    assert (path, authorization) == (f"/v1/{TOPIC}:publish", "Bearer token1")
    assert json.loads(base64.b64decode(message["data"], validate=True)) == MESSAGE.payload
    assert message["attributes"] == ATTRIBUTES


def test_a_token_is_asked_for_with_a_text_that_the_service_account_signed(cloud, key_file):
    sending.send("pubsub", TOPIC, MESSAGE)
    (form,) = cloud.asked
    audience = f"{cloud.url}/token"
    claims = jwt.decode(form["assertion"], SECRET.public_key(), algorithms=["RS256"], audience=audience)
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert claims["iss"] == "cloudintel@our-project.iam.gserviceaccount.com"
    assert (claims["scope"], claims["exp"] - claims["iat"]) == (google.SCOPE, 3600)
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"


def test_without_a_key_file_the_machine_s_own_account_is_asked_for(cloud):
    assert sending.send("pubsub", TOPIC, MESSAGE).is_delivered
    assert (cloud.asked, cloud.published[0][1]) == (["Google"], "Bearer token1")


def test_a_token_is_used_until_shortly_before_its_end(cloud, now):
    for second in (0, 3539, 3540):
        now(NOW + dt.timedelta(seconds=second))
        sending.send("pubsub", TOPIC, MESSAGE)
    used = [authorization for _path, authorization, _body in cloud.published]
    assert used == ["Bearer token1", "Bearer token1", "Bearer token2"]


def test_a_token_that_is_not_accepted_is_not_used_again(cloud):
    cloud.answers = [401]
    outcome = sending.send("pubsub", TOPIC, MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, False)
    assert sending.send("pubsub", TOPIC, MESSAGE).is_delivered
    assert cloud.published[1][1] == "Bearer token2"


@pytest.mark.parametrize(("status", "is_final"), [(503, False), (429, False), (403, True), (404, True)])
def test_what_pubsub_answers_is_judged_by_its_status(cloud, status, is_final):
    cloud.answers = [status]
    outcome = sending.send("pubsub", TOPIC, MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, is_final)
    assert outcome.error == f"It answered {status}."


def test_outside_of_google_s_machines_what_is_missing_is_said(cloud, monkeypatch):
    monkeypatch.setattr(google, "METADATA", "http://127.0.0.1:1")
    outcome = sending.send("pubsub", TOPIC, MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, False)
    assert "GOOGLE_APPLICATION_CREDENTIALS has to name a key file" in outcome.error


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"token_uri": "http://169.254.169.254/"}, "token_uri is not Google's"),
        ({"token_uri": "https://oauth2.googleapis.com.example.com/token"}, "token_uri is not Google's"),
        ({"private_key": "none"}, "holds no key to sign with"),
        ({"private_key": None}, "holds no key to sign with"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_of_without_what_is_in_it(cloud, key_file, changed, why):
    key_file(**changed)
    outcome = sending.send("pubsub", TOPIC, MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, False)
    assert why in outcome.error
    assert (cloud.asked, cloud.published) == ([], [])


def test_the_emulator_is_spoken_to_without_a_token_where_it_is_allowed(cloud, settings):
    settings.PUBSUB_EMULATOR_HOST = cloud.host
    refused = sending.send("pubsub", TOPIC, MESSAGE)
    assert refused.error == "PUBSUB_EMULATOR_HOST is not Google's; only WEBHOOK_ALLOWED_HOSTS can allow it."
    assert cloud.published == []
    settings.WEBHOOK_ALLOWED_HOSTS = [cloud.host]
    assert sending.send("pubsub", TOPIC, MESSAGE).is_delivered
    assert (cloud.asked, cloud.published[0][1]) == ([], None)


def test_those_who_need_a_token_at_once_ask_for_one(cloud):
    together = [threading.Thread(target=google.token) for _ in range(8)]
    for each in together:
        each.start()
    for each in together:
        each.join()
    assert len(cloud.asked) == 1


# --- Channels --------------------------------------------------------------------------------
CHANNELS = "/api/v1/channels/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("sns", "arn:aws:sns:eu-west-1:123456789012:alerts"),
        ("sns", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:alerts.fifo"),
        ("pubsub", TOPIC),
    ],
)
def test_topics_are_added_and_shown_as_they_are(kind, target):
    answer = builders.client("operator").post(CHANNELS, {"name": "t", "kind": kind, "target": target})
    assert (answer.status_code, answer.json()["target"]) == (201, target)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "target", "why"),
    [
        ("sns", "alerts", "arn:aws:sns:REGION:ACCOUNT:NAME"),
        ("sns", "arn:aws:sqs:eu-west-1:123456789012:alerts", "arn:aws:sns:REGION:ACCOUNT:NAME"),
        ("sns", "arn:aws:sns:example.com/:123456789012:alerts", "arn:aws:sns:REGION:ACCOUNT:NAME"),
        ("sns", "arn:aws:sns:eu-west-1:123456789012:alerts:7f0e", "arn:aws:sns:REGION:ACCOUNT:NAME"),
        ("pubsub", "alerts", "projects/PROJECT/topics/NAME"),
        ("pubsub", "projects/our-project/topics/../../x", "projects/PROJECT/topics/NAME"),
        ("pubsub", "projects/our-project/topics/goog-alerts", "projects/PROJECT/topics/NAME"),
        ("pubsub", "projects/our-project/topics/alerts\nx", "projects/PROJECT/topics/NAME"),
    ],
)
def test_what_is_no_topic_is_refused(kind, target, why):
    answer = builders.client("operator").post(CHANNELS, {"name": "t", "kind": kind, "target": target})
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert not Channel.objects.exists()


@pytest.mark.django_db
def test_a_channel_warns_of_a_key_file_that_is_not_there(settings, tmp_path):
    settings.GOOGLE_APPLICATION_CREDENTIALS = str(tmp_path / "gone.json")
    channel = builders.channel(TOPIC, kind=Kind.PUBSUB)
    told = builders.client("operator").get(f"{CHANNELS}{channel.pk}/").json()
    assert "GOOGLE_APPLICATION_CREDENTIALS must name the key file" in told["warning"]


@pytest.mark.django_db
def test_a_test_is_published_and_has_no_alert_to_filter_by(cloud):
    channel = builders.channel(TOPIC, kind=Kind.PUBSUB)
    answer = builders.client("operator").post(f"{CHANNELS}{channel.pk}/test/")
    assert answer.json() == {"delivered": True, "error": ""}
    assert cloud.published[0][2]["messages"][0]["attributes"] == {"event": "test"}


@pytest.mark.django_db(transaction=True)
def test_topics_are_told_from_the_outbox_and_again_after_a_failure(queue, cloud):
    arn, published = queue("alerts")
    builders.channel(arn, kind=Kind.SNS)
    builders.channel(TOPIC, kind=Kind.PUBSUB)
    cloud.answers = [503]
    builders.alert("disk:full")
    services.resolve("disk:full")
    delivering.deliver_due()
    Delivery.objects.update(not_before=NOW)
    delivering.deliver_due()
    assert [json.loads(told["Message"])["event"] for told, _ in published()] == ["opened", "resolved"]
    events = [body["messages"][0]["attributes"]["event"] for _path, _token, body in cloud.published]
    assert events == ["opened", "opened", "resolved"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
