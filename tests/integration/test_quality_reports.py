"""Reports of quality: written at the end of runs, told of where they are low, kept for a time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from alerts import services as alerts
from alerts.models import Alert
from analytics import usable
from core.errors import PermanentCloudError
from pipelines import ledger, quality, registry
from pipelines.models import QualityReport, ReportKind, Status
from pipelines.quality import checks, dependents, handler, reports, weekly
from pipelines.quality.checks import Check
from pipelines.quality.scores import DIMENSIONS, Failure, Finding
from pipelines.registry import Pipeline
from tests import builders
from tests.integration.conftest import FakeHandler, work_off

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)


@pytest.fixture
def mails(monkeypatch):
    """The reports that were sent to people: title, text and HTML."""
    sent = []
    monkeypatch.setattr(alerts, "report", lambda *told: sent.append(told), raising=False)
    return sent


@pytest.fixture
def scoring(pipelines, sent, monkeypatch, mails, django_capture_on_commit_callbacks):
    """Register the pipelines of quality beside a daily run, with one check for each dimension of costs."""
    pipelines(one=FakeHandler({"step": lambda: {"created": 1}}), daily=("one", "quality"))
    quality.register()
    monkeypatch.setattr(checks, "_checks", {})

    def finding(**found):
        """Have the checks find this, by dimension; 10 slots that are well where nothing else is said."""
        for dimension in DIMENSIONS:
            what = found.get(dimension, Finding(10))
            checks.register(
                Check(
                    name=f"the {dimension}",
                    title="?",
                    dimension=dimension,
                    datasets=("costs",),
                    find=what if callable(what) else lambda window, now, what=what: what,
                )
            )

    finding()
    return finding


def scored(pipeline="daily", **fields):
    run = ledger.start(pipeline, **fields)
    work_off()
    run.refresh_from_db()
    return run


def bad(number, of=10):
    failures = tuple(Failure(f"111111111111 {n}", "no costs") for n in range(number))
    return Finding(of, number, number, failures)


def open_alerts():
    return list(Alert.objects.unresolved().values_list("key", "severity"))


# --- Writing ---------------------------------------------------------------------------------
def test_the_report_is_the_daily_runs_own(scoring):
    scoring(completeness=bad(5))
    run = scored()
    report = QualityReport.objects.get()
    assert run.status == Status.SUCCEEDED
    assert (report.run, report.kind) == (run, ReportKind.DAILY)
    # .30 x 50 + .70 x 100
    assert (report.completeness, report.validity, report.total) == (50.0, 100.0, 85.0)
    failure = {
        "check": "the completeness",
        "dataset": "costs",
        "subject": "111111111111 0",
        "detail": "no costs",
    }
    assert report.failures[0] == failure
    assert report.datasets["costs"]["total"] == 85.0
    assert report.datasets["costs"]["failures"] == 5
    assert report.datasets["cpu"]["total"] is None


def test_a_run_without_a_parent_has_its_own_report(scoring):
    run = scored("quality")
    assert QualityReport.objects.get().run == run


def test_the_last_whole_day_is_looked_at(scoring):
    run = scored("quality")
    report, today = QualityReport.objects.get(), run.created_at.astimezone(UTC).date()
    assert (report.start, report.end) == (today - timedelta(days=1), today)


def test_the_days_that_a_run_was_asked_for_are_looked_at(scoring):
    seen = []

    def find(window, now):
        seen.append((window.start, window.end))
        return Finding(1)

    scoring(completeness=find)
    run = builders.run("quality", Status.QUEUED, params={"start": "2026-01-01", "end": "2026-01-11"})
    work_off(run)
    report = QualityReport.objects.get()
    assert seen == [(date(2026, 1, 1), date(2026, 1, 11))] == [(report.start, report.end)]


def test_a_step_keeps_what_its_check_found(scoring):
    scoring(completeness=bad(1))
    run = scored("quality")
    step = run.steps.get(name="the completeness")
    assert (step.outputs["score"], step.counts) == (90.0, {"slots_checked": 10, "slots_failed": 1})
    assert step.outputs["failures"] == [["111111111111 0", "no costs"]]


def test_a_check_that_fails_makes_its_score_unknown(scoring):
    def find(window, now):
        raise PermanentCloudError("The table is gone.")

    scoring(validity=find)
    assert scored("quality").status == Status.PARTIAL
    report = QualityReport.objects.get()
    assert (report.validity, report.completeness, report.total) == (None, 100.0, 100.0)
    assert "The check failed: The table is gone." in report.unknown["validity"]


def test_what_is_unknown_is_told(scoring):
    scoring(**dict.fromkeys(("completeness", "timeliness", "validity"), Finding.cannot_tell("No account.")))
    scored()
    report = QualityReport.objects.get()
    assert (report.completeness, report.total) == (None, None)
    assert "costs: No account." in report.unknown["completeness"]
    assert report.unknown["total"].startswith("Less than half of the weight is known")


def test_a_run_that_is_scored_again_has_one_report(scoring):
    run = scored("quality")
    scoring(completeness=bad(5))
    again = QualityReport.objects.get().computed_at
    handler.conclude(run)
    report = QualityReport.objects.get()
    assert report.run == run
    assert report.computed_at > again


# --- Alerts ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("failed", "severity"),
    [(3, None), (4, "warning"), (10, "warning")],
    ids=["91", "88", "70"],
)
def test_a_total_below_90_is_told_at_once(scoring, failed, severity):
    scoring(completeness=bad(failed))
    scored()
    assert open_alerts() == ([("quality:daily", severity)] if severity else [])


def test_a_total_below_70_is_an_error(scoring):
    scoring(completeness=bad(10), uniqueness=bad(1))
    scored()
    alert = Alert.objects.get(key="quality:daily")
    assert alert.severity == "error"
    assert alert.title == "The daily quality is 69.0, below 90"
    assert "completeness: 0.0" in alert.body
    assert "the completeness: 111111111111 0: no costs" in alert.body


def test_the_next_good_report_resolves_it(scoring):
    scoring(completeness=bad(10))
    scored()
    scoring()
    scored()
    assert open_alerts() == []
    assert Alert.objects.get(key="quality:daily").resolved_at is not None


def test_an_unknown_total_neither_opens_nor_resolves_it(scoring):
    unknown = dict.fromkeys(("completeness", "timeliness", "validity"), Finding.cannot_tell("?"))
    scoring(**unknown)
    scored()
    assert open_alerts() == []
    scoring(completeness=bad(10))
    scored()
    scoring(**unknown)
    scored()
    assert open_alerts() == [("quality:daily", "warning")]


def test_a_report_of_old_days_is_no_news(scoring):
    scored()
    scoring(completeness=bad(10))
    work_off(builders.run("quality", Status.QUEUED, params={"start": "2026-01-01", "end": "2026-01-11"}))
    assert QualityReport.objects.count() == 2
    assert open_alerts() == []
    assert reports.latest().total == 100.0


# --- The week --------------------------------------------------------------------------------
def test_the_week_is_validated_and_told_to_people_once(scoring, mails):
    run = scored("weekly-validation")
    report = QualityReport.objects.get()
    assert (report.run, report.kind, (report.end - report.start).days) == (run, ReportKind.WEEKLY, 7)
    [(title, text, html)] = mails
    assert title == weekly.title(report)
    assert title in text
    assert title in html
    handler.conclude(run)
    assert len(mails) == 1


def test_a_low_week_has_an_alert_of_its_own(scoring):
    scoring(completeness=bad(10))
    scored("weekly-validation")
    assert open_alerts() == [("quality:weekly", "warning")]


def test_daily_reports_are_told_to_nobody(scoring, mails):
    scored()
    assert mails == []


def test_the_week_is_validated_on_mondays_in_new_york():
    pipeline = registry.get("weekly-validation")
    cron = pipeline.cron
    for now, slot in (
        (datetime(2026, 3, 9, 12, tzinfo=UTC), datetime(2026, 3, 9, 9, tzinfo=UTC)),
        (datetime(2026, 11, 2, 12, tzinfo=UTC), datetime(2026, 11, 2, 10, tzinfo=UTC)),
    ):
        assert cron.latest(now) == slot
    assert isinstance(pipeline, Pipeline)
    assert (pipeline.title, pipeline.queue) == ("Validate the last week", "etl")


# --- Retention -------------------------------------------------------------------------------
def test_daily_reports_are_deleted_after_400_days(tidy, now):
    now(NOW)
    old, kept = NOW - timedelta(days=400, hours=1), NOW - timedelta(days=399)
    builders.quality_report(computed_at=old)
    recent = builders.quality_report(computed_at=kept)
    week = builders.quality_report(days=7, kind=ReportKind.WEEKLY, computed_at=old)
    tidy("quality-reports")
    assert set(QualityReport.objects.all()) == {recent, week}


# --- Who depends on it -----------------------------------------------------------------------
class TestRefusals:
    def test_data_under_the_minimum_are_refused_with_the_reason(self):
        report = builders.quality_report(datasets={"costs": 62.19}, computed_at=NOW)
        expected = f"the quality of costs is 62.1, below 80 (report {report.pk} of 2026-03-02)"
        assert reports.refusal(("costs",), 80.0, NOW) == expected
        assert reports.refusal(("costs",), 62.0, NOW) == ""

    @pytest.mark.parametrize("datasets", [{}, {"costs": None}], ids=["no such data", "unknown"])
    def test_what_is_unknown_is_not_refused(self, datasets):
        builders.quality_report(datasets=datasets, computed_at=NOW)
        assert reports.refusal(("costs",), 80.0, NOW) == ""

    def test_without_any_report_nothing_is_refused(self):
        assert quality.latest() is None
        assert reports.refusal(("costs",), 80.0, NOW) == ""

    def test_an_old_report_says_nothing_of_now(self):
        builders.quality_report(datasets={"costs": 10.0}, computed_at=NOW - timedelta(days=2, hours=1))
        assert reports.refusal(("costs",), 80.0, NOW) == ""

    def test_the_report_of_the_newest_day_counts(self):
        newest = builders.quality_report("2026-03-01", datasets={"costs": 99.0}, computed_at=NOW)
        builders.quality_report("2026-01-01", datasets={"costs": 10.0}, computed_at=NOW)
        builders.quality_report(days=7, kind=ReportKind.WEEKLY, datasets={"costs": 10.0}, computed_at=NOW)
        assert quality.latest() == newest
        assert reports.refusal(("costs",), 80.0, NOW) == ""

    def test_forecasts_refuse_costs_under_their_minimum(self, settings):
        builders.quality_report(datasets={"costs": 79.0}, computed_at=NOW)
        settings.FORECAST_MIN_QUALITY = 80.0
        assert usable.refusal_of_forecasts(NOW).startswith("the quality of costs is 79.0, below 80")
        settings.FORECAST_MIN_QUALITY = 70.0
        assert usable.refusal_of_forecasts(NOW) == ""

    @pytest.mark.parametrize(
        ("datasets", "refuses", "dataset"),
        [
            ({"samples": 60.0, "cpu": 90.0}, True, "samples"),
            ({"samples": 90.0, "cpu": 60.0}, False, "samples"),
            ({"samples": None, "cpu": 60.0}, True, "cpu"),
            ({"samples": None, "cpu": None}, False, "samples"),
        ],
    )
    def test_scaling_goes_by_cpu_where_samples_are_unknown(self, datasets, refuses, dataset):
        report = builders.quality_report(datasets=datasets, computed_at=NOW)
        scaling = next(each for each in dependents.of(report, NOW) if each["name"] == "scaling")
        assert (scaling["refuses"], scaling["dataset"], bool(scaling["reason"])) == (
            refuses,
            dataset,
            refuses,
        )
