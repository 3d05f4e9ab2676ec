"""GET /status: how things are."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from pipelines import schedules
from pipelines.models import QualityReport, ReportKind, Status, Worker
from pipelines.registry import Pipeline
from pipelines.slots import Cron
from tests import builders
from tests.integration.conftest import FakeHandler

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon(now):
    now(NOON)


@pytest.fixture
def viewer():
    return builders.client("viewer")


def status(client):
    answer = client.get("/status")
    assert answer.status_code == 200
    return answer.json()


def of_pipeline(client, name):
    (found,) = [each for each in status(client)["pipelines"] if each["name"] == name]
    return found


def ago(**time):
    return NOON - timedelta(**time)


def test_a_parameter_is_refused_and_not_ignored(viewer):
    answer = viewer.get("/status?pipeline=daily")
    assert (answer.status_code, answer.json()["error"][:27]) == (400, "pipeline: Unknown parameter")


def report(**fields):
    days = {"start": date(2026, 3, 19), "end": date(2026, 3, 20), "computed_at": NOON}
    return QualityReport.objects.create(**{"kind": ReportKind.DAILY, **days, **fields})


# --- Pipelines -------------------------------------------------------------------------------
def test_the_last_run_of_each_pipeline_is_told(viewer, pipelines):
    pipelines(ec2=FakeHandler({}), cost=FakeHandler({}))
    builders.run("ec2")
    last = builders.run("ec2", Status.FAILED, error="denied", scope="another")
    assert [(each["name"], each["title"], each["next_due"]) for each in status(viewer)["pipelines"]] == [
        ("ec2", "ec2", None),
        ("cost", "cost", None),
    ]
    assert of_pipeline(viewer, "ec2")["last_run"] == {
        "run_id": last.pk,
        "status": "failed",
        "started_at": "2026-03-01T06:00:00Z",
        "finished_at": "2026-03-01T06:01:00Z",
        "duration_s": 60.0,
        "error": "denied",
    }
    assert of_pipeline(viewer, "cost")["last_run"] is None


def test_a_slot_that_was_let_pass_is_no_run(viewer, pipelines):
    pipelines(ec2=FakeHandler({}))
    run = builders.run("ec2")
    builders.run("ec2", Status.SKIPPED)
    assert of_pipeline(viewer, "ec2")["last_run"]["run_id"] == run.pk


@pytest.mark.parametrize(
    ("rhythm", "due"),
    [
        (timedelta(hours=24), "2026-03-21T00:00:00Z"),
        (timedelta(hours=1), "2026-03-20T13:00:00Z"),
        (Cron("30 4 * * *", "America/New_York"), "2026-03-21T08:30:00Z"),
        (Cron("0 0 29 2 *", "UTC"), "2028-02-29T00:00:00Z"),
    ],
    ids=str,
)
def test_a_schedule_says_when_it_is_due_next(viewer, pipelines, rhythm, due):
    pipelines(ec2=FakeHandler({}))
    schedules._create("Collect", schedules.START, rhythm, pipeline="ec2")
    assert of_pipeline(viewer, "ec2")["next_due"] == due


def test_the_first_of_two_schedules_counts_and_none_before_its_beginning(viewer, pipelines):
    pipelines(ec2=FakeHandler({}))
    for title, hours in (("slow", 24), ("quick", 1)):
        schedules._create(title, schedules.START, timedelta(hours=hours), pipeline="ec2")
    assert of_pipeline(viewer, "ec2")["next_due"] == "2026-03-20T13:00:00Z"
    PeriodicTask.objects.filter(name="quick").update(start_time=datetime(2026, 3, 20, 18, tzinfo=UTC))
    assert of_pipeline(viewer, "ec2")["next_due"] == "2026-03-20T18:00:00Z"
    PeriodicTask.objects.filter(name="quick").update(enabled=False)
    assert of_pipeline(viewer, "ec2")["next_due"] == "2026-03-21T00:00:00Z"


def test_a_schedule_that_nobody_can_understand_is_due_never(viewer, pipelines):
    pipelines(ec2=FakeHandler({}))
    schedules._create("Collect", schedules.START, timedelta(hours=1), pipeline="ec2")
    PeriodicTask.objects.filter(name="Collect").update(interval=None, solar=None)
    assert of_pipeline(viewer, "ec2")["next_due"] is None


# --- Work and workers ------------------------------------------------------------------------
def test_nothing_waits_where_nothing_was_started(viewer):
    assert status(viewer)["queue"] == {"queued": 0, "running": 0, "oldest_age_s": None}


def test_work_is_counted_in_pieces_that_a_worker_takes(viewer):
    lease = {"lease_until": NOON + timedelta(seconds=90)}
    builders.run("cpu", Status.QUEUED, created_at=ago(seconds=40))
    planned = builders.run("cost", Status.RUNNING, **lease)
    run = builders.run("ec2", Status.RUNNING)
    builders.step(run, "queued", Status.QUEUED, created_at=ago(seconds=90))
    builders.step(run, "running", Status.RUNNING, **lease)
    builders.step(run, "done")
    builders.run("daily", Status.RUNNING).children.add(planned)
    assert status(viewer)["queue"] == {"queued": 2, "running": 2, "oldest_age_s": 90.0}


def test_what_was_added_while_the_answer_is_made_has_not_waited(viewer):
    builders.run("cpu", Status.QUEUED, created_at=NOON + timedelta(seconds=1))
    assert status(viewer)["queue"]["oldest_age_s"] == 0.0


def test_the_workers_that_are_there_are_told(viewer):
    for name, seconds, cpu in (("io", 5, 12.5), ("cpu", 59, None), ("gone", 61, 1.0)):
        Worker.objects.create(
            name=name, host="here", pid=1, slots=8, cpu_percent=cpu, seen_at=ago(seconds=seconds)
        )
    assert status(viewer)["workers"] == [
        {
            "name": "cpu",
            "host": "here",
            "slots": 8,
            "seen_at": "2026-03-20T11:59:01Z",
            "cpu_percent": None,
        },
        {
            "name": "io",
            "host": "here",
            "slots": 8,
            "seen_at": "2026-03-20T11:59:55Z",
            "cpu_percent": 12.5,
        },
    ]


# --- Data ------------------------------------------------------------------------------------
def test_without_a_report_the_quality_is_not_known(viewer):
    assert status(viewer)["quality"] is None


def test_the_latest_daily_report_tells_the_quality(viewer):
    report(total=10.0)
    report(completeness=99.5, total=97.0)
    report(kind=ReportKind.WEEKLY, total=50.0)
    assert status(viewer)["quality"] == {
        "completeness": 99.5,
        "timeliness": None,
        "validity": None,
        "uniqueness": None,
        "consistency": None,
        "total": 97.0,
        "computed_at": "2026-03-20T12:00:00Z",
    }


def test_freshness_is_told_with_a_reason(viewer):
    told = status(viewer)["freshness"]
    assert set(told) == {"fresh", "deadline", "last_success_at", "reason"}
    assert told["fresh"] is not None or told["reason"]


# --- The question ----------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "code"), [(None, 403), ("viewer", 200), ("operator", 200)])
def test_is_for_viewers(role, code):
    assert builders.client(role).get("/status").status_code == code


def test_takes_the_same_number_of_queries_however_much_there_is(viewer):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            status(viewer)
        return len(captured)

    few = queries()
    for number in range(4):
        run = builders.run("ec2", Status.RUNNING, scope=str(number))
        builders.step(run, "one", Status.QUEUED)
        builders.run("cost")
        schedules.ensure_pipeline(Pipeline(name=str(number), title=str(number), every=timedelta(hours=1)))
        Worker.objects.create(name=str(number), host="here", pid=1, slots=8, seen_at=NOON)
        report(total=1.0)
    assert queries() == few
    assert few <= 11
