"""Tokens of other issuers: one that is right in every way is taken, and one wrong in a single way is not."""

import base64
import json
import threading
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection
from jwt.algorithms import RSAAlgorithm
from rest_framework.test import APIClient

from accounts import issuers
from accounts.models import Kind, SecurityEvent, User
from tests import builders
from tests.integration.issuer import (
    AUDIENCE,
    CALLER,
    DISCOVERY,
    KEYS,
    LocalIssuer,
    private_key,
    public_jwk,
)

pytestmark = pytest.mark.django_db

RUNS = "/api/v1/runs/"
INVALID = (401, {"error": "Token is invalid"})


@pytest.fixture
def issuer(settings):
    with LocalIssuer() as local:
        settings.OIDC_ISSUERS = [local.url]
        settings.OIDC_AUDIENCE = AUDIENCE
        settings.OIDC_CALLERS = [CALLER.title()]
        yield local


@pytest.fixture
def clock(monkeypatch):
    """The issuers' clock, in seconds: `clock.now += 31`."""

    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    monkeypatch.setattr(issuers, "monotonic", ours := Clock())
    return ours


def asking(token):
    return APIClient(headers={"Authorization": f"Bearer {token}"})


def answer(token, path=RUNS):
    told = asking(token).get(path)
    return told.status_code, told.json()


def now():
    return int(datetime.now(UTC).timestamp())


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


# --- Who is let in ---------------------------------------------------------------------------
def test_a_service_is_an_operator_who_cannot_log_in(issuer):
    assert answer(issuer.token())[0] == 200
    caller = User.objects.get(email=CALLER)
    assert [group.name for group in caller.groups.all()] == ["operator"]
    assert not caller.has_usable_password()
    assert (caller.is_staff, caller.is_superuser) == (False, False)


def test_a_second_token_is_the_same_user(issuer):
    assert {answer(issuer.token())[0] for _ in range(2)} == {200}
    assert User.objects.filter(email=CALLER).count() == 1


def test_elliptic_keys_are_understood(issuer):
    issuer.keys = [public_jwk("first"), public_jwk("curve", "ES256")]
    assert answer(issuer.token(key="curve", algorithm="ES256"))[0] == 200


def test_a_key_may_leave_its_algorithm_to_its_type(issuer):
    issuer.keys = [{name: value for name, value in public_jwk("first").items() if name not in ("alg", "use")}]
    assert answer(issuer.token())[0] == 200


@pytest.mark.parametrize("changed", [{"aud": [AUDIENCE]}, {"email": CALLER.upper()}, {"nbf": 0}], ids=str)
def test_other_ways_of_saying_the_same_are_understood(issuer, changed):
    assert answer(issuer.token(**changed))[0] == 200


def test_clocks_may_differ_a_little(issuer):
    assert answer(issuer.token(iat=now() + 20, nbf=now() + 20))[0] == 200


def test_our_own_tokens_are_taken_as_before_and_nobody_is_asked(issuer):
    assert builders.bearer(builders.user("viewer")).get(RUNS).status_code == 200
    assert answer("rubbish") == INVALID
    assert issuer.asked == []


def test_a_user_who_is_there_already_gets_no_role(issuer):
    builders.user(email=CALLER)
    assert answer(issuer.token())[0] == 403
    assert SecurityEvent.objects.get().kind == Kind.PERMISSION_DENIED


@pytest.mark.parametrize("path", ["/cost-summary", "/api/v1/accounts/", "/api/auth/me", "/metrics"])
def test_services_are_let_in_where_pipelines_are_started_and_followed_alone(issuer, path):
    assert answer(issuer.token(), path)[0] == 401
    assert not User.objects.exists()


# --- Wrong in a single way -------------------------------------------------------------------
WRONG_CLAIMS = {
    "another audience": {"aud": "https://other.example.com"},
    "others beside the audience": {"aud": [AUDIENCE, "https://other.example.com"]},
    "no audience": {"aud": None},
    "expired a second ago": {"exp": now() - 1},
    "no expiry": {"exp": None},
    "an expiry that is no time": {"exp": "tomorrow"},
    "not yet valid": {"nbf": now() + 3600},
    "issued in the future": {"iat": now() + 3600},
    "no time of issue": {"iat": None},
    "somebody else's e-mail": {"email": "other@project.iam.gserviceaccount.com"},
    "no e-mail": {"email": None},
    "a list of e-mails": {"email": [CALLER]},
    "an unverified e-mail": {"email_verified": False},
    "an e-mail of which nothing is said": {"email_verified": None},
    "a word for verified": {"email_verified": "true"},
}


