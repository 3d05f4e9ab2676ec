"""Every call is reserved, counted and priced, and refunded where it cost nothing."""

from decimal import Decimal

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from collectors.aws.metering import Tally
from collectors.aws.pricing import call_price
from collectors.aws.session import Access, Cloud
from core.errors import BudgetExceededError

BILL = {"ResultsByTime": []}


class Journal(Tally):
    """A meter that writes down what it is told."""

    def __init__(self):
        super().__init__()
        self.entries = []

    def reserve(self, call):
        self.entries.append(f"reserve {call.service}:{call.operation} {call.usd}")

    def sent(self, call):
        self.entries.append("sent")

    def refund(self, call):
        self.entries.append("refund")


class Broke(Tally):
    def reserve(self, call):
        raise BudgetExceededError("no money")


def ask_for_costs(meter):
    client = Cloud(Access(account_id=None), meter).client("ce", "eu-west-1")
    window = {"Start": "2026-03-01", "End": "2026-03-02"}
    return client.get_cost_and_usage(TimePeriod=window, Granularity="DAILY", Metrics=["UnblendedCost"])


def test_a_call_is_reserved_and_then_sent(aws):
    aws.say(BILL)
    journal = Journal()
    ask_for_costs(journal)
    assert journal.entries == ["reserve ce:GetCostAndUsage 0.01", "sent"]


def test_every_attempt_counts_and_only_one_is_paid(aws, tally):
    aws.refuse_json("LimitExceededException").refuse_json("ServiceUnavailable", status=503).say(BILL)
    ask_for_costs(tally)
    assert tally == Tally(calls=3, usd=Decimal("0.01"))


def test_nothing_is_sent_without_budget(aws):
    with pytest.raises(BudgetExceededError):
        ask_for_costs(Broke())
    assert aws.requests == []


def test_a_refused_call_is_refunded(aws, tally):
    aws.refuse_json("AccessDeniedException")
    with pytest.raises(Exception, match="AccessDenied"):
        ask_for_costs(tally)
    assert tally == Tally(calls=1, usd=Decimal(0))


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="u", error="e"), ConnectTimeoutError(endpoint_url="u", error="e")],
)
def test_a_call_that_never_arrived_is_refunded(aws, tally, error):
    aws.fail(error)
    with pytest.raises(type(error)):
        ask_for_costs(tally)
    assert tally == Tally(calls=4, usd=Decimal(0))


def test_a_call_whose_answer_was_lost_may_have_cost_its_price(aws, tally):
    aws.fail(ReadTimeoutError(endpoint_url="u", error="e"))
    with pytest.raises(ReadTimeoutError):
        ask_for_costs(tally)
    assert tally == Tally(calls=4, usd=Decimal("0.01"))


def test_a_call_that_could_not_be_signed_is_refunded(aws, tally, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(NoCredentialsError):
        ask_for_costs(tally)
    assert tally == Tally(calls=0, usd=Decimal(0))


@pytest.mark.parametrize(
    ("service", "operation", "params", "usd"),
    [
        ("ce", "GetCostAndUsage", {}, "0.01"),
        ("cloudwatch", "GetMetricData", {"MetricDataQueries": [{}] * 500}, "0.005"),
        ("cloudwatch", "GetMetricData", {}, "0"),
        ("ec2", "DescribeInstances", {}, "0"),
        ("sts", "AssumeRole", {}, "0"),
    ],
)
def test_prices(service, operation, params, usd):
    assert call_price(service, operation, params) == Decimal(usd)
