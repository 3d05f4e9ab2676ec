"""POST /sync-ec2, /sync-cost, /sync-cpu and /sync-billing."""

import threading
import time

import pytest
from django.db import connection
from kombu.exceptions import OperationalError

from pipelines import ledger, messages
from pipelines.models import Run, Status, Trigger
from tests import builders

PATHS = {"/sync-ec2": "ec2", "/sync-cost": "cost", "/sync-cpu": "cpu", "/sync-billing": "billing"}


@pytest.fixture
def published(monkeypatch):
    """The runs that were told to the workers, instead of a broker."""
    names = []
    monkeypatch.setattr(messages, "send", lambda run: names.append(run.pipeline) or True)
    return names


@pytest.fixture
def ends_at_once(monkeypatch):
    """Have each run end as it is started: `ends_at_once(status, counts, error)`."""

    def arrange(status=Status.SUCCEEDED, counts=None, error=""):
        start = ledger.start

        def start_and_end(*args, **kwargs):
            run = start(*args, **kwargs)
            Run.objects.filter(pk=run.pk).update(status=status, counts=counts or {}, error=error)
            return run

        monkeypatch.setattr(ledger, "start", start_and_end)

    return arrange


@pytest.fixture
def operator():
    return builders.client("operator")


@pytest.mark.django_db
@pytest.mark.usefixtures("published")
class TestStarting:
    @pytest.mark.parametrize(("path", "pipeline"), PATHS.items())
    def test_answers_with_the_run(self, operator, path, pipeline):
        answer = operator.post(path)
        run = Run.objects.get()
        assert answer.status_code == 202
        assert answer.json() == {
            "run_id": run.pk,
            "status": "queued",
            "status_url": f"http://testserver/api/v1/runs/{run.pk}/",
        }
        assert (run.pipeline, run.trigger) == (pipeline, Trigger.MANUAL)

    def test_tells_the_workers(self, operator, published, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            operator.post("/sync-cost")
        assert published == ["cost"]

    def test_notes_who_asked(self):
        person = builders.user("operator")
        client = builders.APIClient()
        client.force_authenticate(person)
        client.post("/sync-ec2")
        assert Run.objects.get().requested_by == person

    def test_joins_the_run_that_is_active(self, operator):
        first, second = operator.post("/sync-ec2").json(), operator.post("/sync-ec2").json()
        assert first == second
        assert Run.objects.count() == 1

    def test_says_where_the_run_can_be_followed(self, operator):
        assert operator.get(operator.post("/sync-ec2").json()["status_url"]).json()["status"] == "queued"

    def test_takes_an_empty_object_for_no_body(self, operator):
        assert operator.post("/sync-ec2", {}).status_code == 202

    @pytest.mark.parametrize("form", ["multipart/form-data", "application/x-www-form-urlencoded"])
    def test_takes_an_empty_form_for_no_body(self, operator, form):
        body = "--b--\r\n" if form.startswith("multipart") else ""
        assert operator.post("/sync-ec2", body, content_type=f"{form}; boundary=b").status_code == 202

    def test_refuses_a_form_with_something_in_it(self, operator):
        form = "application/x-www-form-urlencoded"
        answer = operator.post("/sync-ec2", "account=111111111111", content_type=form)
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "This takes no body, only the parameter wait."},
        )

    @pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
    def test_is_a_post(self, operator, method):
        answer = getattr(operator, method)("/sync-ec2")
        assert answer.status_code == 405
        assert set(answer.json()) == {"error"}

    @pytest.mark.parametrize(
        ("body", "status"), [("{", 400), ('{"account": "111111111111"}', 400), ("[1]", 400)]
    )
    def test_refuses_a_body(self, operator, body, status):
        answer = operator.post("/sync-ec2", body, content_type="application/json")
        assert answer.status_code == status
        assert "error" in answer.json()
        assert not Run.objects.exists()


@pytest.mark.django_db
def test_a_broker_that_is_away_leaves_the_run_queued(
    operator, monkeypatch, django_capture_on_commit_callbacks
):
    def away(*_args, **_kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(messages.app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        answer = operator.post("/sync-ec2")
    assert (answer.status_code, Run.objects.get().status) == (202, "queued")


@pytest.mark.django_db
@pytest.mark.usefixtures("published")
class TestWaiting:
    @pytest.mark.parametrize("wait", ["0", "0.5", "5", "120", "120.0"])
    def test_answers_with_the_counts_of_a_run_that_ended(self, operator, ends_at_once, wait):
        ends_at_once(counts={"created": 3, "updated": 2, "unchanged": 1, "gone": 9})
        answer = operator.post(f"/sync-ec2?wait={wait}")
        run = Run.objects.get()
        assert answer.status_code == 200
        assert answer.json() == {
            "run_id": run.pk,
            "status": "succeeded",
            "status_url": f"http://testserver/api/v1/runs/{run.pk}/",
            "created": 3,
            "updated": 2,
            "unchanged": 1,
        }

    def test_counts_nothing_where_nothing_was_found(self, operator, ends_at_once):
        ends_at_once(counts={})
        answer = operator.post("/sync-ec2?wait=5").json()
        assert (answer["created"], answer["updated"], answer["unchanged"]) == (0, 0, 0)

    @pytest.mark.parametrize("status", [Status.FAILED, Status.PARTIAL])
    def test_tells_what_failed(self, operator, ends_at_once, status):
        ends_at_once(status, error="111111111111: denied")
        answer = operator.post("/sync-ec2?wait=5")
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["error"]) == (status, "111111111111: denied")

    def test_answers_as_without_it_when_the_time_is_over(self, operator):
        started = time.monotonic()
        answer = operator.post("/sync-ec2?wait=0.3")
        assert time.monotonic() - started >= 0.3
        assert answer.status_code == 202
        assert set(answer.json()) == {"run_id", "status", "status_url"}

    @pytest.mark.parametrize(
        "query",
        [
            "wait=120.1",
            "wait=121",
            "wait=-1",
            "wait=",
            "wait=soon",
            "wait=nan",
            "wait=inf",
            "wait=1e1",
            "wait=+1",
            "wait=1_0",
            "wait=5s",
            "wait=.5",
            "wait=5&wait=6",
            "wait=%D9%A1",
            "timeout=5",
        ],
    )
    def test_refuses_what_is_no_time(self, operator, query):
        answer = operator.post(f"/sync-ec2?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.json()["error"]
        assert not Run.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("published")
def test_waiting_sees_what_a_worker_does_meanwhile(operator):
    def work():
        try:
            deadline = time.monotonic() + 10
            while not Run.objects.filter(status=Status.QUEUED).update(status=Status.SUCCEEDED):
                assert time.monotonic() < deadline
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    answer = operator.post("/sync-ec2?wait=10")
    worker.join()
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
