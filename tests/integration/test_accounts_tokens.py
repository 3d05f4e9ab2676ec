"""Which tokens open the door."""

import base64
import json
import uuid
from datetime import UTC, datetime

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts import tokens
from tests import builders

pytestmark = pytest.mark.django_db

KEY = settings.JWT_SECRET_KEY


@pytest.fixture
def user():
    return builders.user()


@pytest.fixture
def administrator():
    return builders.user("administrator")


def profile(header):
    return APIClient(headers={"Authorization": header}).get("/api/auth/me")


def claims(user, **changed):
    """What a good token says; a claim changed to None is left out."""
    said = jwt.decode(tokens.issue(user), KEY, algorithms=["HS256"]) | changed
    return {name: value for name, value in said.items() if value is not None}


def signed(said, key=KEY, algorithm="HS256"):
    return jwt.encode(said, key, algorithm=algorithm)


def refusal(token):
    answer = profile(f"Bearer {token}")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    return answer.status_code, answer.json()


def encoded(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def test_a_token_lasts_24_hours_and_names_the_user(user):
    said = claims(user)
    assert said["exp"] - said["iat"] == 24 * 60 * 60
    assert said["user_id"] == str(user.pk)
    assert jwt.get_unverified_header(tokens.issue(user))["alg"] == "HS256"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_understood_in_any_case(user, scheme):
    assert profile(f"{scheme} {tokens.issue(user)}").json()["email"] == user.email


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token abc", "abc"])
def test_without_a_token_it_is_missing(header):
    answer = profile(header)
    assert (answer.status_code, answer.json()) == (401, {"error": "Token is missing"})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_without_a_header_the_token_is_missing():
    answer = APIClient().get("/api/auth/me")
    assert (answer.status_code, answer.json()) == (401, {"error": "Token is missing"})


def test_an_expired_token_is_told_so(user):
    a_second_ago = int(datetime.now(UTC).timestamp()) - 1
    assert refusal(signed(claims(user, exp=a_second_ago))) == (401, {"error": "Token has expired"})


def test_an_expired_token_with_a_wrong_signature_is_only_invalid(user):
    forged = signed(claims(user, exp=1), key="x" * 32)
    assert refusal(forged) == (401, {"error": "Token is invalid"})


INVALID = (401, {"error": "Token is invalid"})


@pytest.mark.parametrize("key", ["x" * 32, settings.SECRET_KEY], ids=["foreign", "of the sessions"])
def test_another_key_is_refused(user, key):
    assert refusal(signed(claims(user), key=key)) == INVALID


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_another_algorithm_is_refused_even_with_our_key(user, algorithm):
    assert refusal(signed(claims(user), algorithm=algorithm)) == INVALID


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
def test_no_signature_is_refused(user, name):
    body = encoded(claims(user))
    assert refusal(f"{encoded({'alg': name, 'typ': 'JWT'})}.{body}.") == INVALID


@pytest.mark.parametrize("claim", ["exp", "jti", "token_type", "user_id", "hash_password"])
def test_each_claim_is_required(user, claim):
    assert refusal(signed(claims(user, **{claim: None}))) == INVALID


@pytest.mark.parametrize(
    "changed",
    [
        {"token_type": "refresh"},
        {"user_id": "not-a-uuid"},
        {"user_id": 12},
        {"user_id": ["x"]},
        {"user_id": "\0"},
        {"user_id": str(uuid.UUID(int=5))},
        {"hash_password": "0" * 32},
        {"exp": "soon"},
        {"exp": 10**18},
        {"exp": 1e300},
        {"iat": 10**10},
    ],
    ids=str,
)
def test_unbelievable_claims_are_refused(user, changed):
    assert refusal(signed(claims(user, **changed))) == INVALID


@pytest.mark.parametrize(
    "token",
    [
        "rubbish",
        "a.b.c",
        "..",
        "a b",
        "ünïcode",
        "x" * 10_000,
        f"{encoded([])}.{encoded({})}.x",
        f"{encoded({'alg': ['HS256']})}.{encoded({})}.x",
        f"{encoded('[' * 5000)}.{encoded({})}.x",
    ],
    ids=[
        "word",
        "dots",
        "empty parts",
        "two words",
        "not ASCII",
        "long",
        "list",
        "list of algorithms",
        "bottomless",
    ],
)
def test_rubbish_is_refused(token):
    assert refusal(token) == INVALID


def test_a_changed_payload_is_refused(user):
    header, _, signature = tokens.issue(user).split(".")
    other = encoded(claims(user, user_id=str(builders.user().pk)))
    assert refusal(f"{header}.{other}.{signature}") == INVALID


def test_a_deleted_user_is_out(user):
    token = tokens.issue(user)
    user.delete()
    assert refusal(token) == INVALID


def test_a_disabled_user_is_out_at_once(user):
    token = tokens.issue(user)
    assert profile(f"Bearer {token}").status_code == 200
    user.is_active = False
    user.save()
    assert refusal(token) == INVALID


def test_a_bad_token_is_refused_though_a_session_would_open(administrator):
    client = APIClient(headers={"Authorization": "Bearer rubbish"})
    client.force_login(administrator)
    assert client.get("/api/v1/accounts/").status_code == 401


def test_a_session_opens_without_a_token(administrator):
    client = APIClient()
    client.force_login(administrator)
    assert client.get("/api/v1/accounts/").status_code == 200


def test_a_session_tells_nobody_who_they_are(user):
    client = APIClient()
    client.force_login(user)
    answer = client.get("/api/auth/me")
    assert (answer.status_code, answer.json()) == (401, {"error": "Token is missing"})


def test_a_session_writes_with_its_csrf_token_only(user):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user)
    answer = client.post("/api/auth/password", {"current_password": "a", "new_password": "b"})
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("CSRF Failed")


def test_the_schema_offers_the_token_to_swagger():
    schema = APIClient().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    bearer = schema["components"]["securitySchemes"]["bearerAuth"]
    assert bearer == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert schema["paths"]["/api/auth/me"]["get"]["security"] == [{"bearerAuth": []}]
    assert schema["paths"]["/api/auth/login"]["post"].get("security", [{}]) == [{}]
