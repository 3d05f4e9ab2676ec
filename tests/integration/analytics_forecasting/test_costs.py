"""What the coming days and the month will cost, computed by night and read by day."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from analytics.costs import CostDay
from analytics.forecasting import DAILY, forecast, month_end
from analytics.forecasting.service import month_end_forecast
from analytics.models import CostForecast, MonthEndForecast, Subject
from collectors.models import CloudAccount, DailyCost
from tests import builders
from tests.integration.analytics_forecasting.conftest import DAY, NOON, TODAY, daily

pytestmark = pytest.mark.django_db


@pytest.fixture
def estate():
    """Two accounts of two services and one: 14 and 5 dollars on working days, and always 3."""
    first, second = builders.account("111111111111"), builders.account("222222222222")
    daily(first)
    daily(first, amount=lambda day: 5 - 2 * (day.weekday() > 4), service="AmazonRDS")
    daily(second, amount=lambda day: 3)
    return first, second


@pytest.fixture
def costs(computed):
    return lambda: computed(Subject.FORECAST)


def scopes(answer):
    return [(each["account"], each["service"]) for each in answer["forecasts"]]


def test_before_the_first_computation_an_answer_says_so(ask):
    assert ask() == {
        "computed_at": None,
        "reason": "This was not computed yet; it is each night.",
        "kind": "cost",
        "currency": "USD",
        "month_end": None,
        "forecasts": [],
    }


def test_a_weekly_rhythm_is_continued(estate, costs, ask):
    costs()
    answer = ask(account="111111111111", service="AmazonEC2")
    assert (answer["computed_at"], answer["reason"]) == ("2026-03-18T12:20:00Z", None)
    (found,) = answer["forecasts"]
    assert found["final_through"] == "2026-03-16"
    assert [day["date"] for day in found["data"]] == [str(TODAY + ahead * DAY) for ahead in range(30)]
    for day in found["data"]:
        amount = 14 if date.fromisoformat(day["date"]).weekday() < 5 else 10
        assert day["low"] <= day["expected"] <= day["high"]
        assert day["expected"] == pytest.approx(amount, abs=0.01)


def test_month_end_is_what_the_final_days_cost_and_a_forecast_of_the_rest(estate, costs, ask):
    costs()
    month = ask(account="222222222222")["month_end"]
    # 3 dollars on each of 31 days; the 17th is estimated, so 16 are final and 15 ahead.
    assert (month["month"], month["actual"], month["days_ahead"]) == ("2026-03-01", 48, 15)
    assert month["expected"] == pytest.approx(93)
    assert month["low"] <= month["expected"] <= month["high"]
    assert month["coverage"] == 0.8


def test_all_costs_consist_of_accounts_and_of_services(estate, costs, ask):
    costs()
    assert scopes(ask()) == [
        (None, None),
        ("111111111111", None),
        ("222222222222", None),
        (None, "AmazonEC2"),
        (None, "AmazonRDS"),
    ]


def test_an_account_consists_of_services_and_a_service_of_accounts(estate, costs, ask):
    costs()
    assert scopes(ask(account="111111111111")) == [
        ("111111111111", None),
        ("111111111111", "AmazonEC2"),
        ("111111111111", "AmazonRDS"),
    ]
    assert scopes(ask(service="AmazonEC2")) == [
        (None, "AmazonEC2"),
        ("111111111111", "AmazonEC2"),
        ("222222222222", "AmazonEC2"),
    ]


def test_what_is_stored_is_what_the_costs_of_all_give_by_themselves(estate, costs, ask):
    costs()
    days = {}
    for cost in DailyCost.objects.order_by("date"):
        amount, estimated = days.get(cost.date, (Decimal(0), False))
        days[cost.date] = amount + cost.amount, estimated or cost.estimated
    known = [CostDay(day, *values) for day, values in days.items()]
    expected = month_end(known, TODAY)
    values = [np.nan if day.estimated else float(day.amount) for day in known]
    coming = forecast(values, seasons=DAILY, horizon=30)
    answer = ask()
    assert answer["month_end"]["expected"] == float(expected.expected)
    assert answer["month_end"]["high"] == float(expected.high)
    assert answer["forecasts"][0]["method"] == coming.method
    assert answer["forecasts"][0]["measured"] == coming.measured
    assert [day["high"] for day in answer["forecasts"][0]["data"]] == pytest.approx(coming.high, abs=1e-4)


def test_currencies_are_forecast_apart(estate, costs, ask):
    daily(estate[1], amount=lambda day: 7, unit="EUR")
    costs()
    assert ask()["currency"] == "USD"
    answer = ask(currency="EUR")
    assert scopes(answer) == [(None, None), ("222222222222", None), (None, "AmazonEC2")]
    assert answer["month_end"]["expected"] == pytest.approx(217)


def test_a_day_that_an_account_did_not_tell_of_is_unknown_in_the_sum(estate, costs, ask):
    DailyCost.objects.filter(account=estate[1], date__lt=TODAY - 20 * DAY).delete()
    costs()
    total, first, second, *_ = ask()["forecasts"]
    # 20 days are left, of which the newest is estimated.
    few = "19 of the 28 values that a forecast is made from are there."
    assert total["reason"] == f"{few} Fewer than 28 final days are known of 222222222222 (19)."
    assert total["month_end"]["reason"] == total["reason"]
    # 16 days of March are final, of which 11 are working days.
    assert total["month_end"]["actual"] == 11 * (14 + 5) + 5 * (10 + 3) + 16 * 3
    assert (total["data"], total["month_end"]["expected"]) == ([], None)
    assert first["reason"] is None
    assert second["reason"] == few


def test_of_many_accounts_that_are_new_five_are_named(costs, ask):
    for number in range(7):
        daily(builders.account(f"{number:012d}"), days=10 + number)
    costs()
    named = ", ".join(f"{number:012d} ({9 + number})" for number in range(5))
    assert ask()["forecasts"][0]["reason"].endswith(f" are known of {named} and 2 more.")


def test_an_account_that_told_of_nothing_yet_is_named(estate, costs, ask):
    builders.account("333333333333")
    costs()
    total, first, *_ = ask()["forecasts"]
    assert total["note"] == "No cost is known of 333333333333: not in it."
    assert total["reason"] is None
    assert first["note"] is None


def test_an_account_that_is_collected_from_no_more_leaves_the_sum(estate, costs, ask):
    CloudAccount.objects.filter(pk=estate[1].pk).update(enabled=False)
    DailyCost.objects.filter(account=estate[1], date__gte=TODAY - 15 * DAY).delete()
    costs()
    assert scopes(ask()) == [
        (None, None),
        ("111111111111", None),
        (None, "AmazonEC2"),
        (None, "AmazonRDS"),
    ]


def test_costs_that_nobody_collected_for_long_are_not_forecast(estate, costs, ask):
    DailyCost.objects.filter(date__gte=TODAY - 12 * DAY).delete()
    costs()
    answer = ask()
    assert answer["forecasts"][0]["reason"] == "The newest value is 12 steps old, and 7 is the most."
    assert answer["month_end"]["reason"] == "Costs are final through 2026-03-05 only, more than a week ago."


def test_bad_data_withhold_new_forecasts_and_leave_the_last(estate, costs, ask, now):
    costs()
    before = ask()
    now(NOON + DAY)
    builders.quality_report("2026-03-19", datasets={"costs": 50})
    costs()
    after = ask()
    assert after["computed_at"] == before["computed_at"]
    assert "50" in after["reason"]
    assert after["forecasts"] == before["forecasts"]


def test_without_any_cost_it_says_so(costs, ask):
    costs()
    answer = ask()
    assert answer["computed_at"] is None
    assert answer["reason"] == "No costs are stored that a forecast could be made from."


def test_what_is_beyond_the_limit_is_named(estate, costs, ask, settings):
    settings.FORECAST_SERIES = 3
    costs()
    reasons = [each["reason"] for each in ask()["forecasts"]]
    left_out = "Left out: the 3 largest series are forecast a night (FORECAST_SERIES)."
    assert reasons == [None, None, None, left_out, left_out]


def test_computing_again_changes_nothing(estate, costs, ask):
    costs()
    before = ask(), CostForecast.objects.count(), MonthEndForecast.objects.count()
    costs()
    assert (ask(), CostForecast.objects.count(), MonthEndForecast.objects.count()) == before


def test_an_account_that_is_deleted_takes_its_forecasts_along(estate, costs, ask):
    costs()
    estate[1].delete()
    assert "222222222222" not in {account for account, _ in scopes(ask())}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, None),
        ({"account": "222222222222"}, Decimal("93.00")),
        ({"account": "222222222222", "service": "AmazonEC2"}, Decimal("93.00")),
        ({"account": "222222222222", "service": "AmazonRDS"}, None),
        ({"account": "333333333333"}, None),
    ],
)
def test_others_read_the_months_end_of_a_scope(estate, costs, scope, expected):
    costs()
    found = month_end_forecast(TODAY, **scope, currency="USD")
    stored = MonthEndForecast.objects.get(forecast__account=None, forecast__service="").expected
    assert found == (stored if scope == {} else expected)
    assert month_end_forecast(TODAY, **scope, currency="EUR") is None


def test_the_last_months_end_is_not_taken_for_this_ones(estate, costs):
    costs()
    assert month_end_forecast(TODAY + timedelta(days=14), currency="USD") is None


def test_a_read_is_a_few_queries_however_much_there_is(estate, costs, api, django_assert_num_queries):
    costs()
    api.get("/api/v1/analytics/forecast")
    with django_assert_num_queries(6):
        api.get("/api/v1/analytics/forecast")


def test_forecasts_are_paged(estate, costs, api):
    costs()
    answer = api.get("/api/v1/analytics/forecast", {"limit": 2, "offset": 2})
    assert scopes(answer.json()) == [("222222222222", None), (None, "AmazonEC2")]
    assert answer.headers["X-Total-Count"] == "5"
    assert "offset=4" in answer.headers["Link"]
    assert answer.json()["month_end"] is not None


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"kind": "memory"}, '"memory" is not a valid choice.'),
        ({"kind": "load", "service": "AmazonEC2"}, "service: There is no such thing with kind=load."),
        ({"kind": "cost", "instance_id": "i-1"}, "instance_id: There is no such thing with kind=cost."),
        ({"account": "1"}, "An AWS account id has 12 digits."),
        ({"currency": "usd"}, "A currency is three capital letters"),
        ({"days": "3"}, "days: Unknown parameter"),
    ],
)
def test_what_is_not_understood_is_refused(api, query, told):
    answer = api.get("/api/v1/analytics/forecast", query)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_an_account_that_is_not_known_is_not_found(api):
    assert api.get("/api/v1/analytics/forecast", {"account": "999999999999"}).status_code == 404


@pytest.mark.parametrize(("role", "status"), [("viewer", 200), (None, 403)])
def test_viewers_may_read(role, status):
    assert builders.client(role).get("/api/v1/analytics/forecast").status_code == status
