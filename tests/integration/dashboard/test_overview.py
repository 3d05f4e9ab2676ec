"""/: how things are at a glance, and since when that is known."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from analytics.models import CarbonReport, Computation, CostForecast, Subject, SustainabilityScore
from analytics.savings import tallies
from core import health
from tests import builders
from tests.integration.dashboard.reading import parsed, rows, texts

pytestmark = pytest.mark.django_db

PAGE = "/"
MIDDAY = datetime(2026, 3, 3, 12, tzinfo=UTC)
NEVER = "This was not computed yet; it is each night."


@pytest.fixture(autouse=True)
def _midday(now):
    now(MIDDAY)


def card(answer, name):
    """The figure of a card, and all that it says."""
    (found,) = parsed(answer).xpath(f"//*[@id='{name}-card']")
    figure = found.xpath(".//*[@class='figure']")[0].text_content()
    return " ".join(figure.split()), " ".join(" ".join(found.itertext()).split()).replace(" .", ".")


def done(*subjects):
    for subject in subjects:
        Computation.objects.done(subject, MIDDAY - timedelta(hours=2), None)


# --- Cards -----------------------------------------------------------------------------------
def test_the_month_is_added_up_beside_what_is_expected_of_it(viewer):
    owner = builders.account()
    builders.cost(owner, "2026-02-28", "1000")
    builders.cost(owner, "2026-03-01", "10")
    builders.cost(owner, "2026-03-02", "20.5", estimated=True)
    builders.cost_forecast()
    done(Subject.FORECAST)
    figure, said = card(viewer.get(PAGE), "costs")
    assert figure == "$30.50"
    assert "Collected through 2026-03-02 partly estimated" in said
    assert "Expected at its end $325.50" in said
    assert "In 80 % of months $294.50 to $372.00" in said
    assert said.endswith("Computed 2 h ago.")


def test_a_month_without_costs_is_unknown_and_not_nothing(viewer):
    figure, said = card(viewer.get(PAGE), "costs")
    assert figure == "unknown no costs are stored for this month"
    assert "Expected at its end unknown" in said
    assert said.endswith(NEVER)


def test_a_forecast_that_is_withheld_says_why(viewer):
    made = builders.cost_forecast(expected=None, low=None, high=None, reason="Too few days are known.")
    CostForecast.objects.filter(pk=made.pk).update(expected=[], low=[], high=[])
    done(Subject.FORECAST)
    _, said = card(viewer.get(PAGE), "costs")
    assert "Expected at its end unknown" in said
    assert said.endswith("Computed 2 h ago. Too few days are known.")


def test_the_fleet_is_counted_by_region_and_state(viewer):
    owner = builders.account()
    for region, state in (("eu-west-1", "running"), ("eu-west-1", "stopped"), ("us-east-1", "running")):
        builders.instance(owner, region=region, state=state)
    builders.instance(owner, state="pending")
    builders.instance(owner, gone_at=MIDDAY)
    builders.managed()
    builders.managed(is_monitoring=False)
    answer = viewer.get(PAGE)
    figure, said = card(answer, "fleet")
    assert figure == "2 running of 4"
    assert rows(answer, "Fleet by region") == [["eu-west-1", "1", "1", "1"], ["us-east-1", "1", "0", "0"]]
    assert "2 regions in 1 account. The autoscaler has 2, and watches 1." in said


def test_savings_are_added_up_and_the_largest_are_named(viewer):
    one = builders.instance()
    builders.saving(one, name="notebook")
    builders.saving(one, name="notebook", kind="oversized", monthly_usd=Decimal(20))
    with transaction.atomic():
        tallies.renew()
    done(Subject.SAVINGS)
    figure, said = card(viewer.get(PAGE), "savings")
    assert figure == "$73.00 a month"
    assert "Idle: notebook $73.00 Oversized: notebook $20.00 Computed 2 h ago." in said


def test_savings_that_were_never_computed_are_unknown(viewer):
    assert card(viewer.get(PAGE), "savings") == ("unknown", f"Savings unknown {NEVER}")


def test_carbon_is_a_range_beside_the_score(viewer):
    totals = {"operational_kg": {"low": 23.4, "high": 128.1}, "embodied_kg": {"low": 1.0, "high": 2.5}}
    CarbonReport.objects.create(
        start=date(2026, 2, 1), end=date(2026, 3, 3), coefficients_as_of=date(2026, 1, 1), totals=totals
    )
    SustainabilityScore.objects.create(date=date(2026, 3, 2), score=58.04, known_weight=1.0)
    done(Subject.CARBON, Subject.SUSTAINABILITY)
    figure, said = card(viewer.get(PAGE), "carbon")
    assert figure == "23 to 128 kg CO2e"
    assert "Share of making the servers 1.00 to 2.50 Sustainability, of 100 58.0 Computed 2 h ago." in said


def test_carbon_that_was_never_computed_is_unknown(viewer):
    figure, said = card(viewer.get(PAGE), "carbon")
    assert figure == "unknown"
    assert said.endswith(NEVER)


# --- What needs attention --------------------------------------------------------------------
def test_alerts_are_counted_and_the_worst_named_first(viewer):
    builders.alert("one", severity="warning", title="Slow")
    builders.alert("two", severity="critical", title="Down")
    builders.alert("three", severity="warning", title="Slower")
    answer = viewer.get(PAGE)
    figure, lines = (
        texts(answer, xpath=f"//section[h2[@id='alerts-title']]{path}") for path in ("/p", "//li")
    )
    assert figure[0] == "3 1 critical 2 warning"
    assert [line.split()[1] for line in lines] == ["Down", "Slower", "Slow"]


def test_what_goes_on_out_of_the_ordinary_is_named_unless_it_is_expected(viewer):
    builders.anomaly(state="open")
    builders.anomaly(state="open", is_expected=True, sentence="Quiet")
    builders.anomaly(sentence="Over")
    done(Subject.ANOMALIES)
    answer = viewer.get(PAGE)
    found = texts(answer, xpath="//section[h2[@id='unusual-title']]/*[self::p or self::ul]")
    assert found[:2] == ["1", "cost EC2 in eu-west-1 +$212, 84 % of the jump since 2026-03-01"]


def test_that_nothing_was_looked_for_is_not_that_nothing_is(viewer):
    found = texts(viewer.get(PAGE), xpath="//section[h2[@id='unusual-title']]/p")
    assert found == ["unknown", NEVER]


# --- How fresh and how well ------------------------------------------------------------------
def test_each_source_says_when_it_was_last_there_and_how_it_went(viewer):
    builders.run("cost", finished_at=MIDDAY - timedelta(hours=3))
    builders.run("cost", "failed", finished_at=MIDDAY - timedelta(hours=1))
    found = {row[0]: row[1:] for row in rows(viewer.get(PAGE), "Freshness")}
    assert found["Costs"] == ["3 h ago", "failed"]
    assert found["Metric samples"] == ["unknown it never was collected", "none"]


def test_what_is_computed_says_when_it_was_or_why_not(viewer):
    done(Subject.CARBON)
    Computation.objects.withheld(Subject.CARBON, "Its computation failed: no memory", None)
    done(Subject.SAVINGS)
    found = {row[0]: row[1:] for row in rows(viewer.get(PAGE), "Freshness")}
    assert found["Carbon"] == ["2 h ago", "Its computation failed: no memory"]
    assert found["Savings"] == ["2 h ago", "ok"]
    assert found["Budgets"] == ["never", NEVER]


def test_the_last_run_of_each_pipeline_is_told(viewer):
    builders.run("ec2", "failed", finished_at=MIDDAY - timedelta(minutes=5))
    found = {row[0]: row[1:] for row in rows(viewer.get(PAGE), "Last run of each pipeline")}
    assert found["ec2"] == ["failed", "5 min ago", "not scheduled"]
    assert "backfill" not in found


def test_health_is_asked_for_once_the_page_is_there(viewer, part, monkeypatch):
    monkeypatch.setattr(health, "outcomes", lambda: 1 / 0)
    assert "Being looked at." in texts(viewer.get(PAGE), xpath="//*[@id='health']")[0]
    monkeypatch.setattr(health, "outcomes", lambda: {"database": "ok", "workers": "failed"})
    answer = part(viewer, PAGE, "health")
    assert texts(answer, "words")[0].startswith("Database okWorkers failedScore of the database unknown")


@pytest.mark.parametrize(("name", "told"), [("attention", "Open alerts"), ("runs", "Last runs")])
def test_what_happens_is_followed(viewer, part, name, told):
    answer = part(viewer, PAGE, name)
    assert told in parsed(answer).text_content()
    assert "Fleet" not in parsed(answer).text_content()


# --- Its price -------------------------------------------------------------------------------
def test_a_larger_estate_asks_no_more_of_the_database(viewer, django_assert_num_queries):
    viewer.get(PAGE)
    for number in range(5):
        owner = builders.account()
        builders.cost(owner, "2026-03-01", "10", service=f"S{number}")
        builders.saving(builders.instance(owner))
        builders.anomaly(owner, state="open")
        builders.alert()
        builders.run()
    with django_assert_num_queries(26):
        assert viewer.get(PAGE).status_code == 200