@pytest.mark.parametrize("changed", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_token_that_tells_something_wrong_is_refused(issuer, changed):
    assert answer(issuer.token(**changed)) == INVALID
    assert not User.objects.exists()


def test_the_refusal_says_how_to_come_back_and_only_the_log_says_why(issuer, caplog):
    told = asking(issuer.token(aud="https://other.example.com")).get(RUNS)
    assert told.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert "InvalidAudienceError" in caplog.text


def test_an_issuer_that_is_not_configured_is_refused_and_not_asked(issuer, settings):
    settings.OIDC_ISSUERS = ["https://accounts.google.com"]
    assert answer(issuer.token()) == INVALID
    assert issuer.asked == []


def test_another_name_of_the_issuer_is_refused(issuer):
    assert answer(issuer.token(iss=f"{issuer.url}/")) == INVALID


def test_a_signature_by_another_key_is_refused(issuer):
    assert answer(issuer.token(key="forger", kid="first")) == INVALID


def test_an_unknown_key_is_refused(issuer):
    assert answer(issuer.token(key="forger")) == INVALID


def test_a_token_that_names_no_key_is_refused(issuer):
    assert answer(jwt.encode(issuer.claims(), private_key("first"), "RS256")) == INVALID


@pytest.mark.parametrize("name", ["none", "None", "NONE"])
def test_no_signature_is_refused(issuer, name):
    header = encoded({"alg": name, "typ": "JWT", "kid": "first"})
    assert answer(f"{header}.{encoded(issuer.claims())}.") == INVALID


def test_the_public_key_is_no_secret_to_sign_with(issuer):
    pem = private_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, body = encoded({"alg": "HS256", "typ": "JWT", "kid": "first"}), encoded(issuer.claims())
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = hmac.sign(f"{header}.{body}".encode(), pem)
    forged = f"{header}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert answer(forged) == INVALID


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_is_refused_with_the_right_key(issuer, algorithm):
    token = jwt.encode(issuer.claims(), private_key("first"), algorithm, headers={"kid": "first"})
    assert answer(token) == INVALID


def test_a_key_of_another_kind_than_the_token_says_is_refused(issuer):
    issuer.keys = [public_jwk("first"), public_jwk("curve", "ES256")]
    token = jwt.encode(issuer.claims(), private_key("first"), "RS256", headers={"kid": "curve"})
    assert answer(token) == INVALID


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_key_that_can_be_guessed_is_not_used(issuer):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is the point
    issuer.keys = [{**RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True), "kid": "weak"}]
    assert answer(jwt.encode(issuer.claims(), weak, "RS256", headers={"kid": "weak"})) == INVALID


@pytest.mark.parametrize("changed", [{"use": "enc"}, {"kty": "oct", "k": "c2VjcmV0"}, {"n": 7}], ids=str)
def test_a_key_for_something_else_is_not_used(issuer, changed):
    issuer.keys = [{**public_jwk("first"), **changed}]
    assert answer(issuer.token()) == INVALID


def test_a_discovery_that_tells_of_another_issuer_is_not_believed(issuer):
    issuer.document["issuer"] = "https://accounts.google.com"
    assert answer(issuer.token()) == INVALID
    assert issuer.asked == [DISCOVERY]


def test_a_disabled_user_is_refused_at_once(issuer):
    assert answer(issuer.token())[0] == 200
    User.objects.filter(email=CALLER).update(is_active=False)
    assert answer(issuer.token()) == INVALID


# --- Keys ------------------------------------------------------------------------------------
def test_keys_are_asked_for_once_an_hour(issuer, clock):
    assert {answer(issuer.token())[0] for _ in range(3)} == {200}
    assert issuer.asked == [DISCOVERY, KEYS]
    clock.now += issuers.LASTS_S
    assert answer(issuer.token())[0] == 200
    assert issuer.asked == 2 * [DISCOVERY, KEYS]


