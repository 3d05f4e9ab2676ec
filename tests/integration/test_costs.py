"""Stored costs are what Cost Explorer said last, to the last digit, within the budget."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from collectors.aws import cost
from collectors.aws.cost import CostDay, CostLine
from collectors.models import AwsSpend, CloudAccount, DailyCost
from collectors.pipelines import register
from collectors.services import access, budget
from core.errors import BudgetExceededError
from pipelines import ledger
from pipelines.models import Run, Status, Trigger
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNT = "123456789012"
TODAY = date(2026, 3, 20)


def day(offset, *, estimated=False, **amounts):
    """The costs of the day `offset` days before today, given as service=amount."""
    lines = tuple(
        CostLine(service, "eu-west-1", "USD", Decimal(amount)) for service, amount in amounts.items()
    )
    return CostDay(TODAY - timedelta(days=offset), estimated, lines)


@pytest.fixture
def bill(monkeypatch, sent):
    """What Cost Explorer answers, and the windows it was asked for."""
    register()

    class Bill:
        answer, asked = [], []

    def daily_costs(cloud, start, end):
        Bill.asked.append((start, end))
        return Bill.answer

    Bill.asked = []
    monkeypatch.setattr(cost, "daily_costs", daily_costs)
    monkeypatch.setattr(budget, "today", lambda: TODAY)
    monkeypatch.setattr(access.Cloud, "account_id", lambda self: ACCOUNT)
    return Bill


def collect():
    run = ledger.start("cost")
    work_off(run)
    return Run.objects.get(pk=run.pk)


def stored():
    return {(row.date, row.service): f"{row.amount:f}" for row in DailyCost.objects.all()}


def test_stores_each_service_and_day_to_the_last_digit(bill):
    bill.answer = [day(2, EC2="0.0551724144", Tax="3.3"), day(1, EC2="-12.5")]
    run = collect()
    assert run.counts == {"created": 3, "updated": 0, "unchanged": 0, "deleted": 0}
    assert stored() == {
        (date(2026, 3, 18), "EC2"): "0.0551724144",
        (date(2026, 3, 18), "Tax"): "3.3",
        (date(2026, 3, 19), "EC2"): "-12.5",
    }


def test_changes_nothing_the_second_time(bill):
    bill.answer = [day(1, EC2="1.5")]
    collect()
    assert collect().counts == {"created": 0, "updated": 0, "unchanged": 1, "deleted": 0}


def test_replaces_a_day_that_was_restated(bill):
    bill.answer = [day(1, EC2="1.5", estimated=True)]
    collect()
    bill.answer = [day(1, EC2="1.75")]
    assert collect().counts["updated"] == 1
    row = DailyCost.objects.get()
    assert (row.amount, row.estimated) == (Decimal("1.75"), False)


def test_removes_a_service_that_vanished_from_a_day(bill):
    bill.answer = [day(2, EC2="1", S3="2"), day(1, EC2="3", S3="4")]
    collect()
    bill.answer = [day(2, EC2="1", S3="2"), day(1, EC2="3")]
    assert collect().counts["deleted"] == 1
    assert (date(2026, 3, 19), "S3") not in stored()


def test_leaves_days_alone_that_the_answer_does_not_mention(bill):
    bill.answer = [day(2, EC2="1"), day(1, EC2="2")]
    collect()
    bill.answer = []
    collect()
    assert len(stored()) == 2


def test_leaves_another_account_alone(bill):
    other = CloudAccount.objects.create(account_id="999999999999", enabled=False)
    CloudAccount.objects.create(account_id=ACCOUNT)
    DailyCost.objects.create(
        account=other, date=TODAY - timedelta(days=1), service="S3", unit="USD", amount=1
    )
    bill.answer = [day(1, EC2="1")]
    assert collect().counts["deleted"] == 0


def test_knows_that_a_day_without_any_line_cost_nothing(bill):
    bill.answer = [day(1)]
    collect()
    assert stored() == {(date(2026, 3, 19), ""): "0"}


def test_forgets_that_zero_when_the_day_turns_out_to_have_cost_something(bill):
    bill.answer = [day(1)]
    collect()
    bill.answer = [day(1, EC2="1")]
    collect()
    assert stored() == {(date(2026, 3, 19), "EC2"): "1"}


def test_asks_for_thirty_days_the_first_time(bill):
    collect()
    assert bill.asked == [(date(2026, 2, 18), TODAY)]


@pytest.mark.parametrize(
    ("days", "start"),
    [
        ([day(1, EC2="1")], date(2026, 3, 6)),
        ([day(20, EC2="1", estimated=True), day(1, EC2="1")], date(2026, 2, 28)),
        ([day(40, EC2="1")], date(2026, 2, 8)),
        ([day(700, EC2="1")], date(2025, 2, 18)),
    ],
    ids=["two weeks", "from the first open day", "from where it stopped", "at most 395 days"],
)
def test_asks_afterwards_for_what_may_have_changed(bill, days, start):
    bill.answer = days
    collect()
    collect()
    assert bill.asked[1] == (start, TODAY)


def test_stops_a_scheduled_collection_before_it_exceeds_the_budget(bill, settings):
    settings.AWS_DAILY_BUDGET_USD = Decimal("0.02")
    account = CloudAccount.objects.create(account_id=ACCOUNT)
    budget.reserve(account, Decimal("0.01"), limit_usd=Decimal("0.02"))
    budget.reserve(account, Decimal("0.01"), limit_usd=Decimal("0.02"))
    with pytest.raises(
        BudgetExceededError, match=r"costs \$0.01 and would exceed the daily budget of \$0.02"
    ):
        budget.reserve(account, Decimal("0.01"), limit_usd=Decimal("0.02"))
    assert AwsSpend.objects.get().amount_usd == Decimal("0.02")


@pytest.mark.parametrize(("trigger", "booked"), [(Trigger.SCHEDULE, False), (Trigger.MANUAL, True)])
def test_holds_the_schedule_to_the_budget_but_not_a_person(bill, settings, monkeypatch, trigger, booked):
    settings.AWS_DAILY_BUDGET_USD = Decimal("0.005")
    CloudAccount.objects.create(account_id=ACCOUNT)

    def daily_costs(cloud, start, end):
        cloud._meter.reserve(access.Call("ce", "GetCostAndUsage", Decimal("0.01")))
        return [day(1, EC2="1")]

    monkeypatch.setattr(cost, "daily_costs", daily_costs)
    run = ledger.start("cost", trigger=trigger)
    work_off(run)
    run.refresh_from_db()
    assert (run.status == Status.SUCCEEDED) is booked
    assert run.aws_cost_usd == (Decimal("0.01") if booked else 0)
    assert ("would exceed the daily budget" in run.error) is not booked


def test_real_answer_of_cost_explorer_is_stored_to_the_last_digit_and_not_changed_by_a_second_reading(
    monkeypatch, sent, shared_data
):
    register()
    text = (shared_data / "finops" / "ce_daily_by_service_2024-02_03.json").read_text()
    answer = json.loads(text)["ResultsByTime"]
    monkeypatch.setattr(cost, "_pages", lambda cloud, start, end: [answer])
    monkeypatch.setattr(access.Cloud, "account_id", lambda self: ACCOUNT)
    counts = collect().counts
    expected = {
        (date.fromisoformat(day["TimePeriod"]["Start"]), group["Keys"][0]): group["Metrics"]["UnblendedCost"]
        for day in answer
        for group in day["Groups"]
    }
    assert stored() == {key: metric["Amount"] for key, metric in expected.items()}
    assert counts["created"] == len(expected)
    assert collect().counts == {"created": 0, "updated": 0, "unchanged": len(expected), "deleted": 0}
