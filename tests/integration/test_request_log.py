"""What is logged of requests, tasks and runs: who asked, and what followed from it."""

import base64
import json
import logging
import uuid

import pytest
import structlog
from celery.app.trace import build_tracer
from celery.signals import before_task_publish, task_prerun

from cloudintel_project.celery import app
from core import logs
from pipelines import ledger
from pipelines.calling import DAILY
from pipelines.models import Run
from pipelines.registry import USUAL_QUEUE
from pipelines.tasks import execute_step
from tests import builders
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged(caplog):
    """The fields of what was logged with structlog since, by event."""
    caplog.set_level(logging.INFO, logger="django_structlog")

    def events(name):
        said = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
        return [each for each in said if each["event"] == name]

    yield events
    structlog.contextvars.clear_contextvars()


def test_an_answer_carries_the_id_of_its_request(logged):
    answer = builders.client("viewer").get("/livez", headers={"X-Request-ID": "proxy-1.2:3"})
    assert answer.headers["X-Request-ID"] == "proxy-1.2:3"
    assert [each["request_id"] for each in logged("request_finished")] == ["proxy-1.2:3"]


@pytest.mark.parametrize("given", ["", "two words", "<script>", "x" * 101, "a\tb"])
def test_an_id_that_is_no_plain_name_is_replaced(given):
    answer = builders.client("viewer").get("/livez", headers={"X-Request-ID": given})
    assert uuid.UUID(answer.headers["X-Request-ID"])


def test_an_error_carries_the_id_too():
    answer = builders.client().get("/nothing", headers={"X-Request-ID": "abc"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (404, "abc")


def test_a_request_is_told_with_who_and_whence_and_without_its_query(logged):
    client, person = builders.client("viewer"), builders.user("viewer")
    client.force_authenticate(person)
    client.get("/cost-trend?start=secret", REMOTE_ADDR="192.0.2.7")
    (end,) = logged("request_finished")
    assert (end["request"], end["code"], end["ip"]) == ("GET /cost-trend", 400, "192.0.2.7")
    assert "secret" not in str(logged("request_started"))


def test_the_bearer_of_a_token_is_told(logged):
    person = builders.user("viewer", password="correct horse battery")
    client = builders.APIClient()
    login = {"email": person.email, "password": "correct horse battery"}
    token = client.post("/api/auth/login", login).json()["token"]
    client.get("/cost-summary", headers={"Authorization": f"Bearer {token}"})
    assert logged("request_finished")[-1]["user_id"] == str(person.pk)
    assert token not in str(logged("request_started") + logged("request_finished"))


def test_nobody_is_looked_up_for_the_log_s_sake(django_assert_num_queries):
    client = builders.APIClient()
    client.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    with django_assert_num_queries(0):
        client.get("/livez")


def test_nothing_of_a_request_is_left_for_the_next():
    builders.client("viewer").get("/cost-summary")
    assert structlog.contextvars.get_contextvars() == {}


# --- Tasks and runs --------------------------------------------------------------------------
def test_a_message_carries_the_request_to_the_task():
    headers = {"id": "t1", "task": "x"}
    with structlog.contextvars.bound_contextvars(request_id="abc", user_id="u", run_id=7):
        before_task_publish.send(sender="x", headers=headers, body=(), properties={}, routing_key="aws")
    execute_step.push_request(**headers)
    try:
        task_prerun.send(sender=execute_step, task_id="t1", task=execute_step)
        bound = structlog.contextvars.get_contextvars()
    finally:
        execute_step.pop_request()
        structlog.contextvars.clear_contextvars()
    assert bound == {"task_id": "t1", "request_id": "abc", "user_id": "u"}, "the sender's run is its own"


def test_a_run_is_bound_for_its_length(pipelines, sent, django_capture_on_commit_callbacks):
    bound = []
    pipelines(source=FakeHandler({"one": lambda: bound.append(structlog.contextvars.get_contextvars())}))
    run = ledger.start("source")
    work_off(run)
    assert bound == [{"run_id": run.pk, "pipeline": "source"}]
    assert structlog.contextvars.get_contextvars() == {}


@pytest.fixture
def lines(caplog):
    """The lines that are written meanwhile with LOG_FORMAT=json."""
    formatting = logs.configure(format="json", level="INFO")["formatters"]["chosen"]
    formatter = formatting.pop("()")(**formatting)
    written = []

    class Handler(logging.Handler):
        def emit(self, record):
            written.append(formatter.format(record))

    for name in ("django_structlog", "pipelines"):
        caplog.set_level(logging.INFO, logger=name)
    logging.getLogger().addHandler(handler := Handler())
    yield written
    logging.getLogger().removeHandler(handler)


def work_through(valkey, queue):
    """Do what the queue's messages order, each as a worker does it."""
    while message := valkey.rpop(queue):
        sent = json.loads(message)
        arguments, *_ = json.loads(base64.b64decode(sent["body"]))
        task = app.tasks[sent["headers"]["task"]]
        trace = build_tracer(task.name, task, app=app)
        trace(sent["headers"]["id"], arguments, {}, request=sent["headers"])


@pytest.mark.django_db(transaction=True)
def test_a_request_and_the_run_that_it_starts_share_an_id_in_every_line(lines, pipelines, valkey):
    pipelines(**{DAILY: FakeHandler({"one": dict})})
    operator = builders.bearer(builders.user("operator"))
    answer = operator.post("/execute", headers={"X-Request-ID": "order-1"})
    work_through(valkey, USUAL_QUEUE)
    run = Run.objects.get()
    assert (answer.json()["run_id"], run.status) == (run.pk, "succeeded"), run.error
    assert not [line for line in lines if "\n" in line]
    said = [json.loads(line) for line in lines]
    assert {each.get("request_id") for each in said} == {"order-1"}
    of_run = [each["event"] for each in said if each.get("run_id") == run.pk]
    assert of_run[0] == "request_finished"
    assert [each for each in of_run if "daily" in each] == [
        f"{run} started, attempt 1",
        f"{run}: one started, attempt 1",
        f"{run} ended: succeeded",
    ]


@pytest.mark.django_db(transaction=True)
def test_lines_of_a_part_name_the_whole_whose_end_is_told_too(lines, pipelines, valkey):
    pipelines(**{DAILY: ("cost",), "cost": FakeHandler({"one": dict})})
    builders.bearer(builders.user("operator")).post("/execute")
    work_through(valkey, USUAL_QUEUE)
    whole, part = Run.objects.order_by("pk")
    said = [json.loads(line) for line in lines]
    of_part = {each["event"]: each.get("parent_run_id") for each in said if each.get("run_id") == part.pk}
    assert of_part[f"{part} started, attempt 1"] == of_part[f"{part} ended: succeeded"] == whole.pk
    end = next(each for each in said if each["event"] == f"{whole} ended: succeeded")
    assert (end["run_id"], end["parent_run_id"], end["pipeline"]) == (whole.pk, None, DAILY)