def test_a_key_that_was_withdrawn_is_not_believed_when_its_hour_is_over(issuer, clock):
    assert answer(issuer.token())[0] == 200
    issuer.keys = [public_jwk("second")]
    clock.now += issuers.LASTS_S
    assert answer(issuer.token()) == INVALID


def test_a_new_key_is_found_at_once(issuer, clock):
    assert answer(issuer.token())[0] == 200
    issuer.keys = [public_jwk("second")]
    clock.now += issuers.PAUSE_S
    assert answer(issuer.token(key="second"))[0] == 200


def test_forged_tokens_cannot_make_us_hammer_the_issuer(issuer, clock):
    for number in range(20):
        assert answer(issuer.token(key="forger", kid=f"guess {number}")) == INVALID
        clock.now += 1
    assert issuer.asked == [DISCOVERY, KEYS]


def test_many_at_once_ask_the_issuer_once(issuer):
    gate = threading.Barrier(4)
    found = []

    def ask():
        gate.wait()
        found.append(issuers.known(issuer.url).key("first"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert None not in found
    assert issuer.asked == [DISCOVERY, KEYS]


# --- An issuer that does not answer ----------------------------------------------------------
FALSE = {
    "an error": (500, {}, b"{}"),
    "a redirect": (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "a page": (200, {}, b"<html>"),
    "a list": (200, {}, b"[]"),
    "no list of keys": (200, {}, b"{}"),
    "too much": (200, {}, b" " * (issuers.MOST_BYTES + 1)),
}


@pytest.mark.parametrize("false", FALSE.values(), ids=FALSE)
def test_without_keys_the_caller_is_told_to_come_back(issuer, caplog, false):
    issuer.answers[KEYS] = false
    told = asking(issuer.token()).get(RUNS)
    assert told.status_code == 503
    assert told.json() == {"error": "The issuer of the token does not answer; try again shortly."}
    assert told.headers["Retry-After"] == "30"
    assert f"The issuer {issuer.url} gives no keys" in caplog.text


@pytest.mark.parametrize(
    "uri", ["http://192.0.2.1/keys", "file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1.example/"]
)
def test_keys_come_by_https_or_from_this_machine_alone(issuer, uri, caplog):
    issuer.document["jwks_uri"] = uri
    assert answer(issuer.token())[0] == 503
    assert "is no https address" in caplog.text


def test_an_issuer_that_drips_is_given_up(issuer, monkeypatch, caplog):
    monkeypatch.setattr(issuers, "DEADLINE_S", 0.0)
    assert answer(issuer.token())[0] == 503
    assert "takes more than 0 s" in caplog.text


def test_nobody_waits_for_long_while_another_asks(issuer, monkeypatch):
    monkeypatch.setattr(issuers, "DEADLINE_S", 0.05)
    with issuers.known(issuer.url)._turn:
        assert answer(issuer.token())[0] == 503
    assert issuer.asked == []


def test_an_issuer_that_is_away_is_asked_again_after_a_pause_alone(issuer, clock):
    issuer.answers[DISCOVERY] = (500, {}, b"")
    assert [answer(issuer.token())[0] for _ in range(3)] == [503] * 3
    assert issuer.asked == [DISCOVERY]
    del issuer.answers[DISCOVERY]
    clock.now += issuers.PAUSE_S
    assert answer(issuer.token())[0] == 200


def test_known_keys_serve_on_while_the_issuer_is_away(issuer, clock):
    assert answer(issuer.token())[0] == 200
    issuer.answers[DISCOVERY] = (500, {}, b"")
    clock.now += issuers.PAUSE_S
    assert answer(issuer.token(key="second"))[0] == 503, "it may have been new"
    assert answer(issuer.token())[0] == 200


@pytest.mark.django_db(transaction=True)
def test_two_first_requests_at_once_make_one_user(issuer):
    from accounts import oidc

    gate, made = threading.Barrier(2), []

    def ask():
        try:
            gate.wait()
            made.append(oidc._made(CALLER))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({user.pk for user in made}) == 1
    assert [group.name for group in made[0].groups.all()] == ["operator"]
