"""The demo cloud's bills and Cost Explorer's answers about them."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import mean

import pytest

from democloud.billing import anomaly_day, bill, billed
from democloud.costexplorer import get_cost_and_usage, oldest_day
from democloud.estate import DEVELOPMENT, PRODUCTION, Estate
from democloud.protocol import AwsError

NOW = datetime(2026, 3, 18, 10, 20, 30, tzinfo=UTC)
TODAY = NOW.date()
ESTATE = Estate(seed=7, anchor=NOW)
BOTH = (PRODUCTION.account_id, DEVELOPMENT.account_id)
SERVICE_AND_REGION = ("SERVICE", "REGION")


def days(count, *, before=TODAY):
    return [before - timedelta(days=number) for number in range(count, 0, -1)]


def total(day):
    return sum(sum(bill(ESTATE, account_id, day).values()) for account_id in BOTH)


def question(start, end, group_by=(), **extra):
    return {
        "TimePeriod": {"Start": str(start), "End": str(end)},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in group_by],
        **extra,
    }


def ask(request, *, now=NOW, account_id=PRODUCTION.account_id, **options):
    return get_cost_and_usage(ESTATE, account_id, request, now=now, **options)


def ask_pages(request, *, groups_per_page):
    """Every page's results, following the token."""
    answer = ask(request, groups_per_page=groups_per_page)
    pages = [answer["ResultsByTime"]]
    while token := answer.get("NextPageToken"):
        answer = ask({**request, "NextPageToken": token}, groups_per_page=groups_per_page)
        pages.append(answer["ResultsByTime"])
    return pages


def grouped(results):
    """Amounts by day and group keys."""
    return {
        (result["TimePeriod"]["Start"], *group["Keys"]): Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
        for result in results
        for group in result["Groups"]
    }


def totals(results):
    return {
        result["TimePeriod"]["Start"]: Decimal(result["Total"]["UnblendedCost"]["Amount"])
        for result in results
    }


def refusal(request, **options):
    with pytest.raises(AwsError) as caught:
        ask(request, **options)
    return caught.value.code


def test_both_accounts_together_pay_40_to_70_dollars_on_an_ordinary_day():
    ordinary = [total(day) for day in days(400) if day != anomaly_day(ESTATE) and day.day != 5]
    assert 40 < min(ordinary) < max(ordinary) < 70


def test_weekends_are_cheaper():
    weekdays = [total(day) for day in days(28) if day.weekday() < 5 and day != anomaly_day(ESTATE)]
    weekends = [total(day) for day in days(28) if day.weekday() >= 5]
    assert max(weekends) < 0.9 * float(mean(weekdays))


@pytest.mark.parametrize("service", ["Amazon Elastic Compute Cloud - Compute", "EC2 - Other"])
def test_twelve_days_before_the_anchor_machines_and_their_disks_cost_far_too_much(service):
    assert anomaly_day(ESTATE) == date(2026, 3, 6)
    before, on, after = (
        bill(ESTATE, PRODUCTION.account_id, day)[service, "us-east-1"]
        for day in (date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 7))
    )
    assert on > 4 * max(before, after)


def test_the_anomaly_stays_where_it_is_as_days_pass():
    window = question(date(2026, 3, 1), date(2026, 3, 15), SERVICE_AND_REGION)
    later = ask(window, now=NOW + timedelta(days=60))
    assert later["ResultsByTime"] == ask(window)["ResultsByTime"]


def test_a_credit_on_the_fifth_of_a_month_is_negative():
    assert bill(ESTATE, PRODUCTION.account_id, date(2026, 3, 5))["AWS Data Transfer", "eu-west-1"] < 0


def test_amounts_have_ten_decimals():
    amounts = bill(ESTATE, PRODUCTION.account_id, TODAY).values()
    assert {amount.as_tuple().exponent for amount in amounts} == {-10}


def test_an_unknown_account_has_no_bill():
    assert bill(ESTATE, "000000000000", TODAY) == {}


