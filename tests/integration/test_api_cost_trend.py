"""GET /cost-trend."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests import builders

pytestmark = pytest.mark.django_db

MARCH = {"start": "2026-03-01", "end": "2026-04-01"}


@pytest.fixture
def viewer():
    return builders.client("viewer")


def get(viewer, **params):
    return viewer.get("/cost-trend", params)


def test_adds_each_day_up(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "1.10")
    builders.cost(account, "2026-03-01", "2.20", service="AmazonS3")
    builders.cost(account, "2026-03-01", "-0.30", service="Credits")
    builders.cost(account, "2026-03-03", "4")
    assert get(viewer, **MARCH).json() == {
        "start": "2026-03-01",
        "end": "2026-04-01",
        "currency": "USD",
        "final_through": "2026-03-03",
        "data": [
            {"date": "2026-03-01", "amount": 3.0, "unit": "USD", "estimated": False},
            {"date": "2026-03-03", "amount": 4, "unit": "USD", "estimated": False},
        ],
    }


@pytest.mark.parametrize("amount", ["0.0000008072", "12345678901234567890.123456789", "-0.10", "3.3", "1E+2"])
def test_amounts_are_numbers_with_every_digit(viewer, amount):
    row = builders.cost(builders.account(), "2026-03-01", amount)
    assert f'"amount":{row.amount:f},' in get(viewer, **MARCH).content.decode()


def test_amounts_are_added_without_rounding(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "12345678901234567890.1")
    builders.cost(account, "2026-03-01", "0.0000008072", service="AmazonS3")
    assert '"amount":12345678901234567890.1000008072,' in get(viewer, **MARCH).content.decode()


def test_groups_by_service(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "1", region="eu-west-1")
    builders.cost(account, "2026-03-01", "2", region="us-east-1")
    builders.cost(account, "2026-03-01", "5", service="AmazonS3")
    rows = get(viewer, **MARCH, group_by="service").json()["data"]
    assert [(row["service"], row["amount"]) for row in rows] == [("AmazonEC2", 3), ("AmazonS3", 5)]
    assert set(rows[0]) == {"date", "service", "amount", "unit", "estimated"}


def test_the_end_is_exclusive(viewer):
    account = builders.account()
    for day in ("2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03"):
        builders.cost(account, day, "1")
    rows = get(viewer, start="2026-03-01", end="2026-03-03").json()["data"]
    assert [row["date"] for row in rows] == ["2026-03-01", "2026-03-02"]


def test_keeps_one_account(viewer):
    ours, theirs = builders.account("111111111111"), builders.account("222222222222")
    builders.cost(ours, "2026-03-01", "1")
    builders.cost(theirs, "2026-03-01", "2")
    assert [row["amount"] for row in get(viewer, **MARCH).json()["data"]] == [3]
    assert [row["amount"] for row in get(viewer, **MARCH, account="222222222222").json()["data"]] == [2]


def test_keeps_one_service(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "1")
    builders.cost(account, "2026-03-02", "2", service="AmazonS3")
    answer = get(viewer, **MARCH, service="AmazonEC2").json()
    assert [row["amount"] for row in answer["data"]] == [1]
    assert answer["final_through"] == "2026-03-02", "as far as the bill is final, whichever service"


def test_a_service_without_cost_has_no_days(viewer):
    builders.cost(builders.account(), "2026-03-01", "1")
    assert get(viewer, **MARCH, service="AmazonNeptune").json()["data"] == []


def test_a_day_is_estimated_when_any_part_of_it_is(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "1")
    builders.cost(account, "2026-03-02", "1")
    builders.cost(account, "2026-03-02", "2", service="AmazonS3", estimated=True)
    answer = get(viewer, **MARCH).json()
    assert [row["estimated"] for row in answer["data"]] == [False, True]
    assert answer["final_through"] == "2026-03-01"


def test_adds_no_other_basis(viewer):
    account = builders.account()
    builders.cost(account, "2026-03-01", "1")
    builders.cost(account, "2026-03-01", "100", basis="amortized")
    assert [row["amount"] for row in get(viewer, **MARCH).json()["data"]] == [1]


class TestCurrency:
    def test_is_dollars_where_anything_costs_those(self, viewer):
        account = builders.account()
        builders.cost(account, "2026-03-01", "1")
        builders.cost(account, "2026-03-01", "7", unit="EUR")
        builders.cost(account, "2026-03-02", "7", unit="EUR")
        answer = get(viewer, **MARCH).json()
        assert (answer["currency"], [row["amount"] for row in answer["data"]]) == ("USD", [1])

    def test_can_be_chosen(self, viewer):
        account = builders.account()
        builders.cost(account, "2026-03-01", "1")
        builders.cost(account, "2026-03-01", "7", unit="EUR")
        answer = get(viewer, **MARCH, currency="EUR").json()
        assert [(row["amount"], row["unit"]) for row in answer["data"]] == [(7, "EUR")]

    def test_is_the_most_frequent_one_where_nothing_costs_dollars(self, viewer):
        account = builders.account()
        builders.cost(account, "2026-03-01", "0", unit="USD", service="")
        builders.cost(account, "2026-03-01", "1", unit="CNY")
        builders.cost(account, "2026-03-01", "7", unit="EUR")
        builders.cost(account, "2026-03-02", "7", unit="EUR")
        assert get(viewer, **MARCH).json()["currency"] == "EUR"


class TestRange:
    def test_is_the_last_30_days_through_today(self, viewer):
        today = datetime.now(UTC).date()
        answer = get(viewer).json()
        assert answer["start"] == str(today - timedelta(days=29))
        assert answer["end"] == str(today + timedelta(days=1))

    def test_begins_30_days_before_an_end_without_a_start(self, viewer):
        assert get(viewer, end="2026-03-31").json()["start"] == "2026-03-01"

    def test_may_have_two_years(self, viewer):
        assert get(viewer, start="2024-01-01", end="2026-01-01").status_code == 200


def test_an_empty_database_is_answered(viewer):
    assert get(viewer, **MARCH).json() == {
        "start": "2026-03-01",
        "end": "2026-04-01",
        "currency": "USD",
        "final_through": None,
        "data": [],
    }


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("start=yesterday", "start"),
        ("end=2026-02-30", "end"),
        ("start=0000-01-01", "start"),
        ("end=10000-01-01", "end"),
        ("start=", "start"),
        ("start=2026-03-02&end=2026-03-01", "start (2026-03-02) must be before end (2026-03-01)"),
        ("start=2026-03-01&end=2026-03-01", "must be before end"),
        ("start=2020-01-01&end=2026-01-01", "731 at most"),
        ("start=2020-01-01", "731 at most"),
        ("start=9999-12-31", "must be before end"),
        ("end=0001-01-01", "must be before end"),
        ("start=2026-03-01&start=2026-03-02", "start"),
        ("since=2026-03-01", "since"),
        ("account=12", "12 digits"),
        ("account=", "account"),
        ("account=" + 12 * "\u0661", "12 digits"),
        ("group_by=region", "group_by"),
        ("currency=dollars", "currency"),
        ("service=", "service"),
        ("service=%00", "NUL"),
        ("start=2026-03-01%00", "NUL"),
    ],
)
def test_refuses_with_the_reason(viewer, query, reason):
    answer = viewer.get(f"/cost-trend?{query}")
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_an_unknown_account_is_not_found(viewer):
    answer = get(viewer, account="999999999999")
    assert (answer.status_code, answer.json()) == (404, {"error": "No account 999999999999 is known."})


def test_asks_the_database_the_same_number_of_questions_for_a_long_range(viewer, django_assert_num_queries):
    account = builders.account()
    for number in range(40):
        builders.cost(account, date(2026, 1, 1) + timedelta(days=number), "1")
    with django_assert_num_queries(5):  # the role, the currency, estimated from, final through, the days
        get(viewer, start="2026-01-01", end="2026-04-01")
