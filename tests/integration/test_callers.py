"""POST /execute and /validate-weekly, and the keys by which callers repeat a request."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from rest_framework.test import APIClient

from accounts.models import User
from core.errors import InvalidInputError
from pipelines import idempotency, ledger, messages, orders
from pipelines.calling import DAILY, WEEKLY
from pipelines.models import IdempotencyKey, Run, Status
from tests import builders
from tests.integration.conftest import FakeHandler
from tests.integration.issuer import AUDIENCE, CALLER, LocalIssuer

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
EXECUTE, VALIDATE = "/execute", "/validate-weekly"
PIPELINES = {EXECUTE: DAILY, VALIDATE: WEEKLY}


@pytest.fixture(autouse=True)
def _pipelines(pipelines, monkeypatch):
    """The two pipelines, the daily one with its sources, and no broker."""
    children = dict.fromkeys(("ec2", "cost", "cpu", "billing"))
    pipelines(**{DAILY: tuple(children), WEEKLY: FakeHandler({}), **children})
    monkeypatch.setattr(messages, "send", lambda _work: True)


@pytest.fixture
def operator():
    return builders.bearer(builders.user("operator"))


def post(client, path=EXECUTE, body=None, key=None):
    return client.post(path, body, headers={} if key is None else {"Idempotency-Key": key})


def end(run_id):
    Run.objects.filter(Q(pk=run_id) | Q(parent=run_id)).update(status=Status.SUCCEEDED)


# --- Starting --------------------------------------------------------------------------------
@pytest.mark.django_db
class TestStarting:
    @pytest.mark.parametrize(("path", "pipeline"), PIPELINES.items())
    def test_answers_with_the_run(self, operator, path, pipeline):
        answer = post(operator, path)
        run = Run.objects.get(parent=None)
        assert (answer.status_code, answer.json()) == (
            202,
            {
                "run_id": run.pk,
                "status": "queued",
                "status_url": f"http://testserver/api/v1/runs/{run.pk}/",
            },
        )
        assert (run.pipeline, run.params, run.requested_by.email) == (
            pipeline,
            {},
            User.objects.get().email,
        )

    @pytest.mark.parametrize("path", PIPELINES)
    def test_answers_with_the_run_that_is_active(self, operator, path):
        first, second = post(operator, path).json(), post(operator, path).json()
        assert first == second

    def test_the_active_run_is_answered_whatever_days_are_asked_for(self, operator):
        first = post(operator).json()
        assert post(operator, body={"start_date": "2026-03-01"}).json() == first
        assert Run.objects.get(parent=None).params == {}

    def test_the_run_and_its_parts_keep_what_was_asked_for(self, operator, now):
        now(NOON)
        post(operator, body={"start_date": "2026-03-01", "end_date": "2026-03-08", "sources": ["ec2"]})
        asked = {"start": "2026-03-01", "end": "2026-03-08", "sources": ["ec2"]}
        assert [run.params for run in Run.objects.all()] == [asked] * len(Run.objects.all())

    @pytest.mark.parametrize("content", ["", "application/json", "application/x-www-form-urlencoded"])
    @pytest.mark.parametrize("path", PIPELINES)
    def test_no_body_is_an_empty_one_whatever_it_is_called(self, operator, path, content):
        answer = operator.generic("POST", path, "", content_type=content)
        assert (answer.status_code, Run.objects.get(parent=None).params) == (202, {})

    @pytest.mark.parametrize("body", [{"start_date": "2026-03-01"}, [1]], ids=str)
    def test_the_weekly_validation_takes_no_body(self, operator, body):
        assert post(operator, VALIDATE, body).status_code == 400

    @pytest.mark.parametrize("path", PIPELINES)
    def test_days_in_the_query_string_are_refused_and_not_ignored(self, operator, path):
        answer = post(operator, f"{path}?start_date=2026-03-01")
        assert (answer.status_code, Run.objects.exists()) == (400, False)
        assert answer.json()["error"].startswith("start_date: Unknown parameter")

    @pytest.mark.parametrize("path", PIPELINES)
    @pytest.mark.parametrize(("role", "status"), [("viewer", 403), (None, 403), ("administrator", 202)])
    def test_is_for_operators(self, path, role, status):
        assert post(builders.bearer(builders.user(role)), path).status_code == status

    @pytest.mark.parametrize("path", PIPELINES)
    def test_another_service_may_start_and_follow_it(self, path, settings):
        with LocalIssuer() as issuer:
            settings.OIDC_ISSUERS = [issuer.url]
            settings.OIDC_AUDIENCE, settings.OIDC_CALLERS = AUDIENCE, [CALLER]
            service = APIClient(headers={"Authorization": f"Bearer {issuer.token()}"})
            answer = post(service, path)
            assert answer.status_code == 202
            assert service.get(answer.json()["status_url"]).json()["requested_by"] == CALLER
            forged = APIClient(headers={"Authorization": f"Bearer {issuer.token(key='forger')}"})
            assert post(forged, path).status_code == 401

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({"start": "2026-03-01"}, "start: Unknown key; known are: end_date, sources"),
            ({"start_date": "yesterday"}, "start_date: A day is written YYYY-MM-DD"),
            ({"start_date": "2026-02-30"}, "start_date: There is no such day"),
            ({"start_date": None}, "start_date"),
            ({"start_date": 20260301}, "start_date: A day is written"),
            ({"start_date": "2026-03-08", "end_date": "2026-03-08"}, "must be before end_date (2026-03-08)"),
            ({"start_date": "2026-03-09", "end_date": "2026-03-08"}, "must be before end_date"),
            ({"start_date": "2026-03-20"}, "must be before end_date (2026-03-20)"),
            ({"start_date": "2026-03-21"}, "lies in the future; today is 2026-03-20"),
            ({"start_date": "2020-03-21"}, "ask for 731 at most"),
            ({"end_date": "2026-03-08"}, "end_date needs a start_date"),
            ({"sources": []}, "sources"),
            ({"sources": "ec2"}, "sources"),
            ({"sources": ["ec2", "s3"]}, "There is no source 's3'; the sources are ec2, cost, cpu, billing"),
            ({"validate": "no"}, "validate"),
            ({"validate": 0}, "validate"),
            ([], "Expected a dictionary"),
            ("today", "Expected a dictionary"),
        ],
        ids=str,
    )
    def test_what_cannot_be_understood_is_refused_by_its_name(self, operator, now, body, reason):
        now(NOON)
        answer = post(builders.client("operator"), body=body)
        assert answer.status_code == 400
        assert reason in answer.json()["error"]
        assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("order", "params"),
    [
        ({}, {}),
        ({"validate": True}, {}),
        ({"validate": False}, {"validate": False}),
        ({"sources": ["billing", "ec2", "billing"]}, {"sources": ["ec2", "billing"]}),
        ({"start_date": "2026-03-01"}, {"start": "2026-03-01", "end": "2026-03-20"}),
        (
            {"start_date": "2026-03-01", "end_date": "2026-03-02"},
            {"start": "2026-03-01", "end": "2026-03-02"},
        ),
    ],
    ids=str,
)
def test_the_ledger_keeps_what_was_asked_for_alone(order, params):
    understood = orders.OrderSerializer(data=order)
    understood.is_valid(raise_exception=True)
    assert orders.params(understood.validated_data, NOON) == params


# --- Keys ------------------------------------------------------------------------------------
@pytest.mark.django_db
class TestKeys:
    @pytest.mark.parametrize("path", PIPELINES)
    def test_the_same_key_is_the_same_run_also_after_its_end(self, operator, path):
        first = post(operator, path, key="a").json()
        end(first["run_id"])
        again = post(operator, path, key="a")
        assert (again.status_code, again.json()) == (202, {**first, "status": "succeeded"})
        assert Run.objects.filter(parent=None).count() == 1

    def test_without_a_key_another_run_starts_after_the_end(self, operator):
        first = post(operator).json()
        end(first["run_id"])
        assert post(operator).json()["run_id"] != first["run_id"]

    @pytest.mark.parametrize(
        ("one", "same"),
        [
            (None, {}),
            ({}, {"validate": True}),
            ({"sources": ["ec2", "cost"], "validate": True}, {"sources": ["cost", "ec2"]}),
            ({"sources": ["cpu"], "validate": False}, {"validate": False, "sources": ["cpu"]}),
        ],
        ids=str,
    )
    def test_it_is_the_meaning_of_the_body_that_counts(self, operator, one, same):
        first = post(operator, body=one, key="a").json()
        end(first["run_id"])
        assert post(operator, body=same, key="a").json()["run_id"] == first["run_id"]

    def test_the_same_key_with_another_body_is_refused(self, operator):
        first = post(operator, key="a").json()
        answer = post(operator, body={"validate": False}, key="a")
        assert answer.status_code == 422
        assert "was used with another body" in answer.json()["error"]
        assert Run.objects.get(parent=None).pk == first["run_id"]

    def test_another_caller_s_key_is_another_key(self, operator):
        first = post(operator, key="a").json()
        end(first["run_id"])
        other = post(builders.bearer(builders.user("operator")), body={"validate": False}, key="a")
        assert other.status_code == 202
        assert other.json()["run_id"] != first["run_id"]

    def test_a_key_of_one_endpoint_is_none_of_the_other(self, operator):
        assert post(operator, EXECUTE, key="a").json() != post(operator, VALIDATE, key="a").json()

    def test_a_key_is_forgotten_after_24_hours(self, operator):
        first = post(operator, key="a").json()
        end(first["run_id"])
        IdempotencyKey.objects.update(created_at=datetime.now(UTC) - timedelta(hours=24))
        second = post(operator, body={"validate": False}, key="a")
        assert second.status_code == 202
        assert second.json()["run_id"] != first["run_id"]
        assert post(operator, body={"validate": False}, key="a").json() == second.json()

    def test_a_start_that_fails_is_not_remembered(self, operator, monkeypatch):
        def fail(*_, **__):
            raise InvalidInputError("not now")

        with monkeypatch.context() as patch:
            patch.setattr(ledger, "start", fail)
            assert post(operator, key="a").status_code == 400
        assert not IdempotencyKey.objects.exists()
        assert post(operator, body={"validate": False}, key="a").status_code == 202

    @pytest.mark.parametrize("key", ["k", "x" * 255, "a key, with ~ and !", '"8e03978e"'])
    def test_printable_characters_are_taken(self, operator, key):
        assert post(operator, key=key).status_code == 202

    @pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb", "a\x7f"], ids=repr)
    def test_other_keys_are_refused(self, operator, key):
        answer = post(operator, key=key)
        assert answer.status_code == 400
        assert "1 to 255 printable ASCII characters" in answer.json()["error"]
        assert not Run.objects.exists()

    def test_keys_that_are_over_are_deleted(self, operator, tidy):
        for key in ("old", "new"):
            post(operator, key=key)
        IdempotencyKey.objects.filter(key="old").update(created_at=datetime.now(UTC) - idempotency.LASTS)
        assert tidy("idempotency-keys") == {"idempotency_keys_deleted": 1}
        assert IdempotencyKey.objects.get().key == "new"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ends_at_once", [True, False], ids=["ended", "active"])
def test_two_requests_at_once_with_one_key_are_one_run(monkeypatch, ends_at_once):
    """Where the first run has ended, it is the key alone that keeps the second from starting another."""
    person, gate, answers, start = builders.user("operator"), threading.Barrier(4), [], ledger.start

    def start_slowly(*args, **kwargs):
        run = start(*args, **kwargs)
        if ends_at_once:
            Run.objects.update(status=Status.SUCCEEDED)
        return run

    monkeypatch.setattr(ledger, "start", start_slowly)

    def ask():
        try:
            client = builders.bearer(person)
            gate.wait()
            answers.append(post(client, key="a"))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [202] * 4
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert Run.objects.filter(parent=None).count() == 1
