"""What a new user is answered after the first start: computed, meaningful, and true to the demo cloud."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import requests

from democloud import billing
from democloud.estate import ACCOUNTS, REGIONS, Profile, fleet
from democloud.home import kept_estate
from tests import services
from tests.stack import Stack

ANALYTICS = ("forecast", "anomalies", "savings", "savings/realised", "carbon", "sustainability")
KINDS = {"idle", "stopped", "unattached", "oversized", "family", "generation", "schedule"}
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def session(stack):
    return stack.session()


@pytest.fixture(scope="module")
def ask(stack, session):
    def answer(path, **query):
        answered = session.get(f"{stack.base_url}/api/v1/{path}", params=query, timeout=30)
        assert answered.status_code == requests.codes.ok, answered.text
        return answered.json()

    return answer


@pytest.fixture(scope="module")
def estate(stack):
    return kept_estate(stack.home, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def computed_on(ask):
    """The day on which the stack computed: midnight may have passed since."""
    return datetime.fromisoformat(ask("analytics/forecast")["computed_at"]).astimezone(UTC).date()


@pytest.fixture(scope="module")
def savings(ask):
    return ask("analytics/savings", page_size=100)


def named(estate, name):
    return next(one for one in fleet(estate) if ("Name", name) in one.tags)


@pytest.mark.parametrize("path", ANALYTICS)
def test_everything_is_computed_once_by_the_first_start(ask, path):
    answer = ask(f"analytics/{path}")
    assert (answer["computed_at"] is not None, answer["reason"]) == (True, None)


def test_the_start_tells_what_was_computed(stack, savings):
    assert "by the month's end" in stack.greeting
    assert f"{savings['total']['monthly_usd']:,.2f} USD a month" in stack.greeting
    assert "kgCO2e" in stack.greeting
    assert " of 100 " in stack.greeting


# --- Forecasts -------------------------------------------------------------------------------
def test_the_month_is_forecast_near_what_the_demo_cloud_will_charge(ask, estate, computed_on):
    month = ask("analytics/forecast")["month_end"]
    first = computed_on.replace(day=1)
    following = (first + 31 * DAY).replace(day=1)
    days = [first + number * DAY for number in range((following - first).days)]
    charged = sum(
        amount
        for day in days
        for account in ACCOUNTS
        for amount in billing.bill(estate, account.account_id, day).values()
    )
    assert month["low"] <= month["expected"] <= month["high"]
    assert month["expected"] == pytest.approx(float(charged), rel=0.1)


def test_each_running_instance_has_a_forecast_of_its_cpu(ask, estate):
    found = ask("analytics/forecast", kind="load", metric="cpu", limit=100)["forecasts"]
    running = {one.instance_id for one in fleet(estate) if one.state == "running"}
    assert {each["instance_id"] for each in found} == running
    assert {len(each["data"]) for each in found} == {48}


# --- Anomalies -------------------------------------------------------------------------------
def test_the_demo_clouds_jump_in_costs_is_found_and_attributed(ask, estate):
    (found,) = ask("analytics/anomalies", kind="cost")["results"]
    assert found["first_day"] == found["last_day"] == str(billing.anomaly_day(estate))
    assert [part["service"] for part in found["parts"]] == [
        "Amazon Elastic Compute Cloud - Compute",
        "EC2 - Other",
    ]
    # 41.73 of 41.73 and 8.24 dollars are 84 %, but for the noise of a day.
    assert found["parts"][0]["share"] == pytest.approx(0.835, abs=0.015)
    assert found["sentence"].startswith("EC2 in us-east-1 +$4")


def test_the_demo_clouds_outage_is_found_in_metrics(ask, estate):
    stalled = next(one for one in fleet(estate) if one.stalled_at)
    found = ask("analytics/anomalies", kind="metric", instance=stalled.instance_id)["results"]
    day = str(stalled.stalled_at.date())
    assert any(each["direction"] == "less" and each["first_day"] <= day <= each["last_day"] for each in found)


# --- Savings ---------------------------------------------------------------------------------
def test_each_kind_of_saving_is_found(savings):
    assert {each["kind"] for each in savings["kinds"]} == KINDS
    assert all(each["monthly_usd"] > 0 for each in savings["results"])


def test_an_office_machine_is_to_be_stopped_at_nights_and_weekends(savings, estate):
    office = next(one for one in fleet(estate) if one.profile is Profile.OFFICE)
    (found,) = [each for each in savings["results"] if each["kind"] == "schedule"]
    assert found["resource"] == office.instance_id
    # 14 hours of five nights, and two days.
    assert found["evidence"]["off_hours_a_week"] == 14 * 5 + 24 * 2
    assert ZoneInfo(found["evidence"]["zone"]).key == "UTC"


def test_less_memory_is_recommended_where_it_is_measured_and_nowhere_else(savings, estate):
    measured = {one.instance_id for one in fleet(estate) if one.has_agent}
    for each in savings["results"]:
        if each["kind"] not in ("oversized", "family"):
            continue
        has_less = each["evidence"]["to_memory_gib"] < each["evidence"]["memory_gib"]
        is_unknown = each["evidence"]["memory_p99_percent"] is None
        assert has_less == (each["resource"] in measured) == (not is_unknown)
        assert is_unknown == any("Memory is not measured" in note for note in each["notes"])


def test_what_has_been_stopped_for_less_than_a_week_is_withheld_with_the_reason(savings, estate):
    assert named(estate, "experiment").instance_id not in {each["resource"] for each in savings["results"]}
    assert {"kind": "stopped", "reason": "That is so for less than 7 days.", "resources": 1} in savings[
        "withheld"
    ]


# --- Carbon ----------------------------------------------------------------------------------
def test_emissions_are_told_by_account_service_and_instance(ask, estate):
    carbon = ask("analytics/carbon", limit=100)
    assert 0 < carbon["operational_kg"]["low"] < carbon["operational_kg"]["high"]
    assert {each["account"] for each in carbon["accounts"]} == {one.account_id for one in ACCOUNTS}
    assert {each["service"] for each in carbon["services"] if each["operational_kg"]} == {"EC2", "EBS"}
    assert {each["instance_id"] for each in carbon["instances"]} == {one.instance_id for one in fleet(estate)}


def test_a_region_that_is_cheaper_and_cleaner_is_named(ask):
    (hint,) = ask("analytics/carbon")["hints"]
    assert (hint["from_region"], hint["to_region"]) == ("eu-west-1", "eu-north-1")
    assert hint["from_region"] in REGIONS
    assert hint["usd"] > 0


def test_the_score_is_made_of_its_parts(ask):
    found = ask("analytics/sustainability")
    weighed = sum(part["score"] * part["weight"] for part in found["parts"])
    assert found["score"] == pytest.approx(weighed)
    assert 0 < found["score"] < 100


# --- Budgets and bills -----------------------------------------------------------------------
def test_one_budget_of_the_demo_cloud_holds_and_one_does_not(ask, computed_on):
    whole = {each["name"]: each["status"] for each in ask("budgets/")["results"]}
    used = {name: status["forecast"] for name, status in whole.items()}
    assert used["Everything"] < 1900
    assert used["Development"] > 350
    # Of a month that begins today nothing is known yet.
    assert computed_on.day == 1 or 0 < whole["Team web"]["spent"] < 900


def test_billing_files_say_what_cost_explorer_says_to_the_last_digit(ask, computed_on):
    rows = ask("reconciliations/", page_size=1000)["results"]
    days = {date.fromisoformat(row["date"]) for row in rows}
    # Files are read after the 30 days that every first collection reads of Cost Explorer.
    assert days == {computed_on - number * DAY for number in range(1, 31)}
    assert len(rows) == len(ACCOUNTS) * len(days)
    assert {Decimal(str(row["difference"])) for row in rows} == {0}


# --- Before ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def uncomputed():
    """A CloudIntel that could collect nothing."""
    home = services.make_home()
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
    with Stack(home, CLOUDINTEL_CLOUD="aws", AWS_ENDPOINT_URL="http://127.0.0.1:1", **keys) as nothing:
        yield nothing.start()
    services.remove_home(home)


def test_before_the_first_computation_answers_say_so(uncomputed):
    session = uncomputed.session()
    for path in ANALYTICS:
        answer = session.get(f"{uncomputed.base_url}/api/v1/analytics/{path}", timeout=10)
        told = answer.json()
        assert (answer.status_code, told["computed_at"]) == (200, None), path
        assert told["reason"], path
    assert session.get(f"{uncomputed.base_url}/api/v1/budgets/", timeout=10).json()["count"] == 0
