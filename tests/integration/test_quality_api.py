"""Reports of quality through HTTP: the list, the week with its trend as JSON and as a page, the promises."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from pipelines.models import QualityReport, ReportKind, Status
from pipelines.quality import weekly
from tests import builders

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
SUNDAY = date(2026, 2, 22)


def week(number=0, **fields):
    """The report of the week that begins so many weeks after 22 February."""
    start = SUNDAY + timedelta(weeks=number)
    return builders.quality_report(start, days=7, kind=ReportKind.WEEKLY, **fields)


@pytest.fixture
def viewer():
    return builders.client("viewer")


# --- The list --------------------------------------------------------------------------------
def test_reports_are_listed_newest_first(viewer):
    run = builders.run("daily")
    failures = [{"check": "c", "dataset": "costs", "subject": "s", "detail": "d"}]
    first = builders.quality_report(run=run, failures=failures)
    second = builders.quality_report("2026-03-02")
    answer = viewer.get("/api/v1/quality/").json()
    assert [row["id"] for row in answer["results"]] == [second.pk, first.pk]
    row = answer["results"][1]
    assert (row["run_id"], row["kind"], row["start"], row["end"]) == (
        run.pk,
        "daily",
        "2026-03-01",
        "2026-03-02",
    )
    assert (row["completeness"], row["consistency"], row["total"]) == (100.0, None, 100.0)
    assert row["unknown"] == {"consistency": "Nothing was compared."}
    assert row["failures"] == failures


def test_reports_are_paged_and_filtered_by_kind(viewer):
    builders.quality_report()
    weekly_report = week()
    answer = viewer.get("/api/v1/quality/?kind=weekly&page_size=1").json()
    assert (answer["count"], answer["results"][0]["id"]) == (1, weekly_report.pk)


@pytest.mark.parametrize("query", ["?kind=hourly", "?colour=blue"])
def test_what_is_not_known_is_refused(viewer, query):
    answer = viewer.get(f"/api/v1/quality/{query}")
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_a_report_tells_how_many_failures_it_does_not_name(viewer):
    builders.quality_report(datasets={"costs": 50.0})
    QualityReport.objects.update(datasets={"costs": {**builders.GOOD_SCORES, "unknown": {}, "failures": 7}})
    assert viewer.get("/api/v1/quality/").json()["results"][0]["failures_left_out"] == 7


def test_the_latest_report_tells_who_refuses_and_why(viewer, settings):
    settings.FORECAST_MIN_QUALITY = 80.0
    builders.quality_report("2026-02-28")
    builders.quality_report(datasets={"costs": 62.0, "samples": 99.0}, computed_at=timezone.now())
    newest, older = viewer.get("/api/v1/quality/").json()["results"]
    assert older["dependents"] is None
    told = {each["name"]: each for each in newest["dependents"]}
    forecasts = told["forecasts"]
    assert (forecasts["dataset"], forecasts["minimum"], forecasts["refuses"]) == ("costs", 80.0, True)
    assert forecasts["reason"].startswith("the quality of costs is 62.0, below 80")
    assert (told["scaling"]["dataset"], told["scaling"]["refuses"], told["scaling"]["reason"]) == (
        "samples",
        False,
        "",
    )


# --- The week --------------------------------------------------------------------------------
def test_before_the_first_week_there_is_nothing(viewer):
    builders.quality_report()
    for query in ("", "?as=html"):
        answer = viewer.get(f"/api/v1/quality/weekly/{query}")
        assert (answer.status_code, set(answer.json())) == (404, {"error"})


def test_the_week_has_the_scores_of_eight_weeks(viewer):
    for number in range(-9, 1):
        week(number, total=90.0 + number)
    trend = viewer.get("/api/v1/quality/weekly/").json()["trend"]
    assert [each["total"] for each in trend["weeks"]] == [83.0, 84.0, 85.0, 86.0, 87.0, 88.0, 89.0, 90.0]
    assert trend["weeks"][-1]["start"] == "2026-02-22"
    assert trend["change"]["total"] == 1.0


def test_the_week_has_the_totals_of_its_days(viewer):
    week()
    builders.quality_report("2026-02-22", total=91.0)
    builders.quality_report("2026-02-23", total=10.0)
    builders.quality_report("2026-02-23", total=92.0)
    builders.quality_report("2026-02-24", days=2, total=10.0)
    builders.quality_report("2026-03-01", total=10.0)
    days = viewer.get("/api/v1/quality/weekly/").json()["trend"]["days"]
    assert [each["total"] for each in days] == [91.0, 92.0, None, None, None, None, None]
    assert days[0]["date"] == "2026-02-22"


def test_a_change_from_or_to_what_is_unknown_is_unknown(viewer):
    week(-2)
    week()
    assert viewer.get("/api/v1/quality/weekly/").json()["trend"]["change"]["total"] is None


def test_a_week_that_was_validated_twice_is_one(viewer):
    week(-1, total=50.0)
    week(-1, total=80.0)
    week(total=90.0)
    answer = viewer.get("/api/v1/quality/weekly/").json()
    assert [each["total"] for each in answer["trend"]["weeks"]] == [80.0, 90.0]
    assert answer["trend"]["change"]["total"] == 10.0


class TestThePage:
    @pytest.fixture
    def page(self, viewer):
        week(-1, total=95.0)
        failure = {
            "check": "c",
            "dataset": "costs",
            "subject": "<script>alert(1)</script>",
            "detail": "d & e",
        }
        week(total=85.5, completeness=40.0, failures=[failure], datasets={"costs": 85.5})
        return viewer.get("/api/v1/quality/weekly/?as=html")

    def test_is_html_that_loads_and_runs_nothing(self, page):
        html = page.content.decode()
        assert page["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page["Content-Security-Policy"]
        assert not re.search(r"<script|<link|<img|style=|onload|https?://", html)

    def test_has_the_style_that_its_policy_allows(self, page):
        [style] = re.findall(r"<style>(.*?)</style>", page.content.decode(), re.DOTALL)
        assert style == weekly.STYLE
        assert weekly.STYLE_SOURCE in page["Content-Security-Policy"]

    def test_escapes_what_others_wrote(self, page):
        html = page.content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "d &amp; e" in html

    def test_draws_the_trend(self, page):
        html = page.content.decode()
        assert "Quality of 2026-02-22 to 2026-02-28: 85.5" in html
        # The heights of two weeks and seven days, of which nothing is known.
        assert re.findall(r'height="([0-9.]+)"', html) == ["95.0", "85.5", *["0.0"] * 7]
        assert 'height="85.5" class="low"' in html
        assert "-9.5" in html


def test_the_text_tells_the_same():
    week(-1, total=95.0)
    failures = [{"check": "c", "dataset": "costs", "subject": f"s{n}", "detail": "d"} for n in range(25)]
    text = weekly.as_text(week(total=85.5, failures=failures))
    assert "Quality of 2026-02-22 to 2026-02-28: 85.5" in text
    assert re.search(r"total +85.5 +-9.5", text)
    assert re.search(r"consistency +unknown +Nothing was compared.", text)
    assert "c: s19: d\n... and 5 more" in text


def test_the_form_is_json_or_html(viewer):
    week()
    assert viewer.get("/api/v1/quality/weekly/?as=pdf").status_code == 400
    assert viewer.get("/api/v1/quality/weekly/?as=json").json()["kind"] == "weekly"


# --- The promises ----------------------------------------------------------------------------
class TestSlo:
    @pytest.fixture(autouse=True)
    def _clock(self, now):
        now(NOW)

    def run(self, status, began_at, minutes=10):
        ended_at = began_at + timedelta(minutes=minutes)
        counts = {"created": 1} if status != Status.FAILED else {}
        return builders.run("daily", status, started_at=began_at, finished_at=ended_at, counts=counts)

    def at(self, day, hour=9, minute=30):
        return datetime(2026, 2, day, hour, minute, tzinfo=UTC)

    def test_is_measured_from_the_ledger(self, viewer):
        self.run(Status.SUCCEEDED, self.at(20))
        self.run(Status.FAILED, self.at(21))
        self.run(Status.SUCCEEDED, self.at(21, 11))
        self.run(Status.PARTIAL, self.at(22))
        self.run(Status.CANCELLED, self.at(22, 12))
        self.run(Status.SKIPPED, self.at(22, 13))
        builders.run("ec2", Status.FAILED, finished_at=self.at(22))
        answer = viewer.get("/api/v1/slo").json()
        assert (answer["window_days"], answer["runs"], answer["success_rate"]) == (30, 4, 0.5)
        # From 09:40 to 11:40 on the 21st; the 22nd has not recovered.
        assert (answer["mean_time_to_recovery_s"], answer["unrecovered"]) == (7200.0, True)
        # The 20th and the 22nd in time, the 21st not; of the days after the last run, nothing is known.
        assert answer["freshness_rate"] == pytest.approx(2 / 3)
        assert answer["kept"] == {
            "success_rate": False,
            "freshness_rate": False,
            "mean_time_to_recovery_s": False,
        }
        assert answer["targets"]["mean_time_to_recovery_s"] == 300.0

    def test_nothing_is_measured_without_runs(self, viewer):
        answer = viewer.get("/api/v1/slo").json()
        assert answer["runs"] == 0
        assert answer["success_rate"] is answer["freshness_rate"] is answer["mean_time_to_recovery_s"] is None

    def test_a_day_without_any_run_between_others_is_not_fresh(self, viewer):
        self.run(Status.SUCCEEDED, self.at(20))
        self.run(Status.SUCCEEDED, self.at(22))
        assert viewer.get("/api/v1/slo").json()["freshness_rate"] == pytest.approx(2 / 3)

    def test_the_window_can_be_chosen(self, viewer):
        self.run(Status.FAILED, self.at(10))
        self.run(Status.SUCCEEDED, self.at(28))
        answer = viewer.get("/api/v1/slo?window_days=7").json()
        assert (answer["window_days"], answer["runs"], answer["success_rate"]) == (7, 1, 1.0)

    @pytest.mark.parametrize("days", ["0", "366", "week"])
    def test_the_window_has_1_to_365_days(self, viewer, days):
        answer = viewer.get(f"/api/v1/slo?window_days={days}")
        assert answer.status_code == 400
        assert "window_days" in answer.json()["error"]
