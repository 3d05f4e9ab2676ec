"""/metrics: who may ask, and that the figures are those of the rows."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_prometheus.middleware import Metrics
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from alerts import services
from alerts.models import Delivery, Notification, Severity
from collectors.models import BillingFile, BillingManifest, FileState
from collectors.pipelines import AT_HALF_PAST_FOUR
from pipelines import schedules
from pipelines.models import Capacity, PastOutcomes, PastTotals, QualityReport, ReportKind, Status
from tests import builders

pytestmark = pytest.mark.django_db

TOKEN = "s" * 40


@pytest.fixture(autouse=True, scope="module")
def _uncounted():
    """Forget the requests of all tests before: their counters are a text that takes seconds to read."""
    for metric in vars(Metrics.get_instance()).values():
        metric.clear()


def scrape(client=None, **headers):
    return (client or builders.client("viewer")).get("/metrics", headers=headers)


def samples():
    """The values of /metrics by name and labels, those in the order of their names."""
    text = scrape().content.decode()
    return {
        (sample.name, *(value for _name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# --- Who -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("authorization", "status"),
    [(f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), (f"Bearer {TOKEN}x", 401), ("", 401)],
)
def test_a_scraper_shows_its_token(settings, authorization, status):
    settings.METRICS_TOKEN = TOKEN
    answer = scrape(APIClient(), Authorization=authorization)
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()) == {"error"}


def test_without_a_token_set_an_empty_one_is_none(settings):
    settings.METRICS_TOKEN = ""
    assert scrape(APIClient(), Authorization="Bearer ").status_code == 401


def test_the_scraper_s_token_is_good_for_nothing_else(settings):
    settings.METRICS_TOKEN = TOKEN
    answer = APIClient().get("/api/v1/runs/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 401


def test_an_administrator_s_session_may_ask():
    client = APIClient()
    client.force_login(builders.user("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    assert scrape(client).status_code == 200


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text;version=1.0.0", "text/plain;version=0.0.4", "text/html", "*/*"]
)
def test_the_format_is_prometheus_s_whatever_is_accepted(accept):
    answer = scrape(Accept=accept)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")


def test_a_refusal_is_json_whatever_is_accepted():
    answer = scrape(builders.client(), Accept="text/plain")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/json")


# --- What ------------------------------------------------------------------------------------
def test_runs_and_their_totals_are_those_of_the_ledger():
    builders.run("ec2", Status.SUCCEEDED, attempt=1, aws_calls=5, aws_cost_usd=Decimal("0.01"))
    builders.run(
        "ec2",
        Status.SUCCEEDED,
        attempt=3,
        step_attempts=40,
        lost_workers=2,
        aws_calls=7,
        aws_cost_usd=Decimal("0.02"),
    )
    builders.run("ec2", Status.FAILED, attempt=4, lost_workers=3)
    builders.run("cost", Status.RUNNING, attempt=1, aws_calls=2)
    found = samples()
    assert found["cloudintel_runs", "ec2", "succeeded"] == 2
    assert found["cloudintel_runs", "ec2", "failed"] == 1
    assert found["cloudintel_runs", "cost", "running"] == 1
    assert found["cloudintel_run_attempts_total", "ec2"] == 1 + (3 + 40) + 4
    assert found["cloudintel_run_takeovers_total", "ec2"] == 0 + 2 + 3
    assert found["cloudintel_aws_calls_total", "ec2"] == 5 + 7
    assert found["cloudintel_aws_calls_total", "cost"] == 2
    assert found["cloudintel_aws_cost_usd_total", "ec2"] == pytest.approx(0.03)
    assert found["cloudintel_aws_cost_usd_total", "cpu"] == 0


def test_totals_go_on_from_those_of_deleted_runs():
    PastTotals.objects.create(pipeline="ec2", attempts=50, takeovers=5, calls=500, usd=Decimal("0.5"))
    builders.run("ec2", attempt=1, step_attempts=2, lost_workers=1, aws_calls=3, aws_cost_usd=Decimal("0.1"))
    found = samples()
    assert found["cloudintel_run_attempts_total", "ec2"] == 50 + 1 + 2
    assert found["cloudintel_run_takeovers_total", "ec2"] == 5 + 1
    assert found["cloudintel_aws_calls_total", "ec2"] == 500 + 3
    assert found["cloudintel_aws_cost_usd_total", "ec2"] == pytest.approx(0.6)
    assert {key for key in found if key[:2] == ("cloudintel_runs", "ec2")} == {
        ("cloudintel_runs", "ec2", "succeeded")
    }


def test_a_parent_s_calls_are_counted_once():
    parent = builders.run("daily", aws_calls=5)
    builders.run("ec2", parent=parent, aws_calls=5)
    calls = {key: value for key, value in samples().items() if key[0] == "cloudintel_aws_calls_total"}
    assert sum(calls.values()) == 5


def test_durations_are_those_of_ended_runs_by_how_they_ended():
    began = timezone.now() - timedelta(hours=1)
    for seconds in (10.25, 20.5):
        builders.run("ec2", started_at=began, finished_at=began + timedelta(seconds=seconds))
    builders.run("ec2", Status.FAILED, started_at=began, finished_at=began + timedelta(seconds=0.75))
    builders.run("ec2", Status.SKIPPED, started_at=None, finished_at=began)
    builders.run("ec2", Status.RUNNING, started_at=began)
    found = samples()
    assert found["cloudintel_run_duration_seconds_count", "ec2", "succeeded"] == 2
    assert found["cloudintel_run_duration_seconds_sum", "ec2", "succeeded"] == pytest.approx(30.75)
    assert found["cloudintel_run_duration_seconds_sum", "ec2", "failed"] == pytest.approx(0.75)
    told = {key[2] for key in found if key[:2] == ("cloudintel_run_duration_seconds_sum", "ec2")}
    assert told == {"succeeded", "partial", "failed"}


def test_the_first_failure_of_a_pipeline_is_seen_to_increase_from_zero():
    assert samples()["cloudintel_run_duration_seconds_count", "ec2", "failed"] == 0


def test_records_are_counted_by_type_and_those_of_a_parent_once():
    parent = builders.run("daily", counts={"created": 7})
    builders.run("ec2", parent=parent, counts={"created": 3, "updated": 1, "gone": 9})
    builders.run("ec2", Status.PARTIAL, counts={"created": 4, "deleted": 2, "quarantined": 5})
    found = samples()
    told = {key[2]: value for key, value in found.items() if key[:2] == ("cloudintel_records_total", "ec2")}
    assert told == {"created": 7, "updated": 1, "unchanged": 0, "deleted": 2, "quarantined": 5}
    assert ("cloudintel_records_total", "daily", "created") not in found
    assert found["cloudintel_records_total", "cost", "created"] == 0


def test_durations_and_records_survive_the_deletion_of_runs(tidy):
    def told():
        names = ("cloudintel_run_duration_seconds_sum", "cloudintel_run_duration_seconds_count")
        wanted = (*names, "cloudintel_records_total")
        return {key: value for key, value in samples().items() if key[0] in wanted and key[1] == "ec2"}

    for status in (Status.SUCCEEDED, Status.FAILED, Status.SUCCEEDED):
        ended_at = builders.MORNING + timedelta(seconds=2.75)
        builders.run("ec2", status, finished_at=ended_at, counts={"created": 3, "unchanged": 2})
    before = told()
    assert tidy("runs")["runs_deleted"] == 2
    assert told() == before
    assert PastOutcomes.objects.count() == 2


def test_billing_files_are_counted_by_state():
    manifest = BillingManifest.objects.create(
        location="exports",
        key="m.json",
        export="e",
        period_start="2026-03-01",
        period_end="2026-04-01",
        etag="1",
    )
    for number, state in enumerate([FileState.ACTIVE, FileState.ACTIVE, FileState.FAILED]):
        BillingFile.objects.create(manifest=manifest, key=f"{number}.csv", etag="1", size=1, state=state)
    found = {key[1]: value for key, value in samples().items() if key[0] == "cloudintel_billing_files"}
    assert found == {"found": 0, "staged": 0, "active": 2, "superseded": 0, "failed": 1}


def test_scores_are_those_of_the_latest_daily_report_and_unknown_ones_are_absent():
    days = {"start": "2026-03-01", "end": "2026-03-02"}
    QualityReport.objects.create(kind=ReportKind.DAILY, **days, completeness=50, validity=50, total=50)
    QualityReport.objects.create(kind=ReportKind.DAILY, **days, completeness=97.5, validity=0, total=80)
    QualityReport.objects.create(kind=ReportKind.WEEKLY, **days, consistency=100)
    found = {key[1]: value for key, value in samples().items() if key[0] == "cloudintel_validation_score"}
    assert found == {"completeness": 97.5, "validity": 0, "total": 80}


def test_the_error_rate_is_that_of_the_last_minutes_and_absent_without_attempts():
    minute = timezone.now().replace(second=0, microsecond=0)
    builders.minutes(minute - timedelta(minutes=10), attempts=10, failures=10)
    assert ("cloudintel_error_rate",) not in samples()
    builders.minutes(minute, attempts=10, failures=1, number=4)
    assert samples()["cloudintel_error_rate",] == pytest.approx(0.1)


def test_workers_that_are_alive_and_the_cpu_of_their_machines_are_told():
    for cpu_percent in (30.0, 35.0, None):
        builders.worker(host="one", cpu_percent=cpu_percent)
    builders.worker(host="two", cpu_percent=None)
    builders.worker(host="gone", seen_at=timezone.now() - timedelta(minutes=2))
    Capacity.objects.create(extra_workers=2)
    found = samples()
    assert found["cloudintel_workers",] == 4
    cpu = {key[1]: value for key, value in found.items() if key[0] == "cloudintel_worker_cpu_percent"}
    assert (cpu, found["cloudintel_extra_workers",]) == ({"one": 35.0}, 2)


def test_the_scores_are_those_of_the_newest_days_also_when_older_ones_are_filled_in():
    builders.quality_report("2026-03-02", total=97.5)
    builders.quality_report("2026-01-01", total=40.0)
    found = samples()
    assert found["cloudintel_validation_score", "total"] == 97.5
    assert ("cloudintel_validation_score", "consistency") not in found, "unknown"


def test_the_oldest_queued_run_that_could_begin_tells_the_age():
    now = timezone.now()
    builders.run("ec2", Status.QUEUED, scope="a", created_at=now - timedelta(seconds=40))
    builders.run("ec2", Status.QUEUED, scope="b", created_at=now - timedelta(seconds=10))
    parent = builders.run("daily", Status.RUNNING)
    builders.run("cost", Status.RUNNING, parent=parent, position=0)
    builders.run("cpu", Status.QUEUED, parent=parent, position=1, created_at=now - timedelta(seconds=99))
    found = samples()
    assert 40 <= found["cloudintel_oldest_queued_age_seconds", "ec2"] < 70
    assert found["cloudintel_oldest_queued_age_seconds", "cpu"] == 0, "its turn has not come"
    assert found["cloudintel_oldest_queued_age_seconds", "cost"] == 0


def queued_step(run, number, **fields):
    return builders.step(run, f"step {number}", Status.QUEUED, **fields)


def test_the_oldest_step_that_a_worker_may_take_tells_the_age():
    now = timezone.now()
    run = builders.run("metrics", Status.RUNNING, created_at=now - timedelta(seconds=500))
    queued_step(run, 1, created_at=now - timedelta(seconds=40))
    queued_step(run, 2, created_at=now - timedelta(seconds=10))
    builders.step(run, "taken", Status.RUNNING, created_at=now - timedelta(seconds=300))
    assert 40 <= samples()["cloudintel_oldest_queued_age_seconds", "metrics"] < 70


def test_a_pause_is_no_waiting():
    now = timezone.now()
    run = builders.run("metrics", Status.RUNNING)
    long_ago = now - timedelta(hours=1)
    queued_step(run, 1, created_at=long_ago, not_before=now - timedelta(seconds=20))
    queued_step(run, 2, created_at=long_ago, not_before=now + timedelta(seconds=20))
    builders.run("ec2", Status.QUEUED, created_at=long_ago, not_before=now - timedelta(seconds=30))
    found = samples()
    assert 20 <= found["cloudintel_oldest_queued_age_seconds", "metrics"] < 50
    assert 30 <= found["cloudintel_oldest_queued_age_seconds", "ec2"] < 60


def test_steps_that_wait_or_are_worked_on_are_counted():
    run = builders.run("metrics", Status.RUNNING)
    for number in range(3):
        queued_step(run, number)
    builders.step(run, "taken", Status.RUNNING)
    builders.step(run, "done", Status.SUCCEEDED)
    found = samples()
    assert found["cloudintel_steps", "metrics", "queued"] == 3
    assert found["cloudintel_steps", "metrics", "running"] == 1
    assert found["cloudintel_steps", "ec2", "queued"] == 0
    assert ("cloudintel_steps", "metrics", "succeeded") not in found


def test_a_slot_that_nobody_started_is_late():
    schedules.ensure()
    PeriodicTask.objects.filter(task=schedules.START).update(start_time=timezone.now() - timedelta(days=2))
    since_slot = (timezone.now() - AT_HALF_PAST_FOUR.latest(timezone.now())).total_seconds()
    late = samples()["cloudintel_schedule_lateness_seconds", "daily"]
    assert since_slot <= late < since_slot + 30


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUCCEEDED, Status.SKIPPED])
def test_a_slot_that_has_a_run_is_not_late(status):
    schedules.ensure()
    PeriodicTask.objects.filter(task=schedules.START).update(start_time=timezone.now() - timedelta(days=2))
    builders.run("daily", status, scheduled_for=AT_HALF_PAST_FOUR.latest(timezone.now()))
    assert samples()["cloudintel_schedule_lateness_seconds", "daily"] == 0


def test_a_schedule_that_has_just_begun_is_not_late():
    schedules.ensure()
    assert samples()["cloudintel_schedule_lateness_seconds", "daily"] == 0


def test_open_alerts_are_counted_by_severity():
    builders.alert("a", severity=Severity.CRITICAL)
    builders.alert("b", severity=Severity.CRITICAL)
    builders.alert("c", severity=Severity.WARNING)
    services.resolve("c")
    found = samples()
    counted = [found["cloudintel_open_alerts", severity] for severity in ("warning", "error", "critical")]
    assert counted == [0, 0, 2]


def test_deliveries_that_wait_and_those_given_up_lately_are_counted():
    for _ in range(4):
        builders.channel()
    builders.alert()
    rows = list(Delivery.objects.order_by("pk"))
    for row, state in zip(rows, ("pending", "failed", "sent", "abandoned"), strict=True):
        Delivery.objects.filter(pk=row.pk).update(state=state)
    found = samples()
    assert [found["cloudintel_alert_deliveries", state] for state in ("pending", "abandoned")] == [2, 1]
    Notification.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert samples()["cloudintel_alert_deliveries", "abandoned"] == 0


def test_requests_are_counted_by_view():
    key = ("django_http_requests_total_by_view_transport_method_total", "GET", "http", "cost-trend")
    client = builders.client("viewer")
    before = samples().get(key, 0)
    client.get("/cost-trend")
    client.get("/cost-trend")
    assert samples()[key] == before + 2


def test_a_made_up_method_is_not_a_series_of_its_own():
    builders.client("viewer").generic("MADEUP", "/cost-trend")
    assert b"MADEUP" not in scrape().content


def test_the_number_of_queries_does_not_grow_with_the_rows(django_assert_num_queries):
    client = builders.client("viewer")
    schedules.begin_now(PeriodicTask.objects.all())  # of one that is late, runs are asked for
    for number in range(20):
        run = builders.run("ec2", Status.QUEUED, scope=str(number))
        queued_step(run, number)
        builders.alert()
    # The role, runs, steps, those that wait of both, schedules, alerts, deliveries; the time, two for each
    # tick's lag, what is monitored, what was decided; the latest observation.
    # The outcomes of runs; the platform's minutes, workers, capacity and quality; billing files.
    with django_assert_num_queries(8 + 7 + 1 + 1 + 5 + 1):
        scrape(client)
