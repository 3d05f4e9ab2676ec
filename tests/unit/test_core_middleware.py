"""What happens to a request before a view sees it."""

import io

import pytest
from django.http import JsonResponse
from django.test import Client, RequestFactory
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from core import api
from core.middleware import RequestLimitsMiddleware

pytestmark = pytest.mark.urls("tests.unit.test_core_middleware")


@csrf_exempt
def echo(request, **found):
    return JsonResponse({"method": request.method, "body": request.body.decode(), **found})


urlpatterns = [
    path("bare", echo),
    path("slashed/", echo),
    path("both", echo, {"form": "bare"}),
    path("both/", echo, {"form": "slashed"}),
    path("nested/", include([path("", echo), path("<int:number>", echo)])),
    path("admin/", include([path("", echo), path("<path:rest>", echo)])),
]
handler404 = api.not_found


@pytest.mark.parametrize("address", ["/bare", "/slashed", "/nested", "/nested/7"])
@pytest.mark.parametrize("slash", ["", "/"], ids=["without", "with"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_routes_are_answered_with_and_without_slash_and_keep_their_body(address, slash, method):
    answer = Client().generic(method, address + slash, "cargo")
    assert answer.status_code == 200
    assert (answer.json()["method"], answer.json()["body"]) == (method, "cargo")


@pytest.mark.parametrize(("address", "form"), [("/both", "bare"), ("/both/", "slashed")])
def test_an_address_that_resolves_is_left_alone(address, form):
    assert Client().get(address).json()["form"] == form


def test_what_the_admin_answers_itself_is_left_to_it():
    assert Client().get("/admin").status_code == 200
    assert Client().get("/admin/users").json()["rest"] == "users"
    assert Client().get("/admin/users/").json()["rest"] == "users/"


@pytest.mark.parametrize("address", ["/bare//", "/nothing", "/nothing/", "/nested/x/", "/"])
def test_what_no_form_matches_is_not_found(address):
    assert Client().get(address).status_code == 404


@pytest.mark.parametrize("address", ["/bare?q=a%00b", "/bare?%00", "/nothing/%00", "/nested/%00/"])
def test_nul_characters_in_the_address_are_refused(address):
    answer = Client().get(address)
    assert answer.status_code == 400
    assert "NUL" in answer.json()["error"]


def test_an_escaped_percent_sign_before_00_is_no_nul():
    assert Client().get("/bare?q=%2500").status_code == 200


class Body(io.BytesIO):
    """A request's body that knows how much was asked for at once."""

    largest = 0

    def read(self, size=-1):
        assert size is not None
        assert size >= 0
        self.largest = max(self.largest, size)
        return super().read(size)


def ask(length, *, chunked=False, announced=None):
    """Answer a request with a body of that length, and the body."""
    body = Body(b"x" * length)
    request = RequestFactory().post("/bare")
    if chunked:
        request.META["HTTP_TRANSFER_ENCODING"] = "Chunked"
        request.META["wsgi.input"] = body
    else:
        request.META["CONTENT_LENGTH"] = str(length if announced is None else announced)
        request._stream = body
    return RequestLimitsMiddleware(lambda request: JsonResponse({}))(request), body


def test_a_body_within_the_limit_passes_unread(settings):
    answer, body = ask(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    assert (answer.status_code, body.tell()) == (200, 0)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_body_is_refused_after_reading_it_piece_by_piece(chunked):
    answer, body = ask(5_000_000, chunked=chunked)
    assert answer.status_code == 413
    assert body.tell() == 5_000_000
    assert body.largest <= 64 * 1024


def test_one_byte_more_is_too_much(settings):
    answer, _ = ask(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    assert answer.status_code == 413


def test_an_endless_body_is_not_read_to_its_end():
    answer, body = ask(40_000_000, announced=10**12)
    assert answer.status_code == 413
    assert body.tell() < 34_000_000


def test_a_client_that_leaves_while_it_sends_does_no_harm(monkeypatch):
    def leave(self, size):
        raise ConnectionResetError

    monkeypatch.setattr(Body, "read", leave)
    answer, _ = ask(5_000_000)
    assert answer.status_code == 413


def test_a_body_of_unknown_length_is_refused():
    answer, _ = ask(10, chunked=True)
    assert answer.status_code == 411
