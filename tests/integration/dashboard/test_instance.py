"""/fleet/<instance_id>/."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from analytics.models import AnomalyFeedback, AnomalyKind
from collectors.models import MetricSample, MetricSeries
from collectors.samples import partitions
from tests import builders
from tests.integration.dashboard.conftest import logged_in
from tests.integration.dashboard.reading import notes, parsed, rows, texts

pytestmark = pytest.mark.django_db

MARCH = {"start": "2026-03-01", "end": "2026-03-02"}
SAMPLE = "2026-03-01T05:59:30+00:00"
INPUTS = {
    "wish": "scale_up",
    "votes": {"up": 4, "down": 0, "needed": 2},
    "statistics": {"cpu": {"q1": 40.0, "q3": 50.0, "lower": 25.0, "upper": 65.0}, "memory": None},
    "samples": {
        "timestamp": [SAMPLE],
        "source": [3],
        "outlier": [1],
        "cpu": [95.0],
        "memory": [None],
        "network_in": [1024.0],
        "network_out": [2048.0],
    },
}


def page(of):
    return f"/fleet/{getattr(of, 'instance_id', of)}/"


def charts(answer):
    """What is drawn, by the id of each chart."""
    figures = parsed(answer).xpath("//figure[@data-chart]")
    return {
        each.get("id"): json.loads(each.xpath(".//script[@type='application/json']")[0].text)
        for each in figures
    }


def series(drawn, label):
    (values,) = [each["values"] for each in drawn["series"] if each["label"] == label]
    return dict(zip([datetime.fromtimestamp(at, UTC) for at in drawn["at"]], values, strict=True))


def known(values):
    return {f"{at:%d %H:%M}": value for at, value in values.items() if value is not None}


@pytest.fixture
def own():
    """A browser of somebody without a role, and a mock of theirs."""
    owner = builders.user()
    return logged_in(owner), builders.managed(owner)


@pytest.mark.parametrize(("state", "tone"), [("running", "good"), ("stopped", "warn")])
def test_a_state_looks_as_it_does_in_the_fleet(viewer, state, tone):
    listed = builders.instance(state=state)
    for address in ("/fleet/", page(listed)):
        assert texts(viewer.get(address), xpath=f"//*[@class='badge {tone}']")[0] == state


# --- Whose it is -----------------------------------------------------------------------------
def test_what_nobody_knows_is_not_there(viewer):
    assert viewer.get(page("i-1")).status_code == 404


def test_a_mock_is_for_its_owner(viewer, own):
    browser, of = own
    assert browser.get(page(of)).status_code == 200
    assert viewer.get(page(of)).status_code == 403


def test_an_owner_without_a_role_sees_nothing_that_was_collected():
    owner = builders.user()
    of = builders.instance(name="secret")
    builders.managed(owner, inventory=of)
    answer = logged_in(owner).get(page(of))
    assert answer.status_code == 200
    assert "secret" not in answer.content.decode()
    assert "it is not in the inventory you may read" in answer.content.decode()


def test_what_somebody_else_manages_tells_a_viewer_nothing_of_the_decisions(viewer):
    of = builders.instance()
    builders.decision(builders.managed(inventory=of))
    answer = viewer.get(page(of), MARCH)
    assert "by somebody else, who alone sees policy and decisions" in answer.content.decode()
    assert rows(answer, "List of decisions") == []
    assert charts(answer) == {}


def test_what_is_not_managed_can_be_registered(viewer):
    of = builders.instance()
    (link,) = parsed(viewer.get(page(of))).xpath("//a[text()='Register it']/@href")
    form = parsed(viewer.get(link)).xpath("//*[@id='register']//form")[0]
    assert form.xpath(".//input[@name='instance_id']/@value") == [of.instance_id]
    assert form.xpath(".//option[@selected]/@value") == ["false"]


# --- Metrics ---------------------------------------------------------------------------------
def test_the_hours_of_a_week_are_drawn_with_their_most(viewer):
    of = builders.instance()
    hour = datetime(2026, 3, 1, 5, tzinfo=UTC)
    builders.metric_hour(of, hour, cpu=20)
    drawn = charts(viewer.get(page(of), {"start": "2026-02-27", "end": "2026-03-06"}))
    assert list(drawn) == ["cpu"]
    assert len(drawn["cpu"]["at"]) == 7 * 24
    assert known(series(drawn["cpu"], "average")) == {"01 05:00": 20.0}
    assert known(series(drawn["cpu"], "most")) == {"01 05:00": 20.0}


def test_a_day_is_drawn_by_five_minutes_of_what_its_owner_has_measured(own):
    browser, of = own
    for seconds, cpu in ((0, 10.0), (60, 30.0), (600, 50.0)):
        builders.managed_sample(of, builders.MORNING + timedelta(seconds=seconds), cpu=cpu)
    drawn = charts(browser.get(page(of), MARCH))
    assert list(drawn) == ["cpu", "memory", "network-in", "network-out"]
    assert known(series(drawn["cpu"], "average")) == {"01 06:00": 20.0, "01 06:10": 50.0}


def test_a_day_is_completed_by_what_was_collected_before_it_was_managed():
    owner = builders.user("viewer")
    of = builders.instance()
    series_of, _ = MetricSeries.objects.get_or_create(instance=of)
    partitions.SAMPLES.ensure([builders.MORNING.date()])
    for hours, cpu in ((-1, 10.0), (0, 20.0)):
        at = builders.MORNING + timedelta(hours=hours)
        MetricSample.objects.create(series=series_of, timestamp=at, cpu=cpu)
    builders.managed_sample(builders.managed(owner, inventory=of), builders.MORNING, cpu=30.0)
    answer = logged_in(owner).get(page(of), MARCH)
    drawn = charts(answer)
    assert known(series(drawn["cpu"], "average")) == {"01 05:00": 10.0, "01 06:00": 30.0}
    assert "own samples. Where there are none: averages of 5 min of what was collected." in " ".join(
        texts(answer, "below")
    )


def test_a_long_time_is_drawn_by_days(viewer):
    of = builders.instance()
    builders.metric_day(of, "2026-01-05", 12.5)
    drawn = charts(viewer.get(page(of), {"start": "2026-01-01", "end": "2026-04-01"}))
    assert drawn["cpu"]["daily"]
    assert known(series(drawn["cpu"], "average")) == {"05 00:00": 12.5}


def test_the_figures_are_in_a_table_too(own):
    browser, of = own
    builders.managed_sample(of, builders.MORNING, cpu=12.0)
    answer = browser.get(page(of), MARCH)
    cells = texts(answer, xpath="//*[@id='cpu']//tbody/tr[th/time[@datetime='2026-03-01T06:00:00Z']]/td")
    assert cells == ["12.00 %"]


def test_memory_that_nobody_publishes_is_unknown(viewer):
    of = builders.instance()
    builders.metric_hour(of, datetime(2026, 3, 1, 5, tzinfo=UTC))
    answer = viewer.get(page(of), {"start": "2026-02-27", "end": "2026-03-06"})
    assert "Memory is unknown: it is published where the CloudWatch agent runs" in answer.content.decode()


def test_the_load_is_foreseen_as_a_band_that_goes_ahead(viewer):
    of = builders.instance()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    ranges = {"expected": [50.0] * 48, "low": [40.0] * 48, "high": [60.0] * 48}
    builders.load_forecast(of, start=hour - timedelta(hours=2), **ranges)
    drawn = charts(viewer.get(page(of), {"last": "7d"}))["cpu"]
    assert [each["kind"] for each in drawn["series"]] == ["line", "line", "low", "high", "dashed"]
    band = {at: value for at, value in series(drawn, "foreseen, low").items() if value is not None}
    assert set(band.values()) == {40.0}
    # Two hours that are over, the present one, and a quarter of the week ahead.
    assert (min(band), max(band)) == (hour - timedelta(hours=2), hour + timedelta(hours=42))


@pytest.mark.parametrize("last", ["1h", "24h", "7d", "30d"])
def test_the_range_is_in_the_address(own, last):
    browser, of = own
    answer = browser.get(page(of), {"last": last})
    assert answer.status_code == 200
    assert parsed(answer).xpath("//nav[@aria-label='Range']//a[@aria-current]/@href") == [f"?last={last}"]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"last": "2y"}, "last is one of 1h, 24h, 7d, 30d."),
        ({"start": "soon"}, "Enter a valid date."),
        ({"start": "2026-03-02", "end": "2026-03-01"}, "must be before end"),
        ({"start": "2999-01-01", "end": "2999-01-02"}, "2999-01-01 is not there yet."),
    ],
)
def test_a_range_that_cannot_be_read_is_told(own, chosen, told):
    browser, of = own
    answer = browser.get(page(of), chosen)
    assert answer.status_code == 400
    assert told in texts(answer, "filters")[0]


# --- Decisions -------------------------------------------------------------------------------
def test_decisions_are_marked_on_the_chart_and_explained(own):
    browser, of = own
    decision = builders.decision(of, inputs=INPUTS)
    answer = browser.get(page(of), MARCH)
    (mark,) = charts(answer)["cpu"]["marks"]
    assert (mark["name"], mark["label"], mark["tone"]) == ("1", "scale up", "good")
    assert parsed(answer).xpath("//*[@id='cpu']//a[starts-with(text(), 'Why')]/@href") == [
        f"#decision-{decision.pk}"
    ]
    (row,) = parsed(answer).xpath(f"//tr[@id='decision-{decision.pk}']")
    text = " ".join(row.text_content().split())
    assert row.xpath("./td[1]/a/@href") == ["#cpu"]
    assert "Sustained scale up: CPU > 90%" in text
    assert "sustained_up, policy version 1" in text
    assert "4 up, 0 down, 2 needed" in text
    assert "Nothing was against it." in text
    assert "1 → 2" in text
    samples = row.xpath(".//table[caption='Samples of the window']//tbody/tr/td")
    assert [cell.text_content() for cell in samples] == [
        "95.0 %",
        "unknown",
        "1.0 KiB",
        "2.0 KiB",
        "simulated",
        "cpu_high",
    ]


def test_what_the_guard_held_says_what_was_wished_and_why_not(own):
    browser, of = own
    veto = {"code": "cooldown", "reason": "The last action was 20 s ago; the cooldown is 300 s."}
    builders.decision(of, decision="no_action", outcome="none", inputs=INPUTS, vetoes=[veto])
    row = rows(browser.get(page(of), MARCH), "List of decisions")[0]
    assert row[2] == "no actionwished: scale up"
    assert "the cooldown is 300 s." in row[3]
    assert row[5] == "nothing"


def test_decisions_are_numbered_as_they_were_made(own):
    browser, of = own
    for minutes in range(35):
        builders.decision(of, builders.MORNING + timedelta(minutes=minutes))
    answer = browser.get(page(of), MARCH)
    assert [mark["name"] for mark in charts(answer)["cpu"]["marks"]] == [str(n) for n in range(16, 36)]
    assert "15 earlier ones are neither drawn nor listed" in answer.content.decode()


def test_nothing_decided_is_said(own):
    browser, of = own
    assert "Nothing was decided in this span." in texts(browser.get(page(of), MARCH), "empty")[0]


@pytest.mark.parametrize(
    ("target", "said"),
    [("cpu-data", '"label": "scale up"'), ("decisions", "Sustained scale up"), ("standing", "scale up")],
)
def test_parts_follow_by_themselves(own, part, target, said):
    browser, of = own
    builders.decision(of, timezone.now())
    answer = part(browser, page(of), target)
    assert said in answer.content.decode()
    assert "<h1" not in answer.content.decode()


def test_what_is_over_is_not_asked_for_again(own):
    browser, of = own
    assert parsed(browser.get(page(of))).xpath("//*[@id='cpu-data']/@hx-trigger") == ["every 10s"]
    assert parsed(browser.get(page(of), MARCH)).xpath("//*[@id='cpu-data']/@hx-trigger") == []


# --- Anomalies, savings, carbon --------------------------------------------------------------
def astray(of, **fields):
    return builders.anomaly(
        of.account,
        kind=AnomalyKind.METRIC,
        instance=of,
        metric="cpu",
        sentence="CPU of i-1 is far above its usual",
        **fields,
    )


def test_anomalies_are_marked_and_judged(operator):
    of = builders.instance()
    builders.metric_hour(of, datetime(2026, 3, 1, 5, tzinfo=UTC))
    anomaly = astray(of)
    week = {"start": "2026-02-27", "end": "2026-03-06"}
    answer = operator.get(page(of), week)
    assert [(mark["name"], mark["tone"]) for mark in charts(answer)["cpu"]["marks"]] == [("A", "bad")]
    (form,) = parsed(answer).xpath("//*[@id='anomalies-title']/..//form")
    sent = {
        "verdict": "expected",
        "note": "The load test.",
        "next": form.xpath(".//*[@name='next']/@value")[0],
    }
    answer = operator.post(form.get("action"), sent, follow=True)
    assert notes(answer) == ["“CPU of i-1 is far above its usual” is noted as expected."]
    assert AnomalyFeedback.objects.get().anomaly == anomaly
    assert "The load test." in rows(answer, "List of anomalies")[0][4]


@pytest.mark.parametrize("sent", [{}, {"verdict": "odd"}])
def test_a_word_that_is_none_is_refused(operator, sent):
    anomaly = astray(builders.instance())
    answer = operator.post(f"/fleet/anomalies/{anomaly.pk}/feedback/", sent, follow=True)
    assert "is not a valid choice" in notes(answer)[0]
    assert not AnomalyFeedback.objects.exists()


def test_viewers_judge_nothing(viewer):
    of = builders.instance()
    anomaly = astray(of)
    assert parsed(viewer.get(page(of), MARCH)).xpath("//*[@id='anomalies-title']/..//form") == []
    assert viewer.post(f"/fleet/anomalies/{anomaly.pk}/feedback/", {"verdict": "real"}).status_code == 403


def test_recommendations_are_told_with_their_evidence(viewer):
    of = builders.instance()
    builders.saving(of, monthly_usd=Decimal("12.50"))
    text = " ".join(parsed(viewer.get(page(of))).get_element_by_id("savings").text_content().split())
    assert "Idle $12.50 a month, confidence 47 %, coverage 100 %" in text
    assert "network_worst_percent: unknown" in text
    assert "Its network use is not known." in text


def test_what_was_not_computed_says_so(viewer):
    answer = viewer.get(page(builders.instance()))
    text = parsed(answer).text_content()
    assert text.count("This was not computed yet; it is each night.") == 3


# --- Queries ---------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [1, 20])
def test_the_number_of_queries_does_not_depend_on_what_happened(number, django_assert_max_num_queries):
    owner = builders.user("operator")
    of = builders.instance()
    managed = builders.managed(owner, inventory=of)
    for place in range(number):
        at = builders.MORNING + timedelta(minutes=place)
        builders.managed_sample(managed, at)
        builders.decision(managed, at)
        astray(of)
        builders.saving(of, kind=f"kind {place}")
    browser = logged_in(owner)
    with django_assert_max_num_queries(36):
        assert browser.get(page(of), MARCH).status_code == 200
