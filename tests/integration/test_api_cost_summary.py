"""GET /cost-summary."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer():
    return builders.client("viewer")


def get(viewer, **params):
    answer = viewer.get("/cost-summary", params)
    return json.loads(answer.content, parse_float=Decimal, parse_int=Decimal)


def test_tells_total_average_and_extremes(viewer):
    account = builders.account()
    for day, amount in (("2026-03-01", "10"), ("2026-03-02", "1.5"), ("2026-03-04", "20")):
        builders.cost(account, day, amount)
    assert get(viewer, start="2026-03-01", end="2026-04-01") == {
        "start": "2026-03-01",
        "end": "2026-04-01",
        "currency": "USD",
        "final_through": "2026-03-04",
        "total_cost": Decimal("31.5"),
        "average_daily_cost": Decimal("10.5"),
        "highest_cost_day": {"date": "2026-03-04", "amount": 20},
        "lowest_cost_day": {"date": "2026-03-02", "amount": Decimal("1.5")},
        "days_stored": 3,
    }


def test_by_default_the_last_30_final_days(viewer):
    account = builders.account()
    first = date(2026, 1, 1)
    for number in range(40):
        builders.cost(account, first + timedelta(days=number), "1", estimated=number >= 38)
    answer = get(viewer)
    assert answer["final_through"] == "2026-02-07", "the 38th day of the year"
    assert (answer["start"], answer["end"]) == ("2026-01-09", "2026-02-08")
    assert (answer["total_cost"], answer["days_stored"]) == (30, 30)


def test_estimated_days_count_but_are_never_extremes(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "5")
    builders.cost(account, "2026-03-02", "7")
    builders.cost(account, "2026-03-03", "100", estimated=True)
    builders.cost(account, "2026-03-04", "-100", estimated=True)
    answer = get(viewer, start="2026-03-01", end="2026-03-05")
    assert (answer["total_cost"], answer["days_stored"]) == (12, 4)
    assert answer["highest_cost_day"] == {"date": "2026-03-02", "amount": 7}
    assert answer["lowest_cost_day"] == {"date": "2026-03-01", "amount": 5}


def test_a_day_is_all_its_services_and_accounts_together(viewer):
    for number in ("111111111111", "222222222222"):
        account = builders.account(number)
        builders.cost(account, "2026-03-01", "1")
        builders.cost(account, "2026-03-01", "2", service="AmazonS3")
    assert get(viewer, start="2026-03-01", end="2026-03-02")["highest_cost_day"]["amount"] == 6
    one = get(viewer, start="2026-03-01", end="2026-03-02", account="111111111111")
    assert one["total_cost"] == 3


def test_amounts_are_exact(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "12345678901234567890.123456789")
    builders.cost(account, "2026-03-02", "0.0000008072")
    answer = viewer.get("/cost-summary", {"start": "2026-03-01", "end": "2026-03-03"}).content.decode()
    assert '"total_cost":12345678901234567890.1234575962,' in answer
    assert '"amount":0.0000008072}' in answer


def test_currencies_are_never_added(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "1")
    builders.cost(account, "2026-03-01", "50", unit="EUR")
    period = {"start": "2026-03-01", "end": "2026-03-02"}
    assert get(viewer, **period)["total_cost"] == 1
    assert get(viewer, **period, currency="EUR")["total_cost"] == 50


def test_nothing_stored_is_unknown_not_free(viewer):
    today = datetime.now(UTC).date()
    assert get(viewer) == {
        "start": str(today - timedelta(days=29)),
        "end": str(today + timedelta(days=1)),
        "currency": "USD",
        "final_through": None,
        "total_cost": None,
        "average_daily_cost": None,
        "highest_cost_day": None,
        "lowest_cost_day": None,
        "days_stored": 0,
    }


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("start=2026-03-02&end=2026-03-01", "must be before end"),
        ("start=2000-01-01", "731 at most"),
        ("service=AmazonEC2", "service"),
        ("end=soon", "end"),
    ],
)
def test_refuses_with_the_reason(viewer, query, reason):
    answer = viewer.get(f"/cost-summary?{query}")
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_an_unknown_account_is_not_found(viewer):
    assert viewer.get("/cost-summary?account=999999999999").status_code == 404