def test_today_and_yesterday_are_estimated_and_the_day_before_is_final():
    results = ask(question(TODAY - timedelta(days=2), TODAY + timedelta(days=1)))["ResultsByTime"]
    assert [result["Estimated"] for result in results] == [False, True, True]


def test_an_estimated_day_is_restated_upwards_until_it_is_final():
    known = [
        sum(billed(ESTATE, PRODUCTION.account_id, TODAY, today=TODAY + timedelta(days=n)).values())
        for n in range(4)
    ]
    assert known[0] < known[1] < known[2] == known[3] == sum(bill(ESTATE, BOTH[0], TODAY).values())


def test_two_readings_within_one_day_agree():
    window = question(TODAY - timedelta(days=30), TODAY + timedelta(days=1), SERVICE_AND_REGION)
    assert ask(window, now=NOW.replace(hour=0)) == ask(window, now=NOW.replace(hour=23))


def test_end_is_exclusive():
    results = ask(question(date(2026, 3, 1), date(2026, 3, 3)))["ResultsByTime"]
    assert [result["TimePeriod"] for result in results] == [
        {"Start": "2026-03-01", "End": "2026-03-02"},
        {"Start": "2026-03-02", "End": "2026-03-03"},
    ]


def test_days_after_today_are_absent():
    results = ask(question(TODAY, TODAY + timedelta(days=5)))["ResultsByTime"]
    assert [result["TimePeriod"]["Start"] for result in results] == [str(TODAY)]


@pytest.mark.parametrize(
    "group_by", [("SERVICE",), ("REGION",), ("LINKED_ACCOUNT",), SERVICE_AND_REGION], ids=" and ".join
)
def test_the_groups_of_a_day_add_up_to_its_total(group_by):
    window = (TODAY - timedelta(days=30), TODAY + timedelta(days=1))
    sums = defaultdict(Decimal)
    for (day, *_), amount in grouped(ask(question(*window, group_by))["ResultsByTime"]).items():
        sums[day] += amount
    assert sums == totals(ask(question(*window))["ResultsByTime"])


def test_groups_carry_their_keys_in_the_order_asked_for():
    results = ask(question(TODAY, TODAY + timedelta(days=1), ("REGION", "SERVICE")))["ResultsByTime"]
    assert ["eu-west-1", "AWS Lambda"] in [group["Keys"] for group in results[0]["Groups"]]


def test_the_answer_is_the_bill():
    day = date(2026, 3, 10)
    answered = grouped(ask(question(day, day + timedelta(days=1), SERVICE_AND_REGION))["ResultsByTime"])
    assert answered == {(str(day), *key): amount for key, amount in bill(ESTATE, BOTH[0], day).items()}


def test_a_month_is_the_sum_of_its_days():
    window = (date(2026, 1, 20), date(2026, 3, 4))
    monthly = ask(question(*window, Granularity="MONTHLY"))["ResultsByTime"]
    assert [tuple(result["TimePeriod"].values()) for result in monthly] == [
        ("2026-01-20", "2026-02-01"),
        ("2026-02-01", "2026-03-01"),
        ("2026-03-01", "2026-03-04"),
    ]
    assert sum(totals(monthly).values()) == sum(totals(ask(question(*window))["ResultsByTime"]).values())


def test_each_account_sees_its_own_bill():
    window = question(date(2026, 3, 1), date(2026, 3, 2), ("LINKED_ACCOUNT",))
    keys = {account_id: grouped(ask(window, account_id=account_id)["ResultsByTime"]) for account_id in BOTH}
    assert {account_id: set(groups) for account_id, groups in keys.items()} == {
        account_id: {("2026-03-01", account_id)} for account_id in BOTH
    }


