"""How errors are told, whoever raises them."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.urls import path
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from core import api
from core.errors import (
    BudgetExceededError,
    InvalidInputError,
    LeaseLostError,
    PermanentCloudError,
    TransientCloudError,
)

pytestmark = pytest.mark.urls("tests.unit.test_core_errors")


class Window(serializers.Serializer):
    days = serializers.IntegerField()


class Failing(APIView):
    """Raises what the test put into `error`; echoes a body that is a window."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    error = None

    def get(self, request):
        raise Failing.error

    def post(self, request):
        body = Window(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


urlpatterns = [path("fails", Failing.as_view())]
handler400, handler403 = api.bad_request, api.permission_denied
handler404, handler500 = api.not_found, api.server_error


@pytest.fixture
def client():
    return APIClient(raise_request_exception=False)


@pytest.fixture
def answer_to(client, monkeypatch):
    def ask(error):
        monkeypatch.setattr(Failing, "error", error)
        return client.get("/fails")

    return ask


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InvalidInputError("start must be before end"), 400, "start must be before end"),
        (TransientCloudError("EC2 throttles"), 503, "EC2 throttles"),
        (OperationalError("host=db password=x"), 503, "The database does not answer; try again shortly."),
        (PermanentCloudError("EC2 refuses"), 502, "EC2 refuses"),
        (BudgetExceededError("The budget is spent"), 429, "The budget is spent"),
        (exceptions.PermissionDenied("Not you"), 403, "Not you"),
        (exceptions.Throttled(detail="Later"), 429, "Later"),
        (exceptions.MethodNotAllowed("PUT"), 405, 'Method "PUT" not allowed.'),
        (PermissionDenied(), 403, "You do not have permission to perform this action."),
        (Http404("No such run"), 404, "No such run"),
        (SuspiciousOperation("secret detail"), 400, "Bad request"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_known_errors_have_a_status_and_a_reason(answer_to, error, status, message):
    answer = answer_to(error)
    assert (answer.status_code, answer.json()) == (status, {"error": message})


def test_a_cloud_that_did_not_answer_may_be_asked_again(answer_to):
    assert answer_to(TransientCloudError("EC2 throttles")).headers["Retry-After"] == "30"


def test_a_spent_budget_says_when_the_day_ends(answer_to):
    wait_s = int(answer_to(BudgetExceededError("Spent")).headers["Retry-After"])
    assert 0 < wait_s <= 24 * 3600


@pytest.mark.parametrize("error", [ZeroDivisionError("the password is x"), LeaseLostError("x")])
def test_unforeseen_errors_tell_nothing_and_are_logged(answer_to, caplog, error):
    answer = answer_to(error)
    assert (answer.status_code, answer.json()) == (500, {"error": "Internal server error"})
    assert any(record.exc_info and record.exc_info[1] is error for record in caplog.records)


def test_several_wrong_inputs_are_one_sentence_and_listed_by_field(answer_to):
    answer = answer_to(
        serializers.ValidationError({"email": ["Bad."], "regions": [{}, {"name": ["Empty."]}]})
    )
    assert answer.json() == {
        "error": "email: Bad. regions: name: Empty.",
        "fields": {"email": ["Bad."], "regions": [{}, {"name": ["Empty."]}]},
    }


def test_errors_of_the_whole_have_no_field(answer_to):
    answer = answer_to(serializers.ValidationError({"non_field_errors": ["Start is after end."]}))
    assert answer.json() == {"error": "Start is after end."}


def test_malformed_json_is_told_with_its_place(client):
    answer = client.generic("POST", "/fails", "{oops", content_type="application/json")
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["error"]
    assert "column 2" in answer.json()["error"]


def test_a_bottomless_body_is_refused(client):
    answer = client.generic("POST", "/fails", "[" * 100_000, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("body", ["[]", '"text"', "7", "true", "null"])
def test_a_body_that_must_be_an_object_is_refused_as_anything_else(client, body):
    answer = client.generic("POST", "/fails", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(client, content_type):
    answer = client.generic("POST", "/fails", '{"days": 1}', content_type=content_type)
    assert answer.status_code == 415
    assert "Unsupported media type" in answer.json()["error"]


def test_a_wrong_method_is_refused_in_json(client):
    answer = client.delete("/fails")
    assert answer.status_code == 405
    assert "DELETE" in answer.json()["error"]
    assert "POST" in answer.headers["Allow"]


def test_an_unknown_format_is_refused_in_json(client):
    answer = client.post("/fails", {"days": 1}, headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert "Accept" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/nothing", "/nothing/", "/api/nothing"])
def test_unknown_routes_are_told_in_json(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})


def test_a_foreign_host_name_is_refused_in_json(client):
    answer = client.get("/fails", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "host name" in answer.json()["error"]
