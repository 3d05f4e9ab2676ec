"""E-mail, Slack and webhooks by TLS: what is sent, how failures are told, and that no secret is."""

import datetime as dt
import email
import ipaddress
import json
import logging
import ssl
import uuid

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts import addresses, telling
from alerts.models import Severity
from alerts.transports import sending, webhook
from core.errors import InvalidInputError
from tests.integration.alerts.conftest import Receiver, _serving

SLACK = "https://hooks.slack.com/services/T0AAA/B0BBB/s3cretT0ken"
KEY = uuid.UUID("aa0e8400-e29b-41d4-a716-446655440005")
NOW = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
MESSAGE = telling.Message(
    "opened", KEY, NOW, title="[error] Full", body="Delete <!channel> & *more*.", severity=Severity.ERROR
)


# --- E-mail ----------------------------------------------------------------------------------
def test_an_e_mail_is_plain_text_and_says_which_delivery_it_is(mail_server, settings):
    settings.ALERTS_FROM = "Cloud Intel <cloudintel@example.com>"
    outcome = sending.send("email", "ops@example.com", MESSAGE)
    (written,) = mail_server.got
    mail = email.message_from_string(written)
    assert outcome.is_delivered
    assert (mail["To"], mail["From"]) == ("ops@example.com", "Cloud Intel <cloudintel@example.com>")
    assert (mail["Subject"], mail["X-CloudIntel-Delivery"]) == ("[error] Full", str(KEY))
    assert mail.get_content_type() == "text/plain"
    assert mail.get_payload(decode=True).decode().strip() == MESSAGE.body


def test_a_recipient_that_is_refused_is_refused_for_good(mail_server):
    mail_server.refusal = "550 nobody of that name"
    outcome = sending.send("email", "ops@example.com", MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, True)
    assert "nobody of that name" in outcome.error


def test_a_recipient_that_is_put_off_is_tried_again(mail_server):
    mail_server.refusal = "451 come back later"
    outcome = sending.send("email", "ops@example.com", MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, False)


def test_a_mail_server_that_is_away_is_tried_again(settings):
    settings.SMTP_URL = "smtp://ops:s3cret@127.0.0.1:1"
    outcome = sending.send("email", "ops@example.com", MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, False)
    assert "s3cret" not in outcome.error


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mx.example.com", {"secure_mode": "starttls", "port": None}),
        ("smtp://u%40x:p%25@mx.example.com:587", {"secure_mode": "starttls", "port": 587}),
        ("smtps://u:p@mx.example.com:465", {"secure_mode": "ssl", "port": 465}),
        ("smtp://mx.example.com:25?starttls=no", {"secure_mode": "insecure", "port": 25}),
    ],
)
def test_the_mail_server_is_the_one_of_smtp_url(settings, url, expected):
    settings.SMTP_URL = url
    plugin = sending.mail.plugin("ops@example.com", headers={})
    assert (plugin.smtp_host, plugin.secure_mode) == ("mx.example.com", expected["secure_mode"])
    assert plugin.port == (expected["port"] or 587)
    if "%40" in url:
        assert (plugin.user, plugin.password) == ("u@x", "p%")


@pytest.mark.parametrize(
    "url", ["", "mx.example.com", "http://mx.example.com", "smtp://u:p@mx.example.com:25?starttls=no"]
)
def test_without_a_usable_smtp_url_that_is_said(settings, url):
    settings.SMTP_URL = url
    with pytest.raises(InvalidInputError, match="SMTP_URL"):
        sending.mail.plugin("ops@example.com", headers={})


# --- Slack -----------------------------------------------------------------------------------
@pytest.fixture
def slack(monkeypatch):
    """What Slack is sent; `slack.status` is what it answers."""

    class Slack:
        status, sent = 200, ()

    def request(method, url, **options):
        Slack.sent += ((method, url, options),)
        answer = requests.Response()
        answer.status_code = Slack.status
        answer._content = b"ok" if Slack.status == 200 else b"no_service"
        return answer

    monkeypatch.setattr(requests, "request", request)
    return Slack


def test_slack_is_sent_text_that_pings_nobody(slack):
    assert sending.send("slack", SLACK, MESSAGE).is_delivered
    ((method, url, options),) = slack.sent
    (shown,) = json.loads(options["data"])["attachments"]
    assert (method, url, options["allow_redirects"]) == ("post", SLACK, False)
    assert (shown["title"], shown["text"]) == ("[error] Full", "Delete &lt;!channel&gt; &amp; *more*.")


@pytest.mark.parametrize(("status", "is_final"), [(404, True), (410, True), (429, False), (500, False)])
def test_what_slack_answers_is_judged_by_its_status(slack, status, is_final):
    slack.status = status
    outcome = sending.send("slack", SLACK, MESSAGE)
    assert (outcome.is_delivered, outcome.is_final) == (False, is_final)
    assert outcome.error == f"It answered {status}."


def test_no_token_gets_into_logs(slack, caplog):
    """Apprise logs the whole address."""
    caplog.set_level(logging.DEBUG)
    slack.status = 404
    sending.send("slack", SLACK, MESSAGE)
    ours = [record for record in caplog.records if record.name != "apprise"]
    assert not [record for record in ours if "s3cretT0ken" in record.getMessage()]
    assert not logging.getLogger("apprise").propagate


# --- Webhooks --------------------------------------------------------------------------------
def certificate(folder, name):
    """A certificate of its own for that name, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return str(file)


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """A receiver that has a certificate for hooks.example.com."""
    file = certificate(tmp_path, "hooks.example.com")
    server = Receiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    monkeypatch.setattr(webhook, "AUTHORITIES", file)
    yield from _serving(server)


@pytest.mark.parametrize(
    ("name", "error"),
    [("hooks.example.com", ""), ("other.example.com", "Its certificate is not accepted.")],
)
def test_the_name_is_what_tls_checks_though_an_address_is_connected_to(tls, name, error):
    place = addresses.Place("https", name, tls.server_address[1])
    endpoint = addresses.Endpoint(place, ("127.0.0.1",))
    outcome = webhook.post(f"https://{place.netloc}/k3y", endpoint, MESSAGE)
    assert (outcome.is_delivered, outcome.error) == (not error, error)
    assert [headers["Host"] for headers, _body in tls.got] == ([] if error else [place.netloc])


def test_the_next_address_is_tried_where_nobody_listens(receiver):
    place = addresses.Place("http", "hooks.example.com", receiver.server_address[1])
    endpoint = addresses.Endpoint(place, ("::1", "127.0.0.1"))
    assert webhook.post(f"http://{place.netloc}/", endpoint, MESSAGE).is_delivered


def test_proxies_of_the_environment_are_not_asked(receiver, monkeypatch):
    """They would resolve the name once more, and for themselves."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert sending.send("webhook", receiver.url, MESSAGE).is_delivered


def test_an_attempt_ends_in_time_whatever_the_receiver_does(receiver):
    receiver.go_on.clear()
    outcome = sending.send("webhook", receiver.url, MESSAGE, timeout_s=0.3)
    receiver.go_on.set()
    assert (outcome.is_delivered, outcome.error) == (False, "It took more than 0.3 s.")