def test_pages_hold_together_what_one_answer_holds():
    window = question(date(2026, 3, 1), date(2026, 3, 6), SERVICE_AND_REGION)
    whole = ask(window)
    pages = ask_pages(window, groups_per_page=4)
    # 5 days of 15 groups are 75, in pages of 4.
    assert len(pages) == 19
    assert max(sum(len(result["Groups"]) for result in page) for page in pages) == 4
    assert grouped(result for page in pages for result in page) == grouped(whole["ResultsByTime"])
    assert "NextPageToken" not in whole


def test_a_page_may_end_in_the_middle_of_a_day():
    pages = ask_pages(question(date(2026, 3, 1), date(2026, 3, 3), SERVICE_AND_REGION), groups_per_page=20)
    starts = [[result["TimePeriod"]["Start"] for result in page] for page in pages]
    assert starts == [["2026-03-01", "2026-03-02"], ["2026-03-02"]]


def test_midnight_between_two_pages_changes_nothing():
    window = question(TODAY, TODAY + timedelta(days=1), SERVICE_AND_REGION)
    token = ask(window, groups_per_page=10)["NextPageToken"]
    following = {**window, "NextPageToken": token}
    late = ask(following, now=NOW + timedelta(days=1), groups_per_page=10)
    assert late == ask(following, groups_per_page=10)


@pytest.mark.parametrize("token", ["nonsense", "bm9uc2Vuc2U=", "eHx5fHo="])
def test_a_malformed_token_is_refused(token):
    request = question(date(2026, 3, 1), date(2026, 3, 2), NextPageToken=token)
    assert refusal(request) == "InvalidNextTokenException"


def test_a_token_of_another_request_is_refused():
    token = ask(question(date(2026, 3, 1), date(2026, 3, 2), SERVICE_AND_REGION), groups_per_page=4)[
        "NextPageToken"
    ]
    other = question(date(2026, 3, 1), date(2026, 3, 3), SERVICE_AND_REGION, NextPageToken=token)
    assert refusal(other, groups_per_page=4) == "InvalidNextTokenException"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (TODAY, TODAY),
        (TODAY, TODAY - timedelta(days=1)),
        ("yesterday", TODAY),
        (oldest_day(TODAY) - timedelta(days=1), TODAY),
    ],
    ids=["empty", "reversed", "not a date", "too old"],
)
def test_a_window_that_aws_refuses_is_refused(start, end):
    assert refusal(question(start, end)) == "ValidationException"


def test_a_window_in_the_future_has_no_data():
    future = TODAY + timedelta(days=1)
    assert refusal(question(future, future + timedelta(days=1))) == "DataUnavailableException"


def test_history_reaches_back_14_months():
    assert oldest_day(TODAY) == date(2025, 1, 1)
    results = ask(question(date(2025, 1, 1), date(2025, 1, 2)))["ResultsByTime"]
    assert totals(results) == {"2025-01-01": sum(bill(ESTATE, BOTH[0], date(2025, 1, 1)).values())}


@pytest.mark.parametrize(
    "extra",
    [
        {"Granularity": "HOURLY"},
        {"Metrics": []},
        {"Metrics": ["UsageQuantity"]},
        {"Filter": {"Dimensions": {"Key": "SERVICE", "Values": ["AWS Lambda"]}}},
        {"GroupBy": [{"Type": "TAG", "Key": "Team"}]},
        {"GroupBy": [{"Type": "DIMENSION", "Key": "AZ"}]},
        {"GroupBy": [{"Type": "DIMENSION", "Key": key} for key in ("SERVICE", "REGION", "LINKED_ACCOUNT")]},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_what_the_demo_cannot_answer_it_refuses(extra):
    assert refusal(question(date(2026, 3, 1), date(2026, 3, 2), **extra)) == "ValidationException"


def test_every_cost_basis_is_the_same_amount():
    request = question(date(2026, 3, 1), date(2026, 3, 2), Metrics=["UnblendedCost", "AmortizedCost"])
    amounts = ask(request)["ResultsByTime"][0]["Total"]
    assert amounts["UnblendedCost"] == amounts["AmortizedCost"]
